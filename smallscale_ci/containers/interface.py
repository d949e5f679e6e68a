"""The interface of container engines.

Every method raises ``ContainerError``, with a remedy, for whatever can go wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any, Protocol

from smallscale_ci.containers.spec import Spec

DEADLINE, KILLED = 124, 137  # exit codes of `timeout`, and of what SIGKILL ended


@dataclass(frozen=True, slots=True)
class About:
    """What the engine reports about itself. ``memory`` in bytes."""

    name: str  # docker or podman
    version: str
    api: str
    memory: int
    cpus: int
    rootless: bool
    nvidia: bool  # can pass GPUs to containers, as far as it reports
    socket: str
    remapped: bool = False  # user ids in containers are mapped to others outside (userns-remap)


@dataclass(frozen=True, slots=True)
class LocalImage:
    """An image that is present."""

    id: str
    digests: tuple[str, ...]  # repository@digest, for images pulled from or pushed to a registry
    tags: tuple[str, ...]
    labels: Mapping[str, str]
    size: int
    content: str = ""  # the same in every store: see ``identity``


@dataclass(frozen=True, slots=True)
class Container:
    """One of our containers, running or not."""

    id: str
    name: str
    labels: Mapping[str, str]
    running: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """How a container ended: exit code, whether memory ran out, and the engine's own message."""

    code: int
    out_of_memory: bool
    error: str
    seconds: float = 0.0  # that it ran

    def is_late(self, deadline_s: int) -> bool:
        """Whether it ended at its deadline: `timeout` is killed with what hears no signal."""
        return self.code == DEADLINE or (self.code == KILLED and self.seconds >= deadline_s)


class Engine(Protocol):
    """A connection to a container engine."""

    def about(self) -> About:
        """Version, size and abilities of the engine."""
        ...

    def image(self, reference: str) -> LocalImage | None:
        """The image that is present under ``reference``, or ``None``."""
        ...

    def resolve(self, reference: str) -> str:
        """The digest that ``reference`` has in its registry now."""
        ...

    def pull(self, reference: str, say: Callable[[str], None]) -> None:
        """Pull an image by digest, layer by layer."""
        ...

    def push(self, repository: str, tag: str) -> str:
        """Push ``repository:tag``; returns its digest in the registry."""
        ...

    def tag(self, image: str, repository: str, tag: str) -> None:
        """Give an image that is present another name."""
        ...

    def build(
        self,
        context: IO[bytes],
        dockerfile: str,
        tagged: str,
        arguments: Mapping[str, str],
        *,
        network: str | None,
        say: Callable[[str], None],
    ) -> str:
        """Build a tar ``context``; returns the id of the image, which is tagged ``tagged``."""
        ...

    def create(self, spec: Spec) -> str:
        """Create a container without starting it; returns its id. Never pulls an image."""
        ...

    def start(self, container: str) -> None:
        """Start a container that was created."""
        ...

    def inspect(self, container: str) -> dict[str, Any]:
        """Everything the engine reports about a container."""
        ...

    def follow(self, container: str, sink: Callable[[bytes], object]) -> Ended:
        """Pass what a container prints to ``sink`` until it ends; returns how it ended."""
        ...

    def wait(self, container: str, seconds: float) -> Ended | None:
        """How a container ended; ``None`` if it still runs after ``seconds``."""
        ...

    def signal(self, container: str, name: str) -> None:
        """Send a signal; a container that ended already is left alone."""
        ...

    def remove(self, container: str) -> None:
        """End and remove a container and its anonymous volumes, if it is still there."""
        ...

    def labelled(self, **labels: str | None) -> list[Container]:
        """All containers with these labels (``None``: with any value), running or not."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...
