"""The options that several commands have: what they take, and what they refuse."""

import pytest
from typer.testing import CliRunner

from smallscale_ci.cli import options
from smallscale_ci.cli.main import app
from smallscale_ci.config.seams import RUNTIMES, SANDBOXES


def test_choices_are_those_of_the_tables():
    assert [*map(str, options.RuntimeName)] == ["auto", *RUNTIMES]
    assert [*map(str, options.SandboxName)] == ["auto", *SANDBOXES]
    trains = [name for name, kind in RUNTIMES.items() if kind.trains]
    assert [*map(str, options.TrainRuntimeName)] == ["auto", *trains]
    assert "ray" not in trains


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--time-budget", "inf"),
        ("--time-budget", "nan"),
        ("--time-budget", "0"),
        ("--deadline", "inf"),
        ("--deadline", "-1"),
        ("--seed", "-1"),
        ("--seed", "2147483648"),
        ("--ranks", "0"),
        ("--tp", "65"),
        ("--epochs", "0"),
        ("--token-budget", "0"),
        ("--limit", "0"),
        ("--runtime", "dockr"),
        ("--sandbox", "none"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused_by_its_option(option, value):
    """An infinite time budget was written into a run folder that could not be read back."""
    done = CliRunner().invoke(app, ["eval", "smollm2", "--dry-run", option, value])
    assert done.exit_code == 2
    assert f"error: {option}: " in done.stderr
    assert value in done.stderr
    assert "eval --help`" in done.stderr
