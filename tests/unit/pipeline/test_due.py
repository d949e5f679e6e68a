"""Which samples each look adds: every sample once, in an order that is fixed beforehand."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from helpers import replayed
from helpers.runs import RIGHT, WRONG, grid
from hypothesis import given, settings
from hypothesis import strategies as st

from smallscale_ci.config.policy import GatePolicy, Margins
from smallscale_ci.pipeline.due import Due, prompts_id, schedule_of
from smallscale_ci.run.folder import RunFolder
from smallscale_ci.run.manifest import prompts_hash
from smallscale_ci.run.names import Names
from smallscale_ci.run.run import Run, read_run

ACCURACY = GatePolicy(
    name="p", looks_per_epoch=4, margins=Margins(accuracy=0.02, tokens=None, truncation=None)
)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A suite of 20 problems, a run of it, and that run's configuration."""
    place = tmp_path_factory.mktemp("due")
    replayed.make_configs(place, problems=20)
    run = read_run(replayed.make_run(place, "src", epochs=1))
    config = RunFolder(place / "stored" / "src").read_config()
    return replayed.read_suite(place)[1], run, config.model_copy(update={"gate": ACCURACY})


def keys(pairs):
    return [(problem.id, index) for problem, index in pairs]


@given(ends=st.lists(st.sampled_from([0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 2.75, 3]), unique=True))
@settings(max_examples=25)
def test_looks_add_every_sample_once_wherever_they_are(world, ends):
    suite, run, config = world
    twice = replace(suite, tasks=(suite.tasks[0].model_copy(update={"epochs": 2}),))
    for of in (suite, twice):
        due = Due(of, run, config)
        at = [0.0, *sorted(ends), 3.0]
        found = [key for a, b in pairwise(at) for key in keys(due.between(a, b))]
        assert sorted(found) == sorted(keys(of.plan(range(3))))


def test_whole_epochs_are_in_the_suite_s_order(world):
    suite, run, config = world
    assert keys(Due(suite, run, config).between(0, 2)) == keys(suite.plan(range(2)))


def test_the_first_epoch_is_the_same_whatever_the_baseline(world):
    suite, run, config = world
    with_, without = (Due(suite, of, config) for of in (run, None))
    assert keys(with_.between(0, 0.5)) == keys(without.between(0, 0.5))
    assert len(keys(with_.between(0, 0.5))) == 10


def test_later_epochs_begin_with_what_the_baseline_is_least_sure_of(world):
    suite, _, config = world
    outcome = np.full((20, 8), RIGHT)
    outcome[5:10, ::2] = WRONG
    samples = replace(
        grid(outcome, task="sums"), problem_ids=Names.of(p.id for p in suite.problems)
    )
    first = keys(Due(suite, Run("b", samples), config).between(1, 1.25))
    assert {name for name, _ in first} == {problem.id for problem in suite.problems[5:10]}
    assert {index for _, index in first} == {1}


def test_nothing_that_is_compared_is_looked_at_once(world):
    suite, run, config = world
    assert schedule_of(config.model_copy(update={"epochs": 3}), suite, None).ends == (3.0,)
    several = config.model_copy(update={"epochs": 1, "max_epochs": 3})
    assert schedule_of(several, suite, run).ends == (1.0, 2.0, 3.0)


def test_prompts_of_a_part_are_those_that_the_part_asks(world):
    suite, _, config = world
    hashes = {problem.id: problem.id for problem in suite.problems}
    found = prompts_id(hashes, suite)
    assert found.hash == prompts_hash(hashes)
    for fraction in ("0.25", "0.5", "0.75"):
        asked = keys(Due(suite, None, config).between(0, float(fraction)))
        assert found.parts[fraction] == prompts_hash({name: hashes[name] for name, _ in asked})
    some = dict(list(hashes.items())[:7])
    assert prompts_id(some, suite).parts == {}  # of some of the problems nothing is a part
