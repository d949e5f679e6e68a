"""The environments of engines and of training, made from the locks that ship with the package.

They are separate from the core on purpose: torch or an engine must never decide which numpy the
core uses. The steps are the Makefile's; its stamp says that an environment is complete and current.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from smallscale_ci.errors import EngineError, UsageError, did_you_mean

TORCH = "2.13.0+cpu"
_TORCH_INDEX = "https://download.pytorch.org/whl/cpu"
_PIP = ("-m", "pip", "--disable-pip-version-check", "--quiet", "install")


@dataclass(frozen=True, slots=True)
class Environment:
    """One lock under ``requirements/``, and the options that pip needs for it."""

    about: str
    before: tuple[str, ...] = ()  # packages needed to build others
    options: tuple[str, ...] = ()
    compiled: str = ""  # a package whose operator is compiled if there is a compiler


ENVIRONMENTS: Mapping[str, Environment] = {
    "engine-vllm-cpu": Environment("the vLLM CPU engine (2.5 GB)"),
    "train-cpu": Environment(
        "LLaMA-Factory and DeepSpeed (1.8 GB)",
        before=("setuptools", "wheel"),
        options=("--no-build-isolation",),
        # DeepSpeed is published as source. Without a compiler the operator that it needs on CPUs
        # is left to the first training.
        compiled="deepspeed",
    ),
}


def named(word: str) -> str:
    """An environment by its own name or its profile's. Raises ``UsageError``."""
    for name in (word, f"engine-{word}"):
        if name in ENVIRONMENTS:
            return name
    known = [name.removeprefix("engine-") for name in ENVIRONMENTS]
    raise UsageError(
        f"There is no environment '{word}'{did_you_mean(word, known)}.",
        f"Known: {', '.join(known)}.",
    )


def is_ready(name: str, locks: Path, folder: Path) -> bool:
    """Whether the environment in ``folder`` was made from the lock as it is now."""
    return _stamp(name, locks, folder).exists()


def install(
    name: str,
    locks: Path,
    folder: Path,
    environment: Mapping[str, str],
    say: Callable[[str], None],
) -> None:
    """Make the environment ``name`` in ``folder``, from scratch.

    ``locks`` is the folder of the requirement files. Raises ``EngineError`` with pip's last lines.
    """
    what = ENVIRONMENTS[name]
    shutil.rmtree(folder, ignore_errors=True)
    say(f"making {folder}: {what.about}")
    _run([sys.executable, "-m", "venv", str(folder)], environment)
    pip = [str(folder / "bin" / "python"), *_PIP]
    if what.before:
        _run([*pip, *what.before], environment)
    torch = [*pip, "--no-deps", f"torch=={TORCH}"]
    say(f"installing torch {TORCH}")
    try:
        _run(torch, environment)
    except EngineError:  # most indexes have no builds for the CPU alone
        _run([*torch[:-1], "--index-url", _TORCH_INDEX, torch[-1]], environment)
    say(f"installing {what.about}")
    lock = str(_lock(name, locks))
    quiet = {**environment, "DS_BUILD_OPS": "0"}
    locked = [*pip, "--no-deps", *what.options]
    _run([*locked, "-r", lock], quiet)
    if what.compiled:
        # torch has to work for it, and what pip keeps may have been built without the operator.
        fresh = [*locked, "--no-cache-dir", "--force-reinstall", "-c", lock, what.compiled]
        with suppress(EngineError):
            _run(fresh, {**quiet, "DS_BUILD_SHM_COMM": "1"})
    _stamp(name, locks, folder).touch()


def _lock(name: str, locks: Path) -> Path:
    return locks / f"{name}.txt"


def _stamp(name: str, locks: Path, folder: Path) -> Path:
    digest = hashlib.sha256(_lock(name, locks).read_bytes()).hexdigest()[:16]
    return folder / f".ready-{digest}-{TORCH}"


def _run(command: list[str], environment: Mapping[str, str]) -> None:
    done = subprocess.run(
        command, env=dict(environment), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise EngineError(
            "The environment could not be made.",
            "Check the network and the package index (PIP_INDEX_URL), then repeat the command.",
            "\n".join((done.stderr or done.stdout).splitlines()[-15:]),
        )
