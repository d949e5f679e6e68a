"""One option of a command, its variable of the environment, and the names that complete it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import typer

from smallscale_ci.config.seams import AUTO

if TYPE_CHECKING:
    from smallscale_ci.config.settings import Settings

PREFIX = "SMALLSCALE_"  # of all variables of the environment


def option(*names: str, **settings: Any) -> Any:
    """An option of a command; ``settings`` are those of ``typer.Option``, ``help`` among them.

    Every option can also be given in the environment: as SMALLSCALE_ and its long name.
    """
    long = next(name for name in names if name.startswith("--")).partition("/")[0]
    return typer.Option(*names, envvar=_variable(long), show_envvar=False, **settings)


def refuse_variable(long: str, settings: Settings) -> None:
    """Raise ``UsageError`` if the environment sets the option ``long`` under rules.

    For options that end without a verdict but with exit code 0: under rules, no variable may
    cause that.
    """
    from smallscale_ci.errors import UsageError

    if settings.rules is not None and settings.environment.get(_variable(long)):
        raise UsageError(
            f"{_variable(long)} is set, but with --rules no variable may replace the verdict.",
            f"Unset it, or give {long}.",
        )


def _variable(long: str) -> str:
    return PREFIX + long.removeprefix("--").upper().replace("-", "_")


def known(kind: str) -> Callable[[str], list[str]]:
    """Returns a completion of one kind of configuration: suite, engine, gate, pairs or train."""

    def complete(incomplete: str) -> list[str]:
        from smallscale_ci.cli import places
        from smallscale_ci.config.folders import names
        from smallscale_ci.config.schema import MODELS

        found = names(MODELS[kind], places.find().roots)
        return [name for name in found if name.startswith(incomplete)]

    return complete


def baseline_names(incomplete: str) -> list[str]:
    """Completes the stored baselines, and the model names among them."""
    from smallscale_ci.cli import places
    from smallscale_ci.run import baselines

    found = baselines.names(places.find().baselines)
    words = [AUTO, *dict.fromkeys(name.rsplit("/", 1)[-1] for name in found), *found]
    return [word for word in words if word.startswith(incomplete)]
