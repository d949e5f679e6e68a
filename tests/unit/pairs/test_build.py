"""From a judged run to pairs: what is chosen, and what is refused before anything is written."""

import pytest
from helpers import replayed

from smallscale_ci.config.pairs import PairPolicy
from smallscale_ci.errors import DataError, InvalidError
from smallscale_ci.pairs import build, record
from smallscale_ci.pairs.build import Check
from smallscale_ci.run.folder import RunFolder

POLICY = PairPolicy(name="p", difficulty=("easy", "medium"), easy_from=0.9, min_pairs=2)
NOTHING = Check({})


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    place = tmp_path_factory.mktemp("build")
    replayed.make_configs(place, problems=12)
    return RunFolder(replayed.make_run(place, "src", epochs=5)), replayed.read_suite(place)[1]


def choose(world, policy=POLICY, check=NOTHING):
    said = []
    return build.choose(*world, policy, check, said.append), said


def test_pairs_are_of_one_problem_each_the_shortest_right_and_the_longest(world):
    chosen, _ = choose(world)
    assert len(chosen.pairs) == chosen.about.counts.pairs >= 2
    for pair in chosen.pairs:
        assert pair.chosen_tokens < pair.rejected_tokens
        assert pair.chosen_index != pair.rejected_index
        assert "boxed" in pair.chosen
        assert "boxed{-7}" not in pair.chosen  # it is right
        assert pair.messages[-1]["role"] == "user"
    counts = chosen.about.counts
    assert counts.easy + counts.medium + counts.hard == counts.problems == 12


def test_what_is_made_is_read_back_with_its_page(world, tmp_path):
    made = build.make(*world, POLICY, NOTHING, tmp_path / "pairs", lambda _: None)
    assert record.read(tmp_path / "pairs") == made.record
    assert (made.folder / build.PAGE).read_text().startswith("<!doctype html>")
    assert made.record.run_id == "src"


def test_problems_of_the_evaluation_are_refused_or_left_out(world):
    held_out = {"eval": [world[1].problems[0]]}
    with pytest.raises(DataError, match="eval"):
        choose(world, check=Check(held_out))
    chosen, said = choose(world, check=Check(held_out, leaks="drop"))
    left_out = chosen.about.counts.dropped["in the evaluation"]
    assert left_out >= 1
    assert all(line.startswith("left out: ") for line in said)
    assert world[1].problems[0].id not in {pair.problem_id for pair in chosen.pairs}
    assert chosen.about.counts.problems == 12


def test_what_training_would_cut_is_counted_and_refused(world):
    with pytest.raises(DataError, match="longer than 20 tokens"):
        choose(world, check=Check({}, cutoff_len=20))
    chosen, (said,) = choose(world, check=Check({}, cutoff_len=20, max_lost=1.0))
    assert said.startswith(f"of {len(chosen.pairs)} pairs 0 are malformed")
    assert chosen.about.screening.cut > 0


def test_too_few_pairs_are_refused_and_nothing_is_written(world, tmp_path):
    policy = POLICY.model_copy(update={"min_pairs": 13})
    with pytest.raises(DataError):
        build.make(*world, policy, NOTHING, tmp_path / "pairs", lambda _: None)
    assert not (tmp_path / "pairs").exists()


def test_a_run_that_nobody_judged_is_told_how_to(tmp_path):
    replayed.make_configs(tmp_path, problems=4)
    run = RunFolder(replayed.make_run(tmp_path, "src"))
    run.judgements.unlink()
    with pytest.raises(InvalidError, match="is not judged") as caught:
        choose((run, replayed.read_suite(tmp_path)[1]))
    assert "smallscale judge" in caught.value.hint


def test_a_suite_that_changed_since_is_refused(world, tmp_path):
    replayed.make_configs(tmp_path, problems=5)
    with pytest.raises(InvalidError, match="The data of suite 'tiny' changed since"):
        choose((world[0], replayed.read_suite(tmp_path)[1]))


@pytest.mark.parametrize(("opened", "text"), [(True, "<think>\nso 4"), (False, "so 4")])
def test_an_answer_begins_as_the_model_s_turn_did(opened, text):
    """Where the template had opened the thinking, the answer alone would lack its beginning."""
    assert build._whole({"text": "so 4", "thinking": opened}) == text
