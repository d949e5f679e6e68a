"""What all commands share: common options, errors as sentences, exit codes."""

from __future__ import annotations

import inspect
import os
import signal
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, is_dataclass
from functools import cached_property
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_type_hints

import typer
from typer.main import get_command_from_info
from typer.models import ArgumentInfo, CommandInfo, OptionInfo

from smallscale_ci.cli.option import option
from smallscale_ci.cli.usage import Command, annotate
from smallscale_ci.errors import (
    EXIT_INFRASTRUCTURE,
    EXIT_INTERRUPTED,
    EXIT_OK,
    ConfigError,
    EngineError,
    SmallscaleError,
)

if TYPE_CHECKING:
    from smallscale_ci.cli.output import Output
    from smallscale_ci.config.settings import Settings

# Ctrl-C, a service manager, a closed terminal, Ctrl-\, and a scheduler's warning before it kills.
_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1)
_VALUES = {int: "INTEGER", float: "NUMBER", str: "TEXT", Path: "PATH"}
_VARIABLES = "Each option can also be set in the environment, as SMALLSCALE_<OPTION>."

_Json = Annotated[bool, option("--json", help="Print JSON; text goes to stderr.")]
_Quiet = Annotated[bool, option("--quiet", "-q", help="Print only results.")]
_Verbose = Annotated[bool, option("--verbose", "-v", help="Print tracebacks.")]


@dataclass(frozen=True, eq=False, repr=False)  # eq and repr are compiled at each start
class Context:
    """The context of this call: what to print, and where things are."""

    json: bool
    quiet: bool
    verbose: bool
    # Parameters that the command line names, with their options: the environment names others for
    # commands that have no use for them.
    given: Mapping[str, str] = field(default_factory=dict)

    @property
    def out(self) -> Output:
        """The consoles, made when first used: rich is not needed for ``--help``."""
        from smallscale_ci.cli.output import Output

        return Output(json=self.json, quiet=self.quiet)

    def refuse(self, parameters: Iterable[str], why: str) -> None:
        """Raise ``UsageError`` for what was given of ``parameters``: none is ignored."""
        from smallscale_ci.errors import UsageError

        if named := [self.given[name] for name in parameters if name in self.given]:
            raise UsageError(f"{', '.join(named)}: {why}.", f"Leave out {' and '.join(named)}.")

    def settings(
        self,
        *,
        runs: Path | None = None,
        baselines: Path | None = None,
        engine_python: Path | None = None,
        sandbox: str | None = None,
        rules: str = "",
    ) -> Settings:
        """Places from options, the environment and defaults; nothing below the CLI reads those.

        With ``rules``, what differs in the working tree is listed.
        """
        from smallscale_ci.cli import places

        found = places.find(
            runs=runs,
            baselines=baselines,
            engine_python=engine_python,
            sandbox=sandbox,
            rules=rules,
        )
        if found.rules is not None:
            for line in found.rules.lines():
                self.out.say(line)
            for name in ("SMALLSCALE_CONFIGS", "SMALLSCALE_IMAGES"):
                if os.environ.get(name):
                    self.out.say(f"rules: {name} does not count")
            if baselines is not None:
                self.out.say(f"rules: --baselines {baselines} does not count")
        return found


def command(
    app: typer.Typer, name: str, example: str, **options: Any
) -> Callable[[Callable[..., int | None]], Callable[..., None]]:
    """Register a function as the command ``name``.

    The function takes a ``Context`` first and returns the exit code (``None`` is 0). A parameter
    whose type is a dataclass stands for its fields, each an option. ``example`` ends the
    help.
    """

    def register(function: Callable[..., int | None]) -> Callable[..., None]:
        class Deferred(_Deferred):
            @cached_property
            def real(self) -> Any:
                info = CommandInfo(name, callback=_runner(function), **options)
                return get_command_from_info(
                    info, pretty_exceptions_short=False, rich_markup_mode=None
                )

        def described() -> None:
            """Stands in for the function until its options are needed."""

        described.__doc__ = function.__doc__
        epilog = f"{_VARIABLES}\n\nExample: {example}"
        app.command(name, cls=Deferred, epilog=epilog, **options)(described)
        return described

    return register


class _Deferred(Command):
    """A command that is built when it is used: listing commands needs none of their options."""

    real: Any  # click's command, of which Typer has its own copy

    @property
    def params(self) -> list[Any]:
        """The parameters of the real command."""
        parameters: list[Any] = self.real.params
        return parameters

    @params.setter
    def params(self, value: list[Any]) -> None:
        """Ignore the stand-in's parameters."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """``[OPTIONS] RUN [FILE]...``: Typer would put a required argument in braces."""
        return [
            piece.replace("{", "").replace("}", "") for piece in super().collect_usage_pieces(ctx)
        ]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Arguments and options, without Python's type of an argument (``<list[Path]>``)."""
        lines: dict[str, list[tuple[str, str]]] = {"argument": [], "option": []}
        for parameter in self.get_params(ctx):
            if record := parameter.get_help_record(ctx):
                name, about = record
                word, _, kind = name.partition(" <")
                is_choice = "|" in kind or parameter.param_type_name == "option"
                lines[parameter.param_type_name].append((name if is_choice else word, about))
        for title, kind in (("Arguments", "argument"), ("Options", "option")):
            if lines[kind]:
                with formatter.section(title):
                    formatter.write_dl(lines[kind])

    def invoke(self, ctx: Any) -> Any:
        """Run the real command."""
        return self.real.invoke(ctx)


