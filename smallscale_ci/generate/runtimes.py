"""Where a run's engine processes run, and why there: a virtual environment, or containers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from smallscale_ci.config.models import EngineProfile
from smallscale_ci.containers import images
from smallscale_ci.containers.images import Pinned
from smallscale_ci.containers.spec import GIB, MODEL, WORK
from smallscale_ci.errors import ContainerError, UsageError
from smallscale_ci.generate.interface import assign_gpus

if TYPE_CHECKING:
    from smallscale_ci.containers.docker import Engine
    from smallscale_ci.generate.docker import DockerRuntime

LOCAL, DOCKER, RAY = "local", "docker", "ray"
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Choice:
    """A runtime that can be used now, and why it was chosen."""

    name: str = LOCAL
    reason: str = "asked for"
    image: Pinned | None = None

    @property
    def digest(self) -> str:
        """The digest of the image; empty without one."""
        return self.image.digest if self.image else ""

    def seen(self, model: Path, work: Path) -> str:
        """The path of ``model`` (a checkpoint, or a file in the work folder) as workers see it."""
        if self.name != DOCKER:
            return str(model.resolve())
        inside = model.resolve()
        if inside.is_relative_to(work.resolve()):
            return f"{WORK}/{inside.relative_to(work.resolve()).as_posix()}"
        return MODEL


def choose(profile: EngineProfile, lock: Path, environment: Mapping[str, str], say: Say) -> Choice:
    """The runtime of ``profile``; its image is on this machine afterwards.

    ``auto`` is docker where a container engine answers and the profile's image is here or can be
    pulled, else local. Raises ``UsageError``, and ``ContainerError`` where docker was asked for.
    """
    if profile.runtime in {LOCAL, RAY}:
        return Choice(profile.runtime)
    if profile.runtime == DOCKER:
        if profile.engine == "openai":
            raise UsageError(
                f"the engine of profile '{profile.name}' is a service, and containers have no "
                "network.",
                "Use --runtime local.",
            )
        return Choice(DOCKER, image=_provided(profile, lock, environment, say))
    if profile.engine in {"replay", "openai"}:
        return Choice(reason="no engine is loaded here")
    try:
        image = _provided(profile, lock, environment, say)
    except (ContainerError, UsageError) as error:
        choice = Choice(reason=error.message.rstrip("."))
    else:
        choice = Choice(DOCKER, f"an engine answers, and the image '{image.name}' is here", image)
    say(f"runtime: {choice.name} ({choice.reason})")
    return choice


def docker_runtime(
    choice: Choice,
    profile: EngineProfile,
    *,
    run_id: str,
    model: Path | None,
    cache: Path,
    gpus: tuple[str, ...],
    environment: Mapping[str, str],
) -> DockerRuntime:
    """The containers of a run. ``model`` is the checkpoint's folder. Raises ``ContainerError``."""
    from smallscale_ci.containers.docker import Engine
    from smallscale_ci.generate.docker import Bounds, DockerRuntime

    image, bounds = choice.image, profile.container
    if image is None:
        raise UsageError(f"the profile '{profile.name}' names no image.", _NAME_ONE)
    if image.gpu and not gpus:
        # A rank sees its own GPUs alone, also where the user named none.
        groups = -(-profile.ranks // profile.ranks_per_gpu)
        gpus = tuple(str(number) for number in range(groups * profile.tensor_parallel))
    return DockerRuntime(
        Engine.connect(environment),
        image,
        run_id=run_id,
        model=model,
        cache=cache / "containers" / image.digest.removeprefix("sha256:")[:16],
        environment=profile.env,
        gpus=assign_gpus(gpus, profile.ranks, profile.tensor_parallel),
        bounds=Bounds(
            memory=int((bounds.memory_gib or 0) * GIB),
            shm=int(bounds.shm_gib * GIB),
            pids=bounds.pids,
            deadline_s=math.ceil(bounds.deadline_h * 3600),  # 0 would be none
        ),
    )


def provide(engine: Engine, image: Pinned, say: Say) -> None:
    """Have ``image`` on this machine: it is there, or it is pulled by its digest.

    Raises ``ContainerError`` when its tag is there with another content: which of the two is meant
    is for a person to say.
    """
    if engine.image(image.reference) is not None:
        return
    tagged = f"{image.repository}:{image.tag}"
    other = engine.image(tagged)
    if other is not None:
        found = next(iter(other.digests), other.id)
        raise ContainerError(
            f"{tagged} is on this machine with another content ({found}) than the lock's "
            f"{image.digest}.",
            f"Get the pinned one with `smallscale image pull {image.name}`, or pin what is here "
            f"with `smallscale image lock {image.name}`.",
        )
    if image.reference == image.digest:
        raise ContainerError(
            f"the image '{image.name}' ({tagged}) is not on this machine, and is in no registry.",
            f"Build it with `smallscale image build {image.name}`.",
        )
    say(f"pulling {image.reference}")
    engine.pull(image.reference, say)


_NAME_ONE = "Set `image:` in the profile to a name of `smallscale image list`."


def _provided(
    profile: EngineProfile, lock: Path, environment: Mapping[str, str], say: Say
) -> Pinned:
    if profile.image is None:
        raise UsageError(f"the profile '{profile.name}' names no image.", _NAME_ONE)
    from smallscale_ci.containers.docker import Engine

    engine = Engine.connect(environment)
    image = images.pinned(images.read(lock), profile.image)
    provide(engine, image, say)
    return image
