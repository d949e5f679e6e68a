"""What Typer refuses on the command line, in the words and the form of all other errors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from typer.core import TyperGroup
from typer.exceptions import TyperException

_NOT_ONE_OF = " is not one of "


class Group(TyperGroup):
    """The application, whose errors are sentences with a next step."""

    def make_context(self, *given: Any, **more: Any) -> Any:
        """See Typer: reads the options of the application itself."""
        with _shown():
            return super().make_context(*given, **more)

    def invoke(self, ctx: Any) -> Any:
        """See Typer: finds the command, reads its options, and runs it."""
        with _shown():
            return super().invoke(ctx)


@contextmanager
def _shown() -> Iterator[None]:
    """Let Typer's errors show themselves as ours do."""
    try:
        yield
    except TyperException as error:
        # Help, where a group was given no command, is an error to Typer, and stays help.
        if type(error).__name__ != "NoArgsIsHelpError":
            error.show = partial(_show, error)  # type: ignore[attr-defined]
        raise


def _show(error: Any) -> None:
    from smallscale_ci.cli.output import Output
    from smallscale_ci.cli.program import program

    names, ctx = ["--help"], error.ctx
    while ctx is not None and ctx.parent is not None:
        names.insert(0, ctx.info_name)
        ctx = ctx.parent
    start = "smallscale" if len(names) > 1 else program()  # commands are made runnable as ever
    what = _words(error)
    end = "" if what.endswith("?") else "."
    Output(json=True, quiet=False).error(f"{what}{end}", f"See `{start} {' '.join(names)}`.")


def _words(error: Any) -> str:
    """What is wrong, after the option or the variable that it was given by."""
    from pydantic import ValidationError

    from smallscale_ci.errors import did_you_mean, own_problems, sentence

    if known := getattr(error, "possibilities", None):
        return f"{error.message}{did_you_mean(error.option_name, known)}"
    cause, item = error.__cause__, getattr(error, "param", None)
    if not isinstance(cause, ValidationError) or item is None:
        words = str(error.format_message()).rstrip(".")
        return words.replace("'", "") if words.startswith("Missing") else words
    problem = own_problems(cause)[0]
    value, _, listed = sentence(problem).rstrip(".").partition(_NOT_ONE_OF)
    if listed:  # of a choice
        choices = re.findall("'([^']+)'", listed)
        value += _NOT_ONE_OF + ", ".join(choices) + did_you_mean(str(problem["input"]), choices)
    return f"{_given(error.ctx, item)}: {value}"


def _given(ctx: Any, item: Any) -> str:
    """An option as it was given: its long name, or its variable with the value."""
    source = ctx.get_parameter_source(item.name)
    if source is not None and source.name == "ENVIRONMENT":
        return f"{item.envvar}={item.value_from_envvar(ctx)}"
    return str(next((one for one in item.opts if one.startswith("--")), item.metavar or item.name))
