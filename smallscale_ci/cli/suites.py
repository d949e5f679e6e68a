"""Several suites in one command: their names, what is left after an error, one exit code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smallscale_ci.errors import (
    EXIT_INCONCLUSIVE,
    EXIT_INVALID,
    EXIT_REGRESSED,
    RunInterruptedError,
    SmallscaleError,
    UsageError,
)

if TYPE_CHECKING:
    from smallscale_ci.cli.command import Context
    from smallscale_ci.config.settings import Settings
    from smallscale_ci.pipeline.prepare import Plan

DEFAULT = "smoke"
_WORST = (EXIT_REGRESSED, EXIT_INVALID, EXIT_INCONCLUSIVE)


def names(given: Sequence[str] | None, settings: Settings) -> tuple[str, ...]:
    """The suites of ``--suite``, repeated or separated by spaces.

    File names may contain spaces: a text that is a file, or not only suites, is one name.
    Raises ``UsageError`` for a suite that is named twice.
    """
    from smallscale_ci.config.folders import names as known
    from smallscale_ci.config.suite import SuiteConfig

    whole = " ".join(given or (DEFAULT,))
    if Path(whole).is_file():
        return (whole,)
    found = set(known(SuiteConfig, settings.roots))
    suites: list[str] = []
    for name in given or (DEFAULT,):
        words = name.split()
        are_suites = all(word in found or Path(word).is_file() for word in words)
        suites += words if are_suites and not Path(name).is_file() else [name]
    if twice := _twice(suites):
        raise UsageError(f"--suite names {twice} twice.", "Name each suite once.")
    return tuple(suites)


def refuse_same(plans: Sequence[Plan]) -> None:
    """Raise ``UsageError`` if two files are the same suite: they would share a baseline."""
    if twice := _twice([plan.config.suite.name for plan in plans]):
        raise UsageError(
            f"Two suites are called {twice}.", "Rename one of them: `name:` in its file."
        )


def _twice(names: Sequence[str]) -> str:
    """The first name that appears more than once; empty if none does."""
    return next((name for name in names if names.count(name) > 1), "")


def label(plans: Sequence[Plan], plan: Plan) -> str:
    """The start of progress lines: the suite, if there are several."""
    return plan.config.suite.name if len(plans) > 1 else ""


@contextmanager
def ending(plans: Sequence[Plan], plan: Plan, what: str) -> Iterator[None]:
    """Make an error in the run of ``plan``, which ends the command, name the suites without result.

    ``what`` is what they lack, such as a verdict.
    """
    left = [each.config.suite.name for each in plans[plans.index(plan) :]]
    said = f" No {what}: {', '.join(left)}." if len(plans) > 1 else ""
    try:
        yield
    except SmallscaleError as error:
        error.message += said
        raise
    except KeyboardInterrupt as error:
        if not said:
            raise
        raise RunInterruptedError(f"Interrupted.{said}", "Evaluate these suites again.") from error


def combined(codes: Sequence[int]) -> int:
    """One exit code of several verdicts: REGRESSED before INVALID before INCONCLUSIVE."""
    return next((code for code in _WORST if code in codes), 0)


def show_json(context: Context, values: Sequence[Any]) -> None:
    """Print the suites' JSON values: a single one as it is, several as a list."""
    if context.json:
        context.out.json(list(values) if len(values) > 1 else values[0])
