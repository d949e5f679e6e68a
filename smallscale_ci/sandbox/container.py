"""A container for each run: the strongest sandbox, and the slowest to start.

Program and input are mounted read-only. Output goes to mounted files, so that a limit on
file size limits it. The image is our own, pinned in the image lock.
"""

from __future__ import annotations

import math
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import count
from pathlib import Path

from smallscale_ci.containers import images, leftovers, spec
from smallscale_ci.containers.connect import VARIABLES, connect
from smallscale_ci.containers.interface import Engine
from smallscale_ci.containers.spec import Mount, Spec
from smallscale_ci.errors import ContainerError, SmallscaleError
from smallscale_ci.sandbox.interface import Finished, Limits, SandboxUnavailable

IMAGE = "sandbox"  # in the image lock
_JAIL = Path(__file__).with_name("jail.py")
_READ_ONLY = ("program.py", "input")
_USER = "10001:10001"  # of the image
_TMP_BYTES = 64 << 20
_OWN_PROCESSES = 3  # init, timeout, and the shell that becomes the program
_COUNT = count()  # of the containers of this process
_SPARE_S = 5  # a container whose worker died ends by itself this long after its program's time
# Container engines have no limit on address space; the shell has.
_SCRIPT = (
    'ulimit -v "$1"; exec env -i PATH=/usr/local/bin:/usr/bin:/bin HOME=/tmp OMP_NUM_THREADS=1 '
    "python3 -I -S -B /sandbox/jail.py </sandbox/input >/sandbox/output 2>/sandbox/error"
)


@dataclass(frozen=True, slots=True)
class Container:
    """The containers of one judging, labelled with its ``token`` and removed by that label."""

    image: str  # by digest
    environment: tuple[tuple[str, str], ...]  # variables that say where the engine is
    token: str
    now: Callable[[], datetime]

    @property
    def name(self) -> str:
        """See ``interface.Sandbox``."""
        return "container"

    def run(self, program: str, given: bytes, limits: Limits) -> Finished:
        """See ``interface.Sandbox``."""
        with tempfile.TemporaryDirectory(prefix="smallscale-") as name:
            folder = Path(name)
            contents = {
                "program.py": program.encode("utf-8", "surrogatepass"),
                "input": given,
                "output": b"",
                "error": b"",
            }
            for file, content in contents.items():
                (folder / file).write_bytes(content)
                (folder / file).chmod(0o666)  # for any user; the mounts forbid writing
            try:
                status, seconds = self._contain(folder, limits)
            except ContainerError as error:
                raise SandboxUnavailable(f"{error.message} {error.hint}".strip()) from error
            with (folder / "output").open("rb") as output:
                printed = output.read(limits.output_bytes)
            complaint = (folder / "error").read_bytes().decode("utf-8", "replace")[-2000:]
        return Finished(printed, complaint, status, seconds)

    def clean(self) -> None:
        """See ``interface.Sandbox``."""
        with suppress(ContainerError):
            leftovers.remove_run(_engine(self.environment), self.token)

    def _contain(self, folder: Path, limits: Limits) -> tuple[int | None, float]:
        """Exit status, ``None`` when time was up, and seconds. Raises ``ContainerError``."""
        engine = _engine(self.environment)
        container = engine.create(self._describe(folder, limits))
        try:
            engine.start(container)
            begin = time.monotonic()
            ended = engine.wait(container, limits.seconds)
            seconds = time.monotonic() - begin
        finally:
            engine.remove(container)
        return None if ended is None else ended.code, seconds

    def _describe(self, folder: Path, limits: Limits) -> Spec:
        deadline_s = math.ceil(limits.seconds) + _SPARE_S
        return Spec(
            name=f"smallscale-{self.token}-{os.getpid()}-{next(_COUNT)}",
            image=self.image,
            command=("sh", "-c", _SCRIPT, "sh", str(limits.memory_bytes >> 10)),
            mounts=(
                Mount(_JAIL, "/sandbox/jail.py", read_only=True),
                *(
                    Mount(folder / file, f"/sandbox/{file}", read_only=file in _READ_ONLY)
                    for file in (*_READ_ONLY, "output", "error")
                ),
            ),
            user=_USER,
            memory=limits.memory_bytes + _TMP_BYTES,
            deadline_s=deadline_s,
            labels={spec.RUN: self.token, **leftovers.owner(self.now().timestamp(), deadline_s)},
            pids=limits.processes + _OWN_PROCESSES,
            shm=1 << 20,
            tmp=_TMP_BYTES,
            ulimits={
                "fsize": limits.output_bytes,
                "cpu": int(limits.seconds) + 1,
                "nofile": 64,
            },
        )


def find(
    lock: Path,
    environment: Mapping[str, str],
    nonce: str,
    now: Callable[[], datetime],
) -> Container:
    """The sandbox with containers of the locked image; removes what killed hosts left.

    ``nonce`` distinguishes this judging's containers from others on the same engine.

    Raises ``SandboxUnavailable`` without a container engine, or if it lacks the image.
    """
    where = tuple((name, environment[name]) for name in VARIABLES if environment.get(name))
    try:
        locked = images.read(lock)
        engine = _engine(where)
        if not (locked.image(IMAGE).digest or locked.image(IMAGE).id):
            raise SandboxUnavailable(f"not built yet (smallscale image build {IMAGE})")
        image = images.local(engine, images.pinned(locked, IMAGE))
        if image is None:
            raise SandboxUnavailable(f"its image is not here (smallscale image build {IMAGE})")
        leftovers.clean(engine, now().timestamp())
    except SmallscaleError as error:
        raise SandboxUnavailable(f"{error.message} {error.hint}".strip()) from error
    return Container(image.reference, where, f"sandbox-{nonce}", now)


@cache
def _engine(environment: tuple[tuple[str, str], ...]) -> Engine:
    """One connection per process."""
    return connect(dict(environment))
