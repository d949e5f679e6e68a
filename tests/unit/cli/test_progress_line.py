import pytest

from smallscale_ci.cli.output import _words
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


@pytest.mark.parametrize("width", [120, 80, 63, 56])
def test_the_line_fits_the_terminal(width):
    line = _words(FULL, width)
    assert len(line) <= width
    assert line.startswith("generating 123,456/1,000,000 (4 epochs)")
    assert line.endswith("2:01:40 left")
