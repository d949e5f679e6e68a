"""``image``: the images that containers run, pinned by digest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smallscale_ci.cli.command import Context, command
from smallscale_ci.cli.option import option

if TYPE_CHECKING:
    from smallscale_ci.containers.images import ImageLock
    from smallscale_ci.containers.interface import Engine
    from smallscale_ci.errors import SmallscaleError

_Names = Annotated[
    list[str] | None,
    typer.Argument(help="Images of the lock.", show_default="all"),
]
_Name = Annotated[str, typer.Argument(help="An image of the lock.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    group = typer.Typer(help="Container images, pinned by digest.", no_args_is_help=True)
    command(group, "list", "smallscale image list")(list_all)
    command(group, "lock", "smallscale image lock --check")(lock)
    command(group, "pull", "smallscale image pull vllm")(pull)
    command(group, "build", "smallscale image build vllm-cpu")(build)
    command(group, "verify", "smallscale image verify vllm-cpu")(verify)
    app.add_typer(group, name="image")


def list_all(context: Context) -> None:
    """List the images of the lock, and which of them this machine has."""
    from dataclasses import asdict

    from smallscale_ci.containers import catalog
    from smallscale_ci.containers.connect import connect
    from smallscale_ci.containers.images import read
    from smallscale_ci.errors import ContainerError

    settings = context.settings()
    engine = None
    try:
        engine = connect(settings.environment)
    except ContainerError as error:
        context.out.say(error.message)
    rows = catalog.table(read(settings.images), engine)
    if context.json:
        context.out.json([asdict(row) for row in rows])
        return
    columns = ("image", "tag", "digest", "here", "engine", "resolved")
    context.out.table(
        columns, [(r.name, r.tagged, r.digest[7:19], r.state, r.version, r.resolved) for r in rows]
    )


def lock(
    context: Context,
    names: _Names = None,
    check: Annotated[
        bool,
        option(
            "--check",
            help="Change nothing; exit 4 when a tag has moved.",
        ),
    ] = False,
) -> int:
    """Resolve tags in their registries and pin what they point to now.

    Shows what changes. With --check nothing is written, and a tag that moved is exit code 4.
    """
    from datetime import UTC, datetime

    from smallscale_ci.containers import catalog
    from smallscale_ci.containers.images import read, resolved, write
    from smallscale_ci.errors import EXIT_INVALID

    path, locked, engine = _open(context)
    changes, found, failed = catalog.resolve(locked, names or (), engine, context.out.say)
    if context.json and not failed:
        moved = [{"image": c.name, "before": c.before, "after": c.after} for c in changes]
        context.out.json({"changes": moved, "resolved": found})
    elif not context.json:
        for change in changes:
            before = change.before or "not pinned"
            context.out.result(f"{change.name} ({change.tagged})\n- {before}\n+ {change.after}")
        if found and not changes:
            tags = "1 tag matches" if len(found) == 1 else f"{len(found)} tags match"
            context.out.result(f"{tags} the lock.")
    if found and not check:
        write(resolved(read(path), found, f"{datetime.now(UTC):%Y-%m-%d}"), path)
        context.out.say(f"written: {path}")
    _raise(context, failed)
    return EXIT_INVALID if check and changes else 0


def pull(context: Context, names: _Names = None) -> None:
    """Pull images by their digest.

    Without names, pulls all engine images that are in a registry.
    """
    from smallscale_ci.containers import catalog

    _, locked, engine = _open(context)
    pulled = []
    for name in names or [n for n in catalog.published(locked) if locked.images[n].engine]:
        image = catalog.pull(locked, name, engine, context.out.say)
        pulled.append({"image": name, "reference": image.reference})
        if not context.json:
            context.out.result(f"{name}: {image.reference}")
    if context.json:
        context.out.json(pulled)


def build(
    context: Context,
    name: _Name,
    base: Annotated[
        str | None,
        option(
            "--base",
            help="Base image.",
            show_default="the lock's",
        ),
    ] = None,
    ca: Annotated[
        Path | None,
        option(
            "--ca",
            help="CA bundle (PEM) to download packages with.",
            show_default=False,
        ),
    ] = None,
    wheels: Annotated[
        Path | None,
        option(
            "--wheels",
            help="Folder of wheels that come before the index.",
            show_default=False,
        ),
    ] = None,
    network: Annotated[
        str | None,
        option(
            "--network",
            help="Network of the build.",
            show_default="the engine's",
        ),
    ] = None,
    push: Annotated[
        bool,
        option("--push", help="Push it, and pin its digest there."),
    ] = False,
) -> None:
    """Build one of this project's images and pin it in the lock.

    Without --push it is pinned by its own id, which is valid on this machine only.
    """
    from datetime import UTC, datetime

    from smallscale_ci.containers import catalog
    from smallscale_ci.containers.images import pinned, read, write

    path, locked, engine = _open(context)
    made = catalog.build(
        locked,
        name,
        engine,
        _checkout(path),
        base=base,
        ca=ca,
        wheels=wheels,
        network=network,
        push=push,
        today=datetime.now(UTC).date(),
        say=context.out.say,
    )
    # This took minutes: another build may have pinned its own image meanwhile.
    write(read(path).having(name, made.image(name)), path)
    image = pinned(made, name)
    if context.json:
        context.out.json({"image": name, "reference": image.reference, "lock": str(path)})
    else:
        context.out.result(f"{name}: {image.reference}")


def verify(context: Context, names: _Names = None) -> None:
    """Check that local images match the lock.

    By digest, and by the engine version that the lock states.
    """
    from smallscale_ci.containers import catalog
    from smallscale_ci.errors import ContainerError

    settings = context.settings()
    _, locked, engine = _open(context)
    found, failed = {}, []
    for name in names or locked.images:
        try:
            found[name] = catalog.verify(
                locked, name, engine, nonce=settings.nonce(), now=settings.now().timestamp()
            )
        except ContainerError as error:
            failed.append(error)
            continue
        if not context.json:
            context.out.result(f"{name}: {found[name]}")
    _raise(context, failed)
    if context.json:
        context.out.json(found)


def _open(context: Context) -> tuple[Path, ImageLock, Engine]:
    from smallscale_ci.containers.connect import connect
    from smallscale_ci.containers.images import read

    settings = context.settings()
    locked = read(settings.images)
    return settings.images, locked, connect(settings.environment)


def _checkout(lock_file: Path) -> Path:
    """The checkout with recipes and package locks: around the image lock or this package."""
    import smallscale_ci

    package = Path(smallscale_ci.__file__).resolve().parent.parent
    around = lock_file.resolve().parent.parent
    return around if any((around / "docker").glob("*.Dockerfile")) else package


def _raise(context: Context, failed: Sequence[SmallscaleError]) -> None:
    """Report all failures; the last one ends the command."""
    for error in failed[:-1]:
        context.out.error(error.message, error.hint)
    if failed:
        raise failed[-1]
