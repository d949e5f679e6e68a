"""Everything that is printed: results to stdout, the rest to stderr."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Self

from rich.console import Console, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from smallscale_ci.cli.program import runnable
from smallscale_ci.generate.progress import Progress
from smallscale_ci.report.escape import json_text, terminal

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

_LINE_EVERY_S = 10.0  # seconds between plain progress lines, without a terminal
_WIDTH = 80
_BAR = 16  # columns


class _Console(Console):
    """A console whose reader may go away: rich would exit with 1, which means REGRESSED here."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        _discard(self.file)


class Output:
    """The two consoles of a call. With ``json``, stdout carries a single JSON value.

    If their reader goes away, the rest is discarded and the exit code stays the same.
    """

    def __init__(self, *, json: bool, quiet: bool) -> None:
        self._json, self.quiet = json, quiet
        self._err = _Console(stderr=True, highlight=False)
        self._out = self._err if json else _Console(highlight=False)
        if not self._out.is_terminal:
            self._out.width = max(self._out.width, _WIDTH)

    @property
    def width(self) -> int:
        """Columns that results may use."""
        return min(self._out.width, 100)

    def result(self, content: RenderableType) -> None:
        """Print a result; if a program may read it, no path or digest is wrapped."""
        if isinstance(content, str):
            self._out.print(Text(terminal(content)), soft_wrap=not self._out.is_terminal)
        else:
            self._out.print(content)

    def say(self, text: str) -> None:
        """Report what is going on, unless quiet."""
        if not self.quiet:
            text = runnable(text)
            self._err.print(Text(terminal(text), style="dim"), soft_wrap=True)

    def error(self, message: str, hint: str) -> None:
        """Print an error and its remedy, with commands that can be pasted here."""
        message, hint = runnable(message), runnable(hint)
        self._err.print(Text.assemble(("error: ", "bold red"), terminal(message)), soft_wrap=True)
        if hint:
            self._err.print(Text.assemble(("  → ", "bold"), terminal(hint)), soft_wrap=True)

    def warning(self, message: str) -> None:
        """Print a problem that does not stop the command."""
        line = Text.assemble(("warning: ", "bold yellow"), terminal(runnable(message)))
        self._err.print(line, soft_wrap=True)

    def plain(self, text: str) -> None:
        """Print lines as they are, to stderr."""
        self._err.print(Text(terminal(text)), soft_wrap=True)

    def commands(self, text: str) -> None:
        """Print GitHub workflow commands, already escaped, to stderr: stdout may carry JSON."""
        _print(text, sys.stderr)

    def log(self, tail: str) -> None:
        """Print the last lines of an engine's log."""
        self._err.print(Text("The engine's last lines:", style="dim"))
        self._err.print(Text(terminal(tail), style="dim"), soft_wrap=True)

    def json(self, value: Any) -> None:
        """Print the JSON value of the call."""
        words = json.dumps(value, sort_keys=True, ensure_ascii=False, indent=2)
        _print(json_text(words) + "\n", sys.stdout)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print rows under ``columns``."""
        table = Table(box=None, pad_edge=False, header_style="bold", show_header=any(columns))
        cells = [tuple(map(terminal, row)) for row in rows]
        for place, name in enumerate(columns):
            whole = place == 0 and self._are_names([row[0] for row in cells])
            table.add_column(name, overflow="fold", no_wrap=whole)
        for row in cells:
            table.add_row(*map(escape, row))
        self._out.print(table)

    def _are_names(self, cells: Sequence[str]) -> bool:
        """Whether they can stay unwrapped, for copying, and leave half of the width to others."""
        return all(" " not in cell and len(cell) <= self._out.width // 2 for cell in cells)

    def mapping(self, values: Mapping[str, str]) -> None:
        """Print names and values, one per line."""
        self.table(("", ""), list(values.items()))

    def watch(self, label: str = "") -> Display:
        """A display of a run's progress: a live bar, plain lines, or nothing.

        ``label`` starts its lines.
        """
        return Display(self._err, self, f"{label}: " if label else "")


def _print(text: str, stream: IO[str]) -> None:
    try:
        print(text, end="", file=stream, flush=True)
    except OSError as error:
        _discard(stream)
        if not isinstance(error, BrokenPipeError):
            raise


def _discard(stream: IO[str]) -> None:
    """Discard whatever is still written to ``stream``, even when Python exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


class Display:
    """Shows a run's progress. Use it as a context manager; it is the pipeline's observer."""

    def __init__(self, console: Console, out: Output, label: str = "") -> None:
        self._console, self._out, self._label = console, out, label
        self._bar: Bars | None = None
        self._last, self._said = 0.0, ""

    def __enter__(self) -> Self:
        if self._console.is_terminal and not self._out.quiet:
            self._bar = _bars(self._console)
            self._bar.add_task("", total=None)
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def say(self, text: str) -> None:
        """A line above the bar."""
        self._out.say(text)

    def progress(self, progress: Progress) -> None:
        """Redraw the bar, or print a line now and then."""
        if self._bar is not None:
            (task,) = self._bar.task_ids
            total = None if progress.phase.startswith("loading") else max(progress.total, 1)
            self._bar.update(
                task,
                total=total,
                completed=progress.done,
                description=self._words(progress, self._console.width - _BAR - 1),
            )
            return
        now = time.monotonic()
        finished = progress.done == progress.total and progress.total > 0
        line = self._words(progress)
        if (finished or now - self._last >= _LINE_EVERY_S) and line != self._said:
            self._last, self._said = now, line
            self._out.say(line)

    def _words(self, progress: Progress, width: int = _WIDTH) -> str:
        return self._label + _words(progress, width - len(self._label))


def _words(progress: Progress, width: int = _WIDTH) -> str:
    """One line: done of total, speed, accuracy and mean tokens so far, time left.

    If ``width`` columns are too few, the means are dropped first, then the speed.
    """
    if progress.phase.startswith("loading"):
        return progress.phase
    count = f"{progress.phase} {progress.done:,}/{progress.total:,}"
    if progress.epochs > 1:
        count += f" ({progress.epochs:g} epochs)"
    parts = {"count": count}
    if round(progress.tokens_per_s or 0):
        parts["speed"] = f"{progress.tokens_per_s:,.0f} tokens/s"
    if progress.accuracy is not None:
        parts["accuracy"] = f"accuracy {100 * progress.accuracy:.1f}%"
    if progress.mean_tokens is not None:
        parts["tokens"] = f"{progress.mean_tokens:,.1f} tokens each"
    if progress.seconds_left and progress.done < progress.total:
        parts["left"] = f"{_time(progress.seconds_left)} left"
    for dispensable in ("tokens", "speed", "accuracy"):
        if len(" · ".join(parts.values())) > width:
            parts.pop(dispensable, None)
    return " · ".join(parts.values())


def _bars(console: Console) -> Bars:
    """A bar, which pulses while the total is unknown, followed by a line of words."""
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bars

    words = TextColumn("{task.description}", markup=False)
    return Bars(BarColumn(_BAR), words, console=console, transient=True, refresh_per_second=4)


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
