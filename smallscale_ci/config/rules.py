"""Rules from a commit (``--rules git:REF``): a change under test does not set its own rules.

The commit's configurations and image lock are written to the cache and read from there; its
baselines are read by git. The working tree supplies only what the commit lacks, and that is
reported.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from smallscale_ci.config.seams import AUTO
from smallscale_ci.errors import UsageError
from smallscale_ci.files import git, git_commit, git_line, whole

CONFIGS, IMAGES, BASELINES = "configs", "docker/images.lock.yaml", "baselines"
_GIT = "git:"
_SHORT = 12  # characters of a commit id that are shown
_MOST = 20  # files of each kind that are listed by name
_REGULAR = ("100644", "100755")
_WORDS = {
    "M": "changed here, does not count",
    "D": "deleted here, still counts",
    "A": "added here, replaces nothing",
}


@dataclass(frozen=True, slots=True)
class Rules:
    """The commit that the rules come from, and the location of its files."""

    ref: str
    commit: str
    folder: Path  # of the project, in the working tree
    files: Path  # of the commit: CONFIGS and IMAGES
    differing: tuple[tuple[str, str], ...]  # (M, D or A; path) of what the working tree has

    def lines(self) -> Iterator[str]:
        """The lines reported at the start: the commit, and what does not count."""
        yield f"rules: {_GIT}{self.ref} (commit {self.commit[:_SHORT]})"
        for kind, words in _WORDS.items():
            paths = [path for found, path in self.differing if found == kind]
            more = f" and {len(paths) - _MOST} more" if len(paths) > _MOST else ""
            if paths:
                yield f"rules: {words}: {', '.join(paths[:_MOST])}{more}"

    def at_commit(self, path: str) -> Path | None:
        """The commit's own file for a ``path`` of the working tree; ``None`` if it has none."""
        inside = os.path.relpath(Path(path).absolute(), self.folder.absolute())
        found = self.files / inside
        return found if not inside.startswith("..") and found.is_file() else None

    def baseline(self, spec: str) -> str:
        """``spec`` as a baseline of the commit. Raises ``UsageError`` for another commit's."""
        name = "" if spec == AUTO else spec
        if spec.startswith(_GIT):
            ref, _, name = spec.removeprefix(_GIT).partition(":")
            if git_commit(self.folder, ref) != self.commit:
                raise UsageError(
                    f"--baseline {spec} names another commit than --rules {_GIT}{self.ref}.",
                    "Leave out --baseline: it is read from the rules' commit.",
                )
        return f"{_GIT}{self.commit}{':' if name else ''}{name}"


def read(spec: str, start: Path, marks: Sequence[str], cache: Path) -> Rules:
    """The rules of the commit that ``spec`` (git:REF) names, written below ``cache``.

    The project is ``start`` or the nearest folder above it in which the commit has one of
    ``marks``. Raises ``UsageError`` if ``spec`` has another form, outside a repository and in a
    submodule, for an unknown commit, and for links among the commit's files.
    """
    ref = spec.removeprefix(_GIT)
    if not spec.startswith(_GIT) or not ref or ":" in ref:
        raise UsageError(
            f"--rules {spec} does not name a commit.", "Write --rules git:REF: git:origin/main."
        )
    top = git_line(start, "rev-parse", "--show-toplevel")
    if not top:
        raise UsageError(
            f"{start} is not in a git repository, so --rules {spec} names nothing.",
            "Run inside a repository, with git installed.",
        )
    if above := git_line(start, "rev-parse", "--show-superproject-working-tree"):
        raise UsageError(
            f"{start} is in a submodule of {above}, and --rules takes none from a submodule: a "
            "pull request may put one there.",
            f"Run in {above}.",
        )
    commit = git_commit(start, ref)
    if not commit:
        raise UsageError(
            f"git knows no commit '{ref}' here.",
            "A shallow clone lacks it: fetch it first (actions/checkout: fetch-depth: 0).",
        )
    folder = _project(start, Path(top), commit, marks)
    files = cache / "rules" / commit / (git_line(folder, "rev-parse", "--show-prefix") or ".")
    _write(folder, commit, files)
    return Rules(ref, commit, folder, files, tuple(_differing(folder, commit)))


def _project(start: Path, top: Path, commit: str, marks: Sequence[str]) -> Path:
    for folder in (start, *start.parents):
        if git_line(folder, "ls-tree", "--name-only", commit, "--", *marks):
            return folder
        if folder.resolve() == top.resolve():
            break
    return start


def _write(folder: Path, commit: str, files: Path) -> None:
    """Replace ``files`` by exactly the commit's configurations and image lock."""
    wanted: dict[Path, str] = {}
    # Not by `git archive`: attributes may leave files out, and what is left out would be added.
    for entry in _parts(folder, "ls-tree", "-r", "-z", commit, "--", CONFIGS, IMAGES):
        about, _, path = entry.partition("\t")
        mode, _, blob = about.split()
        if mode not in _REGULAR:
            raise UsageError(
                f"{path} of commit {commit[:_SHORT]} is a link, which --rules does not follow.",
                "Put a copy of the file there.",
            )
        wanted[files / path] = blob
    for found in sorted((files / CONFIGS).rglob("*")):
        if (found.is_symlink() or not found.is_dir()) and found not in wanted:
            found.unlink()
    for file, blob in wanted.items():
        content = git(folder, "cat-file", "blob", blob)
        if content is None:
            raise UsageError(
                f"git cannot read {file.name} of commit {commit[:_SHORT]}.",
                "A partial clone lacks it: fetch it first.",
            )
        if file.is_symlink() or not file.is_file() or file.read_bytes() != content:
            file.parent.mkdir(parents=True, exist_ok=True)
            with whole(file) as out:
                out.write(content)


def _differing(folder: Path, commit: str) -> Iterator[tuple[str, str]]:
    ours = ("--", CONFIGS, IMAGES, BASELINES)
    options = ("--name-status", "--no-renames", "--relative", "-z")
    words = _parts(folder, "diff", *options, commit, *ours)
    for kind, path in zip(words[::2], words[1::2], strict=True):
        yield (kind if kind in _WORDS else "M"), path
    for path in _parts(folder, "ls-files", "--others", "-z", *ours):
        yield "A", path


def _parts(folder: Path, *arguments: str) -> list[str]:
    """What git prints with -z."""
    printed = (git(folder, *arguments) or b"").decode(errors="surrogateescape")
    return [part for part in printed.split("\0") if part]
