"""The manifest: what made a run, and whether two runs may be compared."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import smallscale_ci
from smallscale_ci.checkpoint import Checkpoint
from smallscale_ci.ids import combined_hash
from smallscale_ci.records import Difference, SamplingSpec
from smallscale_ci.run.folder import SCHEMA_VERSION

Manifest = dict[str, Any]

# Whatever changes a sample's meaning makes runs incomparable; the seed only makes it another draw.
_COMPARED = (
    "suite.hash",
    "prompts.hash",
    "sampling.temperature",
    "sampling.top_p",
    "sampling.top_k",
    "sampling.min_p",
    "sampling.max_tokens",
    "sampling.stop",
    "judges",
    "engine.name",
    "engine.version",
    "engine.image",
    "engine.dtype",
    "engine.max_model_len",
)


def begin(
    *,
    run_id: str,
    now: datetime,
    checkpoint: Checkpoint,
    suite: Mapping[str, str],
    sampling: SamplingSpec,
    judges: Mapping[str, str],
    engine: Mapping[str, Any],
    profile: str,
    runtime: Mapping[str, str],
    repository: Path,
) -> Manifest:
    """The manifest of a run that starts. ``engine`` has name and image; the rest is found later."""
    return {
        "schema_version": SCHEMA_VERSION,
        "run_id": run_id,
        "status": "running",
        "created": now.isoformat(timespec="seconds"),
        "checkpoint": {**asdict(checkpoint), "path": str(checkpoint.path)},
        "suite": dict(suite),
        "prompts": {"hash": ""},
        "sampling": {**asdict(sampling), "stop": list(sampling.stop)},
        "judges": dict(judges),
        "engine": dict(engine),
        "profile": profile,
        "runtime": dict(runtime),
        "machine": {
            "python": platform.python_version(),
            "system": platform.system(),
            "processor": platform.machine(),
        },
        "package": {"version": smallscale_ci.__version__, **git_state(repository)},
        "timings": {},
        "tokens": {},
        "warnings": [],
    }


def with_engine(manifest: Manifest, info: Mapping[str, Any]) -> Manifest:
    """``manifest`` completed by what the worker reported of its engine."""
    settings = dict(info.get("settings", {}))
    engine = {
        **manifest["engine"],
        "version": info.get("version", ""),
        "dtype": settings.pop("dtype", ""),
        "max_model_len": settings.pop("max_model_len", 0),
        "settings": settings,
        "libraries": {key: info[key] for key in ("torch", "transformers") if key in info},
    }
    machine = {**manifest["machine"], "device": info.get("device", "")}
    return {**manifest, "engine": engine, "machine": machine}


def prompts_hash(hashes: Mapping[str, str]) -> str:
    """One hash of all rendered prompts, from problem_id → hash of its token ids."""
    return combined_hash(hashes.items())[:16]


def differences(
    baseline: Manifest | None,
    candidate: Manifest | None,
    allow: Iterable[str],
    *,
    early: bool = False,
) -> tuple[Difference, ...]:
    """Every compared key that differs. A bare file has no manifest: then nothing is known.

    A key is allowed when ``allow`` names it or a part above it (``engine`` allows all of it).
    ``early`` compares only what is known before the engine is loaded.
    """
    if baseline is None or candidate is None:
        return ()
    allowed = tuple(allow)
    found = []
    for key in _COMPARED:
        if early and key.startswith(("engine", "prompts")):
            continue
        before, after = _get(baseline, key), _get(candidate, key)
        if before != after:
            permitted = any(key == name or key.startswith(name + ".") for name in allowed)
            found.append(Difference(key, _shown(before), _shown(after), permitted))
    return tuple(found)


def flat(manifest: Manifest) -> dict[str, str]:
    """The manifest as dotted keys, for the provenance section of a report."""
    result: dict[str, str] = {}

    def walk(prefix: str, value: Any) -> None:
        if isinstance(value, dict) and value:
            for key in value:
                walk(f"{prefix}.{key}" if prefix else str(key), value[key])
        else:
            result[prefix] = _shown(value)

    walk("", manifest)
    return result


def git_state(folder: Path) -> dict[str, Any]:
    """Commit and dirty flag of the repository around ``folder``; empty outside of one."""
    commit = _git(folder, "rev-parse", "HEAD")
    if not commit:
        return {"git_commit": "", "git_dirty": False}
    return {"git_commit": commit, "git_dirty": bool(_git(folder, "status", "--porcelain"))}


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _get(manifest: Manifest, key: str) -> Any:
    value: Any = manifest
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _shown(value: Any) -> str:
    return "" if value is None else str(value)
