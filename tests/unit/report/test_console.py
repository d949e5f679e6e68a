"""The report on a terminal: narrow, wide, and without colour."""

import io

import pytest
from helpers.report_examples import EXAMPLES
from rich.console import Console

from smallscale_ci.report import console
from smallscale_ci.report.interface import ReportData


def plain(data: ReportData, width: int = 80) -> str:
    stream = io.StringIO()
    Console(file=stream, width=width, color_system=None).print(console.render(data, width))
    return "".join(f"{line.rstrip()}\n" for line in stream.getvalue().splitlines())


@pytest.mark.parametrize("name", EXAMPLES)
def test_console_fits_80_columns_and_says_the_verdict_first(name: str) -> None:
    lines = plain(EXAMPLES[name]).splitlines()
    assert max(map(len, lines)) <= 80
    first_word = lines[0].split(":")[0]
    verdict = EXAMPLES[name].verdict
    known = {verdict.kind.value} if verdict else {"INTERRUPTED", "NO VERDICT"}
    assert first_word in known


def test_a_narrow_terminal_loses_neither_the_metric_nor_the_interval() -> None:
    wide, narrow = (plain(EXAMPLES["regressed"], width) for width in (80, 60))
    for name in ("accuracy", "tokens", "truncation"):
        rows = [line for line in narrow.splitlines() if line.startswith(f"  {name} ")]
        assert len(rows) == sum(line.startswith(f"  {name} ") for line in wide.splitlines()) > 0
    assert not any("…" in line for line in narrow.splitlines() if "[" in line)


def test_colour_is_left_out_where_the_console_has_none() -> None:
    stream = io.StringIO()
    coloured = Console(file=stream, width=80, force_terminal=True, color_system="standard")
    coloured.print(console.render(EXAMPLES["regressed"]))
    assert "\x1b[1;31mREGRESSED" in stream.getvalue()
    assert "\x1b" not in plain(EXAMPLES["regressed"])
