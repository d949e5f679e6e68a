"""Work on the image lock: resolve tags, and pull, build and verify the images that it names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from smallscale_ci.containers import images, leftovers, recipe, spec
from smallscale_ci.containers.images import Change, ImageLock, Pinned
from smallscale_ci.containers.interface import Engine
from smallscale_ci.errors import ContainerError, SmallscaleError, UsageError
from smallscale_ci.worker.engines.registry import ENGINES

Say = Callable[[str], None]

_PROBE = (
    "import importlib.metadata as m, sys\n"
    "for name in sys.argv[1:]:\n"
    "    try: print(m.version(name)); break\n"
    "    except m.PackageNotFoundError: pass\n"
)
_PROBE_S = 300


@dataclass(frozen=True, slots=True)
class Row:
    """One image of the lock, and whether this machine has it."""

    name: str
    tagged: str
    digest: str
    state: str  # present, absent, another content, unpinned, or no engine
    version: str
    resolved: str


def table(lock: ImageLock, engine: Engine | None) -> list[Row]:
    """Every image of the lock, and with ``engine`` whether it is on this machine."""
    return [
        Row(
            name,
            image.tagged,
            image.digest or image.id or "",
            _state(lock, name, engine),
            image.version or "",
            image.resolved or "no",
        )
        for name, image in lock.images.items()
    ]


def resolve(
    lock: ImageLock, names: Sequence[str], engine: Engine, say: Say
) -> tuple[list[Change], dict[str, str], list[SmallscaleError]]:
    """Ask the registries for the tags' current digests: changes, all digests found, and failures.

    Without ``names`` every image of ``published``.
    """
    found: dict[str, str] = {}
    failed: list[SmallscaleError] = []
    for name in names or published(lock):
        image = lock.image(name)
        say(f"resolving {image.tagged}")
        try:
            found[name] = engine.resolve(image.tagged)
        except ContainerError as error:
            failed.append(error)
    return images.changes(lock, found), found, failed


def pull(lock: ImageLock, name: str, engine: Engine, say: Say) -> Pinned:
    """Pull the image by its digest and point its tag to it. Raises ``ContainerError``."""
    image = images.pinned(lock, name)
    here = images.local(engine, image)
    if here is None:
        if not image.in_registry:
            raise ContainerError(
                f"The image '{name}' is in no registry.",
                f"Build it with `smallscale image build {name}`.",
            )
        say(f"pulling {image.reference}")
        engine.pull(image.reference, say)
    image = here or image
    engine.tag(image.reference, image.repository, image.tag)
    return image


def build(
    lock: ImageLock,
    name: str,
    engine: Engine,
    root: Path,
    *,
    base: str | None,
    ca: Path | None,
    wheels: Path | None,
    network: str | None,
    push: bool,
    today: date,
    say: Say,
) -> ImageLock:
    """Build one of our images from the checkout ``root``; returns the lock that pins it.

    A pushed image is pinned by its registry digest, any other by its own id. Raises ``UsageError``
    and ``ContainerError``.
    """
    image = lock.image(name)
    if image.dockerfile is None:
        own = ", ".join(other for other, it in lock.images.items() if it.dockerfile)
        raise UsageError(
            f"'{name}' is an upstream image and is not built here.",
            f"Get it with `smallscale image pull {name}`. Built here are: {own or 'none'}.",
        )
    if wheels is not None and not wheels.is_dir():
        raise UsageError(f"There is no folder {wheels}.", "--wheels names a folder of wheels.")
    brought = sorted(wheels.glob("*.whl")) if wheels is not None else []
    under = base or (_under(images.pinned(lock, image.base), engine) if image.base else None)
    arguments = {**image.args, **({"BASE_IMAGE": under} if under else {})}
    with recipe.context(root, image.dockerfile, ca=ca, wheels=brought) as context:
        made = engine.build(
            context,
            f"docker/{image.dockerfile}",
            image.tagged,
            arguments,
            network=network,
            say=say,
        )
    if not push:
        built = engine.image(made)
        content = (built.content if built else "") or None
        return lock.replaced(name, id=made, content=content, digest=None, resolved="", seen="")
    say(f"pushing {image.tagged}")
    digest = engine.push(image.repository, image.tag)
    return images.resolved(lock, {name: digest}, today.isoformat())


def verify(
    lock: ImageLock,
    name: str,
    engine: Engine,
    user: str = "65534:65534",
    *,
    nonce: str,
    now: float,
) -> str:
    """Check that the image is here by its digest and holds the engine version in the lock.

    Returns what was found. Runs a container (no network, no rights) where there is an engine to
    ask; ``nonce`` names the container, ``now`` is in seconds since the epoch. Raises
    ``ContainerError``.
    """
    entry, meant = lock.image(name), images.pinned(lock, name)
    image = images.local(engine, meant)
    if image is None:
        raise ContainerError(
            f"The image '{name}' ({meant.reference}) is not on this machine.",
            f"Get it with `smallscale image {'build' if entry.dockerfile else 'pull'} {name}`.",
        )
    if entry.engine is None or entry.version is None:
        return image.digest
    packages = ENGINES[entry.engine].packages
    code, said = _probe(engine, image, packages, user, (nonce, now))
    last = said.splitlines()[-1] if said else ""  # warnings come before it
    if code:
        raise ContainerError(
            f"The image '{name}' cannot be examined (code {code}): {last or 'it printed nothing'}.",
            "It needs python3 and timeout in its PATH, and must let its user read them.",
        )
    found = last.partition("+")[0]
    if found != entry.version:
        raise ContainerError(
            f"The image '{name}' holds {entry.engine} {found or 'of no version'}, and the lock "
            f"promises {entry.version}.",
            "Correct `version` in the lock, or lock the image you mean.",
        )
    return f"{image.digest} with {entry.engine} {found}"


def _under(base: Pinned, engine: Engine) -> str:
    """The base image that is passed to the Dockerfile."""
    return (images.local(engine, base) or base).reference


def _probe(
    engine: Engine, image: Pinned, packages: Sequence[str], user: str, call: tuple[str, float]
) -> tuple[int, str]:
    """Exit code and output of a container that prints the version of the image's engine."""
    nonce, now = call
    described = spec.Spec(
        name=f"smallscale-verify-{image.name}-{nonce}",
        image=image.reference,
        command=("python3", "-c", _PROBE, *packages),
        mounts=(),
        user=user,
        memory=2 * spec.GIB,
        shm=spec.GIB,
        deadline_s=_PROBE_S,
        labels={spec.RUN: "verify", **leftovers.owner(now, _PROBE_S)},
    )
    printed: list[bytes] = []
    container = engine.create(described)
    try:
        engine.start(container)
        ended = engine.follow(container, printed.append)
    finally:
        with suppress(ContainerError):
            engine.remove(container)
    return ended.code, b"".join(printed).decode("utf-8", "replace").strip()


def _state(lock: ImageLock, name: str, engine: Engine | None) -> str:
    image = lock.images[name]
    if image.digest is None and image.id is None:
        return "unpinned"
    if engine is None:
        return "no engine"
    if images.local(engine, images.pinned(lock, name)) is not None:
        return "present"
    return "another content" if engine.image(image.tagged) is not None else "absent"


def published(lock: ImageLock) -> list[str]:
    """Images that are in a registry: all but those built here and never pushed."""
    return [name for name, image in lock.images.items() if image.digest or not image.dockerfile]
