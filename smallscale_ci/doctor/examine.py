"""What this machine has and what is missing, each line with its remedy."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from smallscale_ci.checkpoint.embedded import ALIASES
from smallscale_ci.config.settings import Settings
from smallscale_ci.doctor import machine
from smallscale_ci.doctor.machine import Finding, State
from smallscale_ci.worker.engines.registry import ENGINES

_GIB = 1 << 30
TRAINING = "training environment"
_LIBRARIES = ("numpy", "scipy", "pyarrow", "sympy", "math-verify", "huggingface-hub")


def examine(settings: Settings) -> list[Finding]:
    """Check everything that runs depend on. Takes a few seconds."""
    return [
        _python(),
        *_libraries(),
        *_disk(settings),
        *_environments(settings),
        _training(settings),
        _model_cache(settings),
        _baselines(settings),
        *machine.gpus(settings.images),
        *machine.containers(settings.images, settings.environment, settings.now().timestamp()),
        machine.sandbox(settings),
        machine.hub(settings.environment),
        _cores(),
    ]


def _python() -> Finding:
    return Finding("Python", State.OK, platform.python_version())


def _libraries() -> Iterator[Finding]:
    for name in _LIBRARIES:
        try:
            yield Finding(name, State.OK, importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield Finding(name, State.BAD, "not installed", "Run `make venv`.")


def _disk(settings: Settings) -> Iterator[Finding]:
    for what, folder in (("disk for runs", settings.runs), ("disk for models", settings.cache)):
        there = next(path for path in (folder, *folder.parents) if path.exists())
        free = shutil.disk_usage(there).free
        writable = os.access(there, os.W_OK)
        found = f"{free / _GIB:.0f} GiB free in {there}"
        if not writable:
            yield Finding(what, State.BAD, f"{there} is read-only", "Choose another folder.")
        elif free < _GIB:
            yield Finding(what, State.BAD, found, "Free at least 1 GiB.")
        else:
            yield Finding(what, State.OK, found)


def _environments(settings: Settings) -> Iterator[Finding]:
    if settings.engine_python is not None:
        yield _engine("engine (--engine-python)", settings.engine_python)
        return
    found = sorted(settings.environments.glob("engine-*/bin/python"))
    for python in found:
        yield _engine(f"engine {python.parent.parent.name}", python)
    if not found:
        yield Finding(
            "engine",
            State.MISSING,
            f"none in {settings.environments}",
            "Run `smallscale engine install`.",
        )


def _training(settings: Settings) -> Finding:
    python = settings.environments / "train-cpu" / "bin" / "python"
    if python.exists():
        return Finding(TRAINING, State.OK, str(python.parent.parent))
    return Finding(
        TRAINING, State.MISSING, "no environment", "Run `smallscale engine install train-cpu`."
    )


def ready(findings: Sequence[Finding]) -> tuple[str, ...]:
    """What this machine can do as it is, in a few words each."""
    fine = {finding.what for finding in findings if finding.state is State.OK}
    if any(finding.state is State.BAD for finding in findings):
        return ()
    has_engine = any(name.startswith("engine ") for name in fine)
    images = sorted(name.removeprefix("image ") for name in fine if name.startswith("image "))
    served = [name for name in images if name in ENGINES]
    possible = {
        "judging, comparing and planning": True,
        "eval on the CPU (profile vllm-cpu)": has_engine,
        f"eval on GPUs in containers ({', '.join(served)})": bool(served) and "GPUs" in fine,
        "code judging": "sandbox for code" in fine,
        "training": TRAINING in fine,
    }
    return tuple(what for what, is_so in possible.items() if is_so)


def _engine(what: str, python: Path) -> Finding:
    packages = [name for kind in ENGINES.values() for name in kind.packages]
    code = (
        "import importlib.metadata as m\n"
        f"for n in {packages}:\n"
        "    try: print(n, m.version(n))\n"
        "    except m.PackageNotFoundError: pass\n"
    )
    try:
        done = subprocess.run(
            [str(python), "-c", code], capture_output=True, text=True, check=False, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding(what, State.BAD, f"{python}: {error}", "Run `smallscale engine install`.")
    versions = done.stdout.replace("\n", " ").strip()
    if versions:
        return Finding(what, State.OK, versions)
    return Finding(
        what,
        State.BAD,
        f"{python} has none of {', '.join(packages)}",
        "Run `smallscale engine install`.",
    )


def _model_cache(settings: Settings) -> Finding:
    made = [path.name for path in sorted((settings.cache / "models").glob("*/"))]
    if made:
        return Finding("model cache", State.OK, ", ".join(made))
    names = ", ".join(ALIASES)
    return Finding("model cache", State.MISSING, f"{names} not there yet", "Made on first use.")


def _baselines(settings: Settings) -> Finding:
    from smallscale_ci.run import baselines

    known = baselines.names(settings.baselines)
    if known:
        return Finding("baselines", State.OK, ", ".join(known))
    return Finding(
        "baselines",
        State.MISSING,
        f"none in {settings.baselines}",
        "smallscale generate MODEL --epochs 8, then smallscale baseline record RUN.",
    )


def _cores() -> Finding:
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    memory = pages * size / _GIB
    found = f"{os.cpu_count()} cores, {memory:.0f} GiB memory"
    if memory < 6:
        return Finding("machine", State.BAD, found, "The CPU engine needs about 6 GiB.")
    return Finding("machine", State.OK, found)


def clean(settings: Settings) -> list[str]:
    """Remove containers that killed hosts left; their names. Raises ``ContainerError``.

    If no engine was ever installed there is nothing to remove, which is not an error.
    """
    from smallscale_ci.containers import leftovers
    from smallscale_ci.containers.connect import connect, sockets

    if not sockets(settings.environment):
        return []
    engine = connect(settings.environment)
    return [container.name for container in leftovers.clean(engine, settings.now().timestamp())]
