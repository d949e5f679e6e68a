"""What containers need on this machine, line by line: engine, images, GPUs, and leftovers."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import httpx2

from smallscale_ci.config.settings import Settings
from smallscale_ci.containers import catalog, leftovers
from smallscale_ci.containers.connect import connect
from smallscale_ci.containers.images import ImageLock, read
from smallscale_ci.containers.interface import About, Engine
from smallscale_ci.errors import ContainerError, SmallscaleError

_HUB = "https://huggingface.co"
_HUB_S = 5
_RANKS = "1; 4 for models below a billion parameters (profile vllm-shared)"  # docs/benchmarks
_COLUMNS = 3  # fields requested from nvidia-smi
_MEND = "Repair or reinstall the NVIDIA driver; without it use the profile vllm-cpu."
_OLDEST_DRIVER = {"12": 525, "13": 580}  # CUDA's major version → driver (its compatibility guide)


class State(StrEnum):
    """The state of one thing: fine, missing but not always needed, or a problem."""

    OK = "ok"
    MISSING = "missing"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the table."""

    what: str
    state: State
    found: str
    remedy: str = ""


def containers(lock: Path, environment: Mapping[str, str], now: float) -> Iterator[Finding]:
    """Check the container engine, its GPUs, the images of the lock, and leftover containers.

    ``now`` is the time in seconds since the epoch: containers have a deadline.
    """
    engine: Engine | None = None
    try:
        engine = connect(environment)
        about = engine.about()
    except ContainerError as error:
        yield Finding("container engine", State.MISSING, error.message, error.hint)
        engine = None
    else:
        rootless = ", rootless" if about.rootless else ""
        found = f"{about.name} {about.version} (API {about.api}{rootless}) at {about.socket}"
        yield Finding("container engine", State.OK, found)
        yield _gpus_in_containers(about)
    try:
        locked = read(lock)
    except SmallscaleError as error:
        yield Finding("image lock", State.BAD, error.message, error.hint)
        return
    yield from _images(locked, engine)
    if engine is not None:
        yield _left(engine, now)


def sandbox(settings: Settings) -> Finding:
    """Which sandbox generated programs run in, and why."""
    from smallscale_ci.sandbox.choice import choose

    what, remedy = "sandbox for code", "Install bubblewrap, or `smallscale image build sandbox`."
    try:
        where = settings.images, settings.environment
        choice = choose(settings.sandbox, *where, settings.now, nonce=settings.nonce())
    except SmallscaleError as error:
        return Finding(what, State.BAD, error.message, error.hint)
    if choice.sandbox is None:
        return Finding(what, State.MISSING, choice.reason, remedy)
    return Finding(what, State.OK, f"{choice.sandbox.name} ({choice.reason})")


def gpus(lock: Path) -> Iterator[Finding]:
    """The GPUs with their free memory, and whether the driver suffices for each image's CUDA."""
    query = "name,memory.free,driver_version"
    command = ["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    except FileNotFoundError:
        yield Finding("GPUs", State.MISSING, "none", "Use the profile vllm-cpu.")
        return
    except (OSError, subprocess.TimeoutExpired) as error:
        yield Finding("GPUs", State.MISSING, f"nvidia-smi: {error}", _MEND)
        return
    rows = [[part.strip() for part in line.split(",")] for line in done.stdout.splitlines()]
    rows = [row for row in rows if len(row) == _COLUMNS]
    if done.returncode or not rows:
        said = (done.stdout + done.stderr).strip() or f"it ended with code {done.returncode}"
        yield Finding("GPUs", State.MISSING, f"nvidia-smi: {said}", _MEND)
        return
    for number, (name, free, driver) in enumerate(rows):
        yield Finding(f"GPU {number}", State.OK, f"{name}, {free} free, driver {driver}")
    yield Finding("ranks on one GPU", State.OK, _RANKS)
    try:
        locked = read(lock)
    except SmallscaleError:
        return  # reported above
    for image, entry in locked.images.items():
        needed = _OLDEST_DRIVER.get((entry.cuda or "").partition(".")[0], 0)
        if needed and (entry.engine or entry.dockerfile):  # otherwise it is only a base for others
            yield _driver(image, entry.cuda or "", driver, needed)


def hub(environment: Mapping[str, str]) -> Finding:
    """Whether the model hub answers."""
    address = environment.get("HF_ENDPOINT") or _HUB
    if not address.startswith(("https://", "http://")):
        return Finding("hub", State.BAD, f"HF_ENDPOINT is {address}", "Give an https:// address.")
    try:
        httpx2.head(address, timeout=_HUB_S)  # whatever it answers
    except (httpx2.TransportError, httpx2.InvalidURL) as error:
        cause = str(error) or type(error).__name__
        return Finding(
            "hub", State.MISSING, f"{address}: {cause}", "Models must be folders on this machine."
        )
    return Finding("hub", State.OK, address)


def _gpus_in_containers(about: About) -> Finding:
    what = "GPUs in containers"
    if about.nvidia:
        return Finding(what, State.OK, "NVIDIA runtime or CDI")
    return Finding(
        what,
        State.MISSING,
        "no NVIDIA runtime, no CDI",
        "Install the NVIDIA Container Toolkit, then `nvidia-ctk runtime configure`.",
    )


def _images(lock: ImageLock, engine: Engine | None) -> Iterator[Finding]:
    for row in catalog.table(lock, engine):
        entry = lock.images[row.name]
        if entry.engine is None and entry.dockerfile is None:
            continue  # only a base for others
        verb = "build" if entry.dockerfile and not entry.digest else "pull"
        present = row.state == "present"
        yield Finding(
            f"image {row.name}",
            State.OK if present else State.MISSING,
            f"{row.state} {row.digest}".strip(),
            "" if present else f"smallscale image {verb} {row.name}",
        )


def _left(engine: Engine, now: float) -> Finding:
    what = "containers left"
    try:
        found = leftovers.leftovers(engine, now)
    except ContainerError as error:
        return Finding(what, State.BAD, error.message, error.hint)
    if not found:
        return Finding(what, State.OK, "none")
    names = ", ".join(container.name for container in found)
    return Finding(what, State.MISSING, names, "smallscale doctor --clean")


def _driver(image: str, cuda: str, driver: str, needed: int) -> Finding:
    what, found = f"driver for {image}", f"{driver}, CUDA {cuda} needs {needed}"
    try:
        enough = int(driver.partition(".")[0]) >= needed
    except ValueError:
        enough = False
    if enough:
        return Finding(what, State.OK, found)
    return Finding(what, State.BAD, found, f"Update the driver to {needed} or newer.")
