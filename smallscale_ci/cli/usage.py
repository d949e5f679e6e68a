"""What Typer refuses on the command line, in the words and the form of all other errors."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException

from smallscale_ci.cli.option import PREFIX

if TYPE_CHECKING:
    from smallscale_ci.cli.output import Output
    from smallscale_ci.errors import SmallscaleError

# Variables that are of no option, but of places, of the LLM judge and of the tests.
_OTHERS = {"CONFIGS", "IMAGES", "CACHE", "ENVIRONMENTS", "JUDGE_URL", "JUDGE_KEY", "TEST_DATA"}
_NOT_ONE_OF = " is not one of "


class Group(TyperGroup):
    """The application, whose errors are sentences with a next step."""

    def make_context(self, *given: Any, **more: Any) -> Any:
        """See Typer: reads the options of the application itself."""
        with _shown():
            return super().make_context(*given, **more)

    def invoke(self, ctx: Any) -> Any:
        """See Typer: finds the command, reads its options, and runs it."""
        _warn_of_mistyped(self)
        with _shown():
            return super().invoke(ctx)


class Command(TyperCommand):
    """A command, which every error in its arguments names."""

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """See Typer: an option without its value is an error of no command there."""
        try:
            return super().parse_args(ctx, args)
        except TyperException as error:
            if getattr(error, "ctx", ctx) is None:
                error.ctx = ctx  # type: ignore[attr-defined]
            raise


def _warn_of_mistyped(app: Any) -> None:
    """Warn of variables that are nearly those of an option: they are ignored."""
    set_here = {name.removeprefix(PREFIX) for name in os.environ if name.startswith(PREFIX)}
    if not set_here - _OTHERS:
        return  # listing the options of all commands takes a while
    import difflib

    known = {name.removeprefix(PREFIX) for name in _variables(app)} | _OTHERS
    for name in sorted(set_here - known):
        if near := difflib.get_close_matches(name, known, n=1, cutoff=0.75):
            from smallscale_ci.cli.output import Output  # not needed by those who want help

            message = f"{PREFIX}{name} is not read (did you mean {PREFIX}{near[0]}?)."
            out = Output(json=True, quiet=False)
            out.warning(message)
            if _on_github():
                from smallscale_ci.report import annotations

                out.commands(annotations.command("warning", "smallscale", message))


def _variables(command: Any) -> Iterator[str]:
    """The variables of a command's options, or of those of all commands in a group."""
    yield from (item.envvar for item in command.params if isinstance(item.envvar, str))
    for inner in getattr(command, "commands", {}).values():
        yield from _variables(inner)


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
    from smallscale_ci.errors import UsageError

    names, ctx = ["--help"], error.ctx
    while ctx is not None and ctx.parent is not None:
        names.insert(0, ctx.info_name)
        ctx = ctx.parent
    start = "smallscale" if len(names) > 1 else program()  # commands are made runnable as ever
    what = _words(error)
    end = "" if what.endswith("?") else "."
    out = Output(json=True, quiet=False)
    shown = UsageError(f"{what}{end}", f"See `{start} {' '.join(names)}`.")
    out.error(shown.message, shown.hint)
    annotate(out, shown)


def annotate(out: Output, error: SmallscaleError) -> None:
    """Report an error to GitHub as well, inside a GitHub job."""
    if _on_github():
        from smallscale_ci.cli.github import tell_failure

        tell_failure(out, error)


def _on_github() -> bool:
    return os.environ.get("GITHUB_ACTIONS") == "true"


def _words(error: Any) -> str:
    """What is wrong, after the option or the variable that it was given by."""
    from pydantic import ValidationError

    from smallscale_ci.errors import did_you_mean, own_problems, sentence

    if known := getattr(error, "possibilities", None):
        return f"{error.message}{did_you_mean(error.option_name, known)}"
    cause, item = error.__cause__, getattr(error, "param", None)
    if not isinstance(cause, ValidationError) or item is None:
        words = " ".join(str(error.format_message()).split()).rstrip(".")  # choices have lines
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
