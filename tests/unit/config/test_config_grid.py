"""Grids as files may write them."""

import pytest

from smallscale_ci.config.grid import GridConfig
from smallscale_ci.config.load import dump, parse
from smallscale_ci.errors import ConfigError

GRID = """name: g
members:
  - {recipe: lcpo, learning_rates: [1e-6, 5e-6], seeds: [1, 2]}
  - {recipe: dpo, name: plain, changes: {beta: 0.2}}
max_loss: 0.02
"""


def problems(text):
    with pytest.raises(ConfigError) as caught:
        parse(GridConfig, text, "g.yaml")
    return caught.value.problems


def test_a_grid_comes_back_from_its_dump():
    read = parse(GridConfig, GRID, "g.yaml")
    assert read.members[0].learning_rates == (1e-6, 5e-6)
    assert read.members[1].changes == {"beta": 0.2}
    assert (read.max_loss, read.side_by_side, read.seeds) == (0.02, 1, ())
    assert parse(GridConfig, dump(read), "again.yaml") == read


@pytest.mark.parametrize("key", ["name", "seed", "learning_rate"])
def test_what_a_grid_varies_is_no_change_of_a_recipe(key):
    (said,) = problems(GRID.replace("beta: 0.2", f"beta: 0.2, {key}: 1"))
    assert f"changes of dpo hold {key}; use name, seeds and learning_rates" in said


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("[1e-6, 5e-6]", "[0]", "must be greater than 0"),
        ("seeds: [1, 2]", "seeds: [-1]", "must be greater than or equal to 0"),
        ("max_loss: 0.02", "max_loss: 2", "must be less than or equal to 1"),
        ("max_loss: 0.02", "side_by_side: 0", "must be greater than or equal to 1"),
        ("recipe: dpo", "recipe: ''", "members[1].recipe"),
    ],
)
def test_values_that_cannot_be_meant_are_told_with_their_line(before, after, said):
    (problem,) = problems(GRID.replace(before, after))
    assert said in problem
    assert problem.startswith("g.yaml:")


def test_a_grid_without_members_is_none():
    assert any("members" in problem for problem in problems("name: g\nmembers: []"))
