"""Where expressions are compared: the same points tomorrow, of every kind that tells them apart."""

from collections.abc import Callable, Iterator

import pytest

from smallscale_ci.judges.mathematics import points
from smallscale_ci.judges.mathematics.points import Point


def listed(made: Callable[[list[str]], Iterator[Point]], *names: str) -> list[dict[str, float]]:
    return [{name: float(value) for name, value in point.items()} for point in made([*names])]


@pytest.mark.parametrize("made", [points.near, points.wide, points.whole, points.steps])
def test_the_same_trees_have_the_same_points(made: Callable[[list[str]], Iterator[Point]]) -> None:
    assert listed(made, "n", "x") == listed(made, "n", "x")
    assert all({*point} == {"n", "x"} for point in listed(made, "n", "x"))


def test_near_ones_are_positive_and_differ() -> None:
    found = listed(points.near, "x", "y")
    assert all(0.3 <= value <= 2.7 for point in found for value in point.values())
    assert len({point["x"] for point in found}) == len(found)


def test_wide_ones_are_of_both_signs_tiny_and_large() -> None:
    found = [point["x"] for point in listed(points.wide, "x")]
    assert min(found) < -30
    assert max(found) > 30
    assert min(map(abs, found)) < 0.1
    assert listed(points.wide) == []


def test_counts_are_whole_and_positive_and_other_names_are_not() -> None:
    found = listed(points.whole, "k", "n", "x")
    assert all(point[name].is_integer() and point[name] > 0 for point in found for name in "kn")
    assert not all(point["x"].is_integer() for point in found)


def test_steps_are_whole_numbers_of_both_signs() -> None:
    found = [point["x"] for point in listed(points.steps, "x")]
    assert found == [float(n) for n in range(-6, 7)]