def _runner(function: Callable[..., int | None]) -> Callable[..., None]:
    """What Typer calls: fields of groups become options, and every ending an exit code."""
    hints = get_type_hints(function, include_extras=True)
    own: list[inspect.Parameter] = []
    groups: dict[str, tuple[type, list[str]]] = {}
    for parameter in list(inspect.signature(function).parameters.values())[1:]:
        kind = hints[parameter.name]
        if is_dataclass(kind) and isinstance(kind, type):
            fields = _fields(kind)
            groups[parameter.name] = kind, [field.name for field in fields]
            own.extend(fields)
        else:
            own.append(parameter.replace(annotation=kind))
    keyword = inspect.Parameter.KEYWORD_ONLY
    common = [
        inspect.Parameter(key, keyword, default=False, annotation=kind)
        for key, kind in (("json", _Json), ("quiet", _Quiet), ("verbose", _Verbose))
    ]

    def run(ctx: typer.Context, **values: Any) -> None:
        common = {key: values.pop(key) for key in ("json", "quiet", "verbose")}
        context = Context(**common, given=_given(ctx))
        for group, (kind, fields) in groups.items():
            values[group] = kind(**{field: values.pop(field) for field in fields})
        raise typer.Exit(_guarded(lambda: function(context, **values), context))

    parameters = [*own, *common]
    for item in parameters:
        _name_value(item)
    parameters.append(inspect.Parameter("ctx", keyword, annotation=typer.Context))
    run.__annotations__ = {item.name: item.annotation for item in parameters}
    run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [item.replace(kind=keyword) for item in parameters]
    )
    return run


def _given(ctx: typer.Context) -> dict[str, str]:
    """The parameters that the command line names, each with its long option."""
    named = {}
    for item in ctx.command.params:
        source = ctx.get_parameter_source(item.name or "")
        if item.name and source is not None and source.name == "COMMANDLINE":
            named[item.name] = next((one for one in item.opts if one.startswith("--")), item.name)
    return named


def _name_value(parameter: inspect.Parameter) -> None:
    """Give a parameter the word that help shows for its value: MODEL, INTEGER, PATH."""
    kind, *metadata = get_args(parameter.annotation)
    for info in metadata:
        if isinstance(info, ArgumentInfo) and info.metavar is None:
            info.metavar = parameter.name.upper()
        elif isinstance(info, OptionInfo) and info.metavar is None:
            inner = next((one for one in get_args(kind) if one is not NoneType), kind)
            inner = next(iter(get_args(inner)), inner)  # of a list
            info.metavar = _VALUES.get(inner)


def _fields(kind: type) -> list[inspect.Parameter]:
    """The fields of a dataclass as parameters, with their options."""
    hints = get_type_hints(kind, include_extras=True)
    parameters = inspect.signature(kind).parameters.values()
    return [item.replace(annotation=hints[item.name]) for item in parameters]


def _guarded(call: Callable[[], int | None], context: Context) -> int:
    """Run a command; every ending becomes an exit code and, if it failed, a sentence."""
    for number in _ENDINGS:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # as under nohup
            signal.signal(number, interrupt)
    try:
        return call() or EXIT_OK
    except SmallscaleError as error:
        _tell(error, context)
        return error.exit_code
    except KeyboardInterrupt as error:
        return _end(context, error, "Interrupted.", "", EXIT_INTERRUPTED)
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        message, hint = f"{error.strerror or error}{where}.", "Check the disk and its rights."
        return _end(context, error, message, hint, EXIT_INFRASTRUCTURE)
    except Exception as error:  # noqa: BLE001 - the last line of defence: a sentence, no traceback
        message = f"Internal error: {type(error).__name__}: {error}"
        hint = "Please report it, with what -v prints."
        return _end(context, error, message, hint, EXIT_INFRASTRUCTURE)


def _end(context: Context, error: BaseException, message: str, hint: str, code: int) -> int:
    """Report why there is no result: to people, and as JSON if requested."""
    context.out.error(message, hint)
    if context.json:
        context.out.json({"error": message, "hint": hint, "exit_code": code})
    annotate(context.out, SmallscaleError(message, hint))
    if context.verbose:
        context.out.plain("".join(traceback.format_exception(error)))
    return code


def interrupt(*_: object) -> None:
    """Signal handler: the run ends in good order, and further signals are ignored."""
    # Once is enough: cleaning up has started. CI services send SIGINT, and SIGTERM soon after.
    for number in _ENDINGS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _tell(error: SmallscaleError, context: Context) -> None:
    from smallscale_ci.cli.program import runnable

    out = context.out
    if isinstance(error, EngineError) and error.log_tail:
        out.log(error.log_tail)
    hint = runnable(error.hint)
    out.error(error.message, hint)
    value = {"error": error.message, "hint": hint, "exit_code": error.exit_code}
    if isinstance(error, ConfigError):
        for problem in error.problems:
            out.plain(f"  {problem}")
        value = {**value, "problems": error.problems}
    if context.json:
        out.json(value)
    annotate(out, error)
    if context.verbose:
        out.plain("".join(traceback.format_exception(error)))
