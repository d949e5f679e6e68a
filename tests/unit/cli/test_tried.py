"""A failure of one thing hides neither the others nor their failures."""

import pytest

from smallscale_ci.cli.command import Context
from smallscale_ci.cli.tried import all_tried
from smallscale_ci.errors import DataError

CONTEXT = Context(json=False, quiet=False, verbose=False)


def act(number: int) -> int:
    if number % 2:
        raise DataError(f"number {number} is odd.", "Take another.")
    return 10 * number


def test_results_are_in_the_order_of_the_things():
    with all_tried(CONTEXT) as results:
        assert results(act, [2, 0]) == [20, 0]


def test_everything_is_tried_and_the_last_failure_raised(capsys):
    done = []

    def command() -> None:
        with all_tried(CONTEXT) as results:
            done.extend([*results(act, range(4)), *results(act, [8])])

    with pytest.raises(DataError, match="number 3"):
        command()
    assert done == [0, 20, 80]
    said = capsys.readouterr().err
    assert "number 1 is odd." in said
    assert "number 3" not in said  # it is raised


def test_failures_are_told_where_the_command_returns_early():
    def command() -> None:
        with all_tried(CONTEXT) as results:
            assert results(act, [1]) == []
            return

    with pytest.raises(DataError, match="number 1"):
        command()


def test_another_error_goes_its_own_way():
    with pytest.raises(KeyError), all_tried(CONTEXT) as results:
        results({}.__getitem__, ["missing"])
