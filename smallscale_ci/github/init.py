"""Putting the gate into another repository: a workflow, a gate policy, a folder of baselines.

Nothing is asked that can be found out: branch, suites, profiles and checkpoints of the repository,
and where this smallscale comes from. Existing files are left alone.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from smallscale_ci.config.folders import names
from smallscale_ci.config.policy import GatePolicy
from smallscale_ci.config.profile import EngineProfile
from smallscale_ci.config.suite import SuiteConfig
from smallscale_ci.errors import UsageError, did_you_mean
from smallscale_ci.files import git_line, storage_errors, whole, write_text
from smallscale_ci.interop.readers import READERS

_TEMPLATES = Path(__file__).parent / "templates"
UNKNOWN = "OWNER/smallscale-ci"
_FILES = {
    ".github/workflows/smallscale.yml": "workflow.yml",
    "configs/gates/ci.yaml": "gate.yaml",
    "baselines/README.md": "baselines.md",
}
_COMPARE = {".github/workflows/smallscale.yml": "compare.yml"}
_CHECKOUT = "de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6.0.2"
_COMMIT = 40  # characters of a commit id
_DEEP = 3  # levels of folders in which a checkpoint is looked for
_SKIPPED = {"node_modules", "runs"}


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts about the repository, and about the smallscale that it will use."""

    branch: str
    model: str
    suite: str
    profile: str
    gate: str
    repository: str  # owner/name of smallscale-ci
    ref: str  # its commit


@dataclass(frozen=True, slots=True)
class Result:
    """Paths relative to the repository, and the steps left to do by hand."""

    written: tuple[str, ...]
    skipped: tuple[str, ...]
    advice: tuple[str, ...]


