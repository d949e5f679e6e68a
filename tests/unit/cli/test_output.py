"""How far a run is, on a terminal and in a log."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from smallscale_ci.cli.output import Display, Output, _words
from smallscale_ci.generate.progress import Progress

FULL = Progress(
    phase="generating",
    done=123_456,
    total=1_000_000,
    epochs=4,
    tokens_per_s=123_456.0,
    accuracy=0.591,
    mean_tokens=12_345.6,
    seconds_left=7300.0,
)

HALF = Progress(
    phase="generating",
    epochs=2,
    done=60,
    total=120,
    tokens_per_s=1234.5,
    mean_tokens=98.76,
    accuracy=0.5,
    seconds_left=61.0,
)


def test_a_terminal_has_a_bar_that_is_gone_at_the_end():
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=120, height=20)
    with Display(console, Output(json=False, quiet=False)) as display:
        display.progress(replace(HALF, phase="loading m", done=0, total=0))
        display._bar.refresh()
        assert "loading m" in stream.getvalue()
        display.progress(HALF)
        display._bar.refresh()
        shown = stream.getvalue()
    assert "generating 60/120 (2 epochs) · 1,234 tokens/s" in shown
    assert "1:01 left" in shown
    assert shown.rpartition("loading")[2].count("━") == 15  # the bar of 16 columns
    assert stream.getvalue().endswith("\x1b[2K")  # erased


@pytest.mark.parametrize("quiet", [False, True])
def test_a_log_has_lines_unless_quiet(quiet, capsys):
    console = Console(file=io.StringIO())
    with Display(console, Output(json=False, quiet=quiet)) as display:
        display.progress(HALF)
        display.progress(replace(HALF, done=61))  # too soon for another
        display.progress(replace(HALF, done=120))
    said = capsys.readouterr().err
    assert ("60/120" in said, "61/120" in said, "120/120" in said) == (not quiet, False, not quiet)


@pytest.mark.parametrize("width", [120, 80, 63, 56])
def test_the_line_fits_the_terminal(width):
    line = _words(FULL, width)
    assert len(line) <= width
    assert line.startswith("generating 123,456/1,000,000 (4 epochs)")
    assert line.endswith("2:01:40 left")


def test_a_speed_that_rounds_to_nothing_is_left_out():
    assert "tokens/s" not in _words(replace(HALF, tokens_per_s=0.3))
    assert "1 tokens/s" in _words(replace(HALF, tokens_per_s=0.6))
