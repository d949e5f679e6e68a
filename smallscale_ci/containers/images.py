"""The pinned images: ``docker/images.lock.yaml`` as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from smallscale_ci.config import folders, load
from smallscale_ci.config.base import Config, Name, NamedConfig
from smallscale_ci.config.names import OneOf
from smallscale_ci.containers.interface import Engine
from smallscale_ci.errors import ContainerError, StorageError, UsageError, did_you_mean
from smallscale_ci.files import write_text
from smallscale_ci.worker.engines.registry import ENGINES

LOCK = "images.lock.yaml"
_INSTALLED = [name for name, engine in ENGINES.items() if engine.packages]
Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]

_HEADER = """\
# The images that smallscale runs, pinned. Written by `smallscale image lock` and `image build`;
# edit tags here, never digests. `seen` says where a digest was read that this project has not
# resolved against a registry itself; `resolved` is the day on which it has.
"""


class Image(Config):
    """One image: its name, which content is meant, and what is inside."""

    repository: str
    tag: str
    digest: Digest | None = None  # of the manifest in a registry
    id: Digest | None = None  # of an image that was built here and is not in a registry
    content: Digest | None = None  # of the same image, in any engine's store: see ``identity``
    seen: str = ""
    resolved: str = ""
    engine: Annotated[str, OneOf.of(table=_INSTALLED)] | None = None
    version: str | None = None  # of the engine, as the worker must report it
    cuda: str | None = None  # needs GPUs, and a driver for this CUDA
    dockerfile: str | None = None  # in docker/: one of our own images
    base: Name | None = None  # the image in this lock that it is built on
    args: dict[str, str] = Field(default_factory=dict)  # further build arguments

    @property
    def tagged(self) -> str:
        """``repository:tag``."""
        return f"{self.repository}:{self.tag}"


class ImageLock(NamedConfig):
    """``docker/images.lock.yaml``."""

    folder: ClassVar[str] = "docker"
    kind: ClassVar[str] = "image lock"

    images: dict[Name, Image]

    def image(self, name: str) -> Image:
        """The image ``name``. Raises ``UsageError``."""
        if name not in self.images:
            meant = did_you_mean(name, self.images)
            raise UsageError(
                f"The image lock has no image '{name}'{meant}.",
                f"It has: {', '.join(self.images)}.",
            )
        return self.images[name]

    def replaced(self, name: str, **changes: str | None) -> ImageLock:
        """This lock with some fields of one image changed."""
        return self.having(name, self.images[name].model_copy(update=changes))

    def having(self, name: str, image: Image) -> ImageLock:
        """This lock with ``image`` under ``name``."""
        return self.model_copy(update={"images": {**self.images, name: image}})


@dataclass(frozen=True, slots=True)
class Pinned:
    """An image by content: what actually runs, whatever its tag points to."""

    name: str
    repository: str
    tag: str
    digest: str  # of the manifest, or of the image's content if it is not in a registry
    reference: str  # the reference that the container engine accepts
    version: str | None  # of the engine in it
    gpu: bool
    content: str = ""  # if it is not in a registry: another store may know it by another id

    @property
    def in_registry(self) -> bool:
        """Whether it can be pulled."""
        return "@" in self.reference


@dataclass(frozen=True, slots=True)
class Change:
    """A tag that points to a different digest than the lock says."""

    name: str
    tagged: str
    before: str | None
    after: str


def pinned(lock: ImageLock, name: str) -> Pinned:
    """The image ``name`` by its digest. Raises ``ContainerError`` when it has none."""
    image = lock.image(name)
    if image.digest is not None:
        reference, digest = f"{image.repository}@{image.digest}", image.digest
    elif image.id is not None:
        reference, digest = image.id, image.content or image.id
    else:
        raise ContainerError(
            f"The image '{name}' ({image.tagged}) is not pinned: the lock has no digest of it.",
            f"Build it with `smallscale image build {name}`."
            if image.dockerfile
            else f"Resolve its tag with `smallscale image lock {name}`.",
        )
    return Pinned(
        name=name,
        repository=image.repository,
        tag=image.tag,
        digest=digest,
        reference=reference,
        version=image.version,
        gpu=image.cuda is not None,
        content=(image.content or "") if image.digest is None else "",
    )


def local(engine: Engine, image: Pinned) -> Pinned | None:
    """``image`` by a reference that ``engine`` knows; ``None`` if it is not on this machine."""
    if engine.image(image.reference) is not None:
        return image
    tagged = engine.image(f"{image.repository}:{image.tag}") if image.content else None
    if tagged is None or tagged.content != image.content:
        return None
    return replace(image, reference=tagged.id)


def changes(lock: ImageLock, found: Mapping[str, str]) -> list[Change]:
    """What ``found`` (name → the current digest of its tag) changes in the lock."""
    return [
        Change(name, lock.images[name].tagged, lock.images[name].digest, digest)
        for name, digest in found.items()
        if lock.images[name].digest != digest
    ]


def resolved(lock: ImageLock, found: Mapping[str, str], day: str) -> ImageLock:
    """``lock`` with the digests ``found`` in a registry on ``day`` (ISO date).

    An unchanged digest keeps the day on which it was resolved.
    """
    for name, digest in found.items():
        image = lock.images[name]
        if image.resolved and image.digest == digest:
            continue
        lock = lock.replaced(name, digest=digest, id=None, content=None, resolved=day, seen="")
    return lock


def read(path: Path) -> ImageLock:
    """Read the lock. Raises ``UsageError`` when there is none, ``ConfigError`` for its faults."""
    if not path.is_file():
        raise UsageError(
            f"There is no image lock {path}.",
            "Run in a checkout, or name the lock in $SMALLSCALE_IMAGES.",
        )
    return load.parse(ImageLock, folders.read_text(path), str(path))


def write(lock: ImageLock, path: Path) -> None:
    """Write the lock; fields without a value are left out. Raises ``StorageError``."""
    import yaml

    value = lock.model_dump(mode="json", exclude_defaults=True)
    text = _HEADER + yaml.safe_dump(value, sort_keys=False, width=100)
    try:
        write_text(path, text)
    except OSError as error:
        raise StorageError(
            f"The image lock {path} cannot be written: {error.strerror}.",
            "Copy it into your repository as docker/images.lock.yaml, or set $SMALLSCALE_IMAGES.",
        ) from error