def find_out(folder: Path, package: Path) -> Facts:
    """What the repository in ``folder`` has; ``package`` is the checkout of smallscale, if any.

    Raises ``UsageError`` when ``folder`` is not a folder.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder.", "Name the folder of a repository.")
    roots = (folder / "configs",)
    suites, profiles = names(SuiteConfig, roots), names(EngineProfile, roots)
    gates = names(GatePolicy, roots)
    head = git_line(folder, "symbolic-ref", "--short", "refs/remotes/origin/HEAD")
    # With a detached HEAD and no remote, assume the usual name.
    branch = head.removeprefix("origin/") or git_line(folder, "symbolic-ref", "--short", "HEAD")
    top = git_line(package, "rev-parse", "--show-toplevel")
    # If installed into another repository's environment, that repository is not the source.
    is_checkout = bool(top) and Path(top).resolve() == package.resolve()
    source = _github_name(git_line(package, "remote", "get-url", "origin")) if is_checkout else ""
    return Facts(
        branch=branch or "main",
        model=_checkpoint(folder) or "smollm2",
        suite=suites[0] if suites else "smoke",
        profile=profiles[0] if profiles else "vllm",
        gate=gates[0] if gates and "ci" not in gates else "ci",
        repository=source or UNKNOWN,
        ref=(git_line(package, "rev-parse", "HEAD") if is_checkout else "") or "v1",
    )


def write(folder: Path, facts: Facts, tool: str = "") -> Result:
    """Write the files that do not exist yet; with ``tool``, only the gate of its results.

    Raises ``StorageError`` for a full or read-only disk, and ``UsageError`` for a tool whose
    results cannot be read.
    """
    known = [reader.name for reader in READERS]
    if tool and tool not in known:
        raise UsageError(
            f"--from {tool}: unknown tool{did_you_mean(tool, known)}.",
            f"Known: {', '.join(known)}.",
        )
    written: list[str] = []
    skipped: list[str] = []
    for name, template in (_COMPARE if tool else _FILES).items():
        path = folder / name
        if name.startswith("configs/") and facts.gate != path.stem:
            continue  # the repository has a policy of its own
        if path.exists() or path.is_symlink():
            (written if _told_the_source(path, facts) else skipped).append(name)
            continue
        if template == "gate.yaml" and facts.suite == "smoke":
            template = "gate-smoke.yaml"  # noqa: PLW2901 - with margins that it can hold
        text = (_TEMPLATES / template).read_text(encoding="utf-8")
        with _writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, _filled(text, facts, tool))
        written.append(name)
    advice = _source_advice(folder, facts) if tool else _advice(folder, facts)
    if tool:
        advice.append("Name the two results in .github/workflows/smallscale.yml.")
    return Result(tuple(written), tuple(skipped), tuple(advice))


def _told_the_source(path: Path, facts: Facts) -> bool:
    """Fill in the repository that an earlier call did not know; returns whether it was missing."""
    if path.is_symlink() or not path.is_file() or facts.repository == UNKNOWN:
        return False
    before = path.read_bytes()
    if UNKNOWN.encode() not in before:
        return False
    with _writing(path), whole(path) as stream:
        stream.write(before.replace(UNKNOWN.encode(), facts.repository.encode()))
    return True


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        with storage_errors(
            str(path), "Free disk space or correct its rights, then repeat `init`."
        ):
            yield
    except (FileExistsError, NotADirectoryError) as error:
        files = (one for one in path.parents if not one.is_dir() and os.path.lexists(one))
        wrong = next(files, path.parent)
        raise UsageError(
            f"{wrong} is not a folder, so {path} cannot be written.",
            "Move it away, then repeat `init`.",
        ) from error


def _filled(template: str, facts: Facts, tool: str) -> str:
    words = {
        # JSON strings are YAML strings; an expression has strings in single quotes.
        **{key: json.dumps(getattr(facts, key)) for key in ("branch", "model", "suite", "gate")},
        "profile": json.dumps(facts.profile),
        "model_expression": "'" + facts.model.replace("'", "''") + "'",
        "repository": facts.repository,
        "ref": facts.ref,
        "tool": tool,
        "checkout": _CHECKOUT,
        "candidate": "results/new",
        "reference": "results/baseline",
        **{f"{key}_word": quote(getattr(facts, key)) for key in ("model", "suite", "profile")},
    }
    return re.sub(r"<<(\w+)>>", lambda found: words[found[1]], template)


def _source_advice(folder: Path, facts: Facts) -> list[str]:
    advice = []
    top = git_line(folder, "rev-parse", "--show-toplevel")
    if not top:
        advice.append(f"{folder} is not in a git repository yet: git init")
    elif Path(top).resolve() != folder.resolve():
        advice.append(
            f"GitHub reads workflows at the top of a repository only: smallscale init {quote(top)}"
        )
    if facts.repository == UNKNOWN:
        commit = "" if len(facts.ref) == _COMMIT else f", and {facts.ref} by a commit of it"
        advice.append(
            "Where smallscale comes from is not known. Name it with --repository OWNER/NAME, or in "
            f".github/workflows/smallscale.yml replace {UNKNOWN} by its repository{commit}."
        )
    return advice


def _advice(folder: Path, facts: Facts) -> list[str]:
    advice = _source_advice(folder, facts)
    ignored = folder / ".gitignore"
    text = ignored.read_text(encoding="utf-8", errors="replace") if ignored.is_file() else ""
    if not {"runs", "runs/", "/runs", "/runs/"} & set(text.split()):
        advice.append("Keep run folders out of git: echo /runs/ >> .gitignore")
    advice.append("Set the labels of your GPU runner in .github/workflows/smallscale.yml.")
    advice.append("Record a baseline: baselines/README.md says how.")
    return advice


def _checkpoint(folder: Path) -> str:
    """A folder with safetensors in the repository, relative to it."""
    for depth in range(1, _DEEP + 1):
        for config in sorted(folder.glob("*/" * depth + "config.json")):
            inside = config.parent.relative_to(folder)
            odd = any(part in _SKIPPED or part.startswith(".") for part in inside.parts)
            if not odd and any(config.parent.glob("*.safetensors")):
                return inside.as_posix()
    return ""


def _github_name(url: str) -> str:
    """owner/name of a remote's address, or nothing."""
    found = re.search(r"[:/]([\w.-]+)/([\w.-]+?)(\.git)?/?$", url)
    return f"{found[1]}/{found[2]}" if found and "github" in url else ""
