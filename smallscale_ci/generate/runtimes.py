"""Chooses where a run's engine processes run: in a virtual environment or in containers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from smallscale_ci.config.profile import EngineProfile
from smallscale_ci.config.seams import AUTO, RUNTIMES, imported
from smallscale_ci.containers import images
from smallscale_ci.containers.images import Pinned
from smallscale_ci.containers.spec import MODEL, WORK
from smallscale_ci.errors import ContainerError, UsageError
from smallscale_ci.generate.interface import Placement, Runtime
from smallscale_ci.worker.engines.registry import Source

if TYPE_CHECKING:
    from smallscale_ci.containers.interface import Engine

LOCAL, DOCKER = "local", "docker"  # what `auto` chooses from
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
        if not RUNTIMES[self.name].images:
            return str(model.resolve())
        inside = model.resolve()
        if inside.is_relative_to(work.resolve()):
            return f"{WORK}/{inside.relative_to(work.resolve()).as_posix()}"
        return MODEL


def choose(profile: EngineProfile, lock: Path, environment: Mapping[str, str], say: Say) -> Choice:
    """Choose the runtime of ``profile``; its image is on this machine afterwards.

    ``auto`` is docker if a container engine answers and the profile's image is here or can be
    pulled, otherwise local. Raises ``UsageError``, and ``ContainerError`` if docker was requested.
    """
    wanted = None if profile.runtime == AUTO else RUNTIMES[profile.runtime]
    if wanted is not None and not wanted.images:
        return Choice(wanted.name)
    if wanted is not None:
        if profile.engine_kind.source is Source.SERVICE:
            raise UsageError(
                f"The engine of profile '{profile.name}' is a service, and containers have no "
                "network.",
                "Use --runtime local.",
            )
        return Choice(wanted.name, image=_provided(profile, lock, environment, say))
    if not profile.engine_kind.loads:
        return Choice(reason="no engine is loaded here")
    try:
        image = _provided(profile, lock, environment, say)
    except (ContainerError, UsageError) as error:
        choice = Choice(reason=error.message.rstrip("."))
    else:
        choice = Choice(DOCKER, f"an engine answers, and the image '{image.name}' is here", image)
    say(f"runtime: {choice.name} ({choice.reason})")
    return choice


def build(choice: Choice, placement: Placement) -> Runtime:
    """Build the chosen runtime. Raises the errors of its own ``build``."""
    return cast("Runtime", imported(RUNTIMES[choice.name].build)(placement))


def provide(engine: Engine, image: Pinned, say: Say) -> Pinned:
    """Make sure that ``image`` is on this machine; pull it by its digest if it is not.

    Returns it by the name that this engine uses for it.
    Raises ``ContainerError`` if its tag exists locally with different content: which of the two
    is meant, the user has to decide.
    """
    here = images.local(engine, image)
    if here is not None:
        return here
    tagged = f"{image.repository}:{image.tag}"
    other = engine.image(tagged)
    if other is not None:
        found = next(iter(other.digests), other.id)
        raise ContainerError(
            f"{tagged} exists locally with different content ({found}) than the lock's "
            f"{image.digest}.",
            f"Get the pinned one with `smallscale image pull {image.name}`, or pin what is here "
            f"with `smallscale image lock {image.name}`.",
        )
    if not image.in_registry:
        raise ContainerError(
            f"The image '{image.name}' ({tagged}) is not on this machine, and is in no registry.",
            f"Build it with `smallscale image build {image.name}`.",
        )
    say(f"pulling {image.reference}")
    engine.pull(image.reference, say)
    return image


def _provided(
    profile: EngineProfile, lock: Path, environment: Mapping[str, str], say: Say
) -> Pinned:
    if profile.image is None:
        raise UsageError(
            f"The profile '{profile.name}' names no image.",
            "Set `image:` in the profile to a name of `smallscale image list`.",
        )
    from smallscale_ci.containers.connect import connect

    engine = connect(environment)
    image = images.pinned(images.read(lock), profile.image)
    return provide(engine, image, say)
