"""Which candidates a grid has, which are on the front, and which is chosen."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from smallscale_ci.candidate.members import Measured, choose, front, members
from smallscale_ci.config.folders import names
from smallscale_ci.config.grid import GridArm, GridConfig
from smallscale_ci.config.load import load, parse
from smallscale_ci.errors import ConfigError, UsageError

ROOTS = (Path(__file__).parents[3] / "configs",)
FILE = Path("/grids/g.yaml")


def grid(*arms: GridArm, **more: object) -> GridConfig:
    return GridConfig(name="g", members=arms, **more)


def test_every_rate_with_every_seed_is_a_member():
    two = grid(
        GridArm(recipe="lcpo", learning_rates=(5e-6, 2e-5), changes={"steps": 7}),
        GridArm(recipe="own/sft.yaml", name="shortest", seeds=(1,)),
        seeds=(42, 43),
    )
    found = members(two, FILE, ("recipe.steps=9",))
    assert [member.name for member in found] == [
        *("lcpo-5e-06-s42", "lcpo-5e-06-s43", "lcpo-2e-05-s42", "lcpo-2e-05-s43", "shortest-s1"),
    ]
    assert found[0].overrides == (
        *("recipe.steps=7", "recipe.steps=9", "recipe.learning_rate=5e-06", "recipe.seed=42"),
        'recipe.name="lcpo-5e-06-s42"',
    )  # the command line has the last word on what the grid does not set of each member
    assert found[4].recipe == "/grids/own/sft.yaml"


def test_every_rate_makes_a_name():
    (found,) = members(grid(GridArm(recipe="lcpo", learning_rates=(1e30,))), FILE, ())
    assert found.name == "lcpo-1e30"


def test_two_of_one_name_are_refused():
    with pytest.raises(ConfigError, match="1 problem") as told:
        members(grid(GridArm(recipe="lcpo"), GridArm(recipe="lcpo")), FILE, ())
    assert "two are called lcpo" in told.value.problems[0]


@pytest.mark.parametrize("key", ["learning_rate=1e-5", "seed=3", "name=x"])
def test_what_the_grid_sets_is_not_set_on_the_command_line(key):
    with pytest.raises(UsageError, match="the grid sets"):
        members(grid(GridArm(recipe="lcpo")), FILE, (f"recipe.{key}",))


def test_changes_do_not_say_what_has_a_key_of_its_own():
    text = "name: g\nmembers:\n  - {recipe: lcpo, changes: {learning_rate: 1e-5}}\n"
    with pytest.raises(ConfigError) as told:
        parse(GridConfig, text, "g.yaml")
    assert "use name, seeds and learning_rates" in told.value.problems[0]
    with pytest.raises(ConfigError) as told:
        parse(GridConfig, "name: g\nmembers: [{recipe: lcpo, rates: [1]}]\n", "g.yaml")
    assert "unknown key" in told.value.problems[0]


@pytest.mark.parametrize("name", names(GridConfig, ROOTS))
def test_shipped_grids_have_members_of_shipped_recipes(name):
    config = load(GridConfig, name, ROOTS)
    assert config.description
    assert len(members(config, FILE, ())) > 1


PARENT_BEATS = Measured("worse", -0.01, math.log(1.1))
SHORT = Measured("short", -0.004, math.log(0.4))
SHORTER = Measured("shorter", -0.03, math.log(0.2))
RIGHT = Measured("right", 0.02, math.log(0.9))
BEHIND = Measured("behind", -0.006, math.log(0.5))
ALL = (PARENT_BEATS, SHORT, SHORTER, RIGHT, BEHIND)


def test_the_schema_of_grids_is_printed():
    program = Path(sys.executable).with_name("smallscale")
    told = subprocess.run([program, "schema", "grid"], capture_output=True, check=True)
    assert "side_by_side" in json.loads(told.stdout)["properties"]


def test_the_front_is_what_nothing_surpasses():
    assert front(ALL) == {"short", "shorter", "right"}
    assert front((SHORT, Measured("twin", SHORT.gain, SHORT.length))) == {"short", "twin"}
    assert front(()) == frozenset()


def test_the_shortest_that_holds_accuracy_is_chosen():
    assert choose(ALL, 0.01) is SHORT
    assert choose(ALL, 0.05) is SHORTER
    assert choose((PARENT_BEATS, SHORTER), 0.0) is PARENT_BEATS  # none holds it: the most accurate
