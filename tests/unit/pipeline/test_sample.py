"""One sample of a run: found by its problem's id or the beginning of it."""

import pytest
from helpers import replayed

from smallscale_ci.errors import UsageError
from smallscale_ci.pipeline import sample
from smallscale_ci.run import tables


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    place = tmp_path_factory.mktemp("sample")
    replayed.make_configs(place, problems=6)
    run = replayed.make_run(place, "src", epochs=2)
    return run, replayed.settings(place), replayed.read_suite(place)[1].problems


def find(world, name):
    run, settings, _ = world
    return sample.find(run, name, settings)


def test_a_sample_is_found_with_its_question_its_text_and_its_verdict(world):
    run, _, problems = world
    judged = {
        (j.problem_id, j.sample_index): j for j in tables.judgements(run / "judgements.parquet")
    }
    for problem in problems:
        for index in range(2):
            found = find(world, f"{problem.id}:{index}")
            verdict = judged[problem.id, index]
            assert (found.problem, found.index) == (problem, index)
            assert (found.outcome, found.reason) == (verdict.outcome.value, verdict.reason)
            assert found.messages[-1][0] == "user"
            assert problem.question in found.messages[-1][1]
            assert found.completion_tokens > 0


def test_the_first_sample_is_meant_where_none_is_named(world):
    problem = world[2][3]
    assert find(world, problem.id) == find(world, f"{problem.id[:8]}:0")


@pytest.mark.parametrize("name", ["", ":", ":1", "zz", "no such problem"])
def test_what_names_no_problem_is_told_with_one_that_is_there(world, name):
    with pytest.raises(UsageError, match="names no problems") as caught:
        find(world, name)
    assert world[2][0].id in caught.value.hint


@pytest.mark.parametrize("index", ["²", "x", "-1", "1.0"])
def test_what_is_not_a_number_is_told(world, index):
    with pytest.raises(UsageError, match="is not the number of a sample"):
        find(world, f"{world[2][0].id}:{index}")


@pytest.mark.parametrize("index", [2, 2**31, 10**20])
def test_a_sample_that_the_run_does_not_have_is_told(world, index):
    """An index beyond 64 bits ended in an internal error."""
    with pytest.raises(UsageError, match=f"has no sample {index} of") as caught:
        find(world, f"{world[2][0].id}:{index}")
    assert ":0" in caught.value.hint


def test_the_baseline_s_answers_are_those_to_the_same_problem(world):
    run, settings, problems = world
    assert sample.reference(run, problems[0], settings) is None  # there is no baseline
    replayed.record(run, settings.baselines)
    found = sample.reference(run, problems[0], settings)
    assert found.name == "m"
    own = [find(world, f"{problems[0].id}:{index}") for index in range(2)]
    assert found.answers == tuple((one.outcome, float(one.completion_tokens)) for one in own)
