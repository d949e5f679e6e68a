"""verifiers' traces: an episode a line."""

import json

import pytest
from helpers.foreign import DATA, outcomes, read

from smallscale_ci.errors import DataError
from smallscale_ci.records import FinishReason, Outcome

VERIFIERS = DATA / "verifiers-0.4.0"


def test_a_request_that_failed_is_errored():
    _, samples = read(DATA / "verifiers-0.4.0-errors")
    assert outcomes(samples) == {"ERRORED": 2}
    assert {sample.finish for sample in samples} == {FinishReason.ERROR}
    assert "upstream stream ended" in samples[0].error


def test_a_trace_of_another_version_is_refused(tmp_path):
    text = (VERIFIERS / "traces.jsonl").read_text().replace('"version":1,', '"version":9,')
    (tmp_path / "traces.jsonl").write_text(text)
    with pytest.raises(DataError, match="a trace of version 9; version 1 can be read"):
        read(tmp_path / "traces.jsonl")


def first():
    return json.loads((VERIFIERS / "traces.jsonl").read_text().splitlines()[0])


def one(tmp_path, change):
    """The sample of the first episode, its trace changed."""
    episode = first()
    change(episode, episode["traces"][0])
    (tmp_path / "traces.jsonl").write_text(json.dumps(episode) + "\n")
    (sample,) = read(tmp_path)[1]
    return sample


@pytest.mark.parametrize("weights", [(0.7, 0.1, 0.2), (1 / 3, 1 / 3, 1 / 3), (1.0, 0.0, 0.0)])
def test_scores_of_several_weights_add_up_to_right_or_wrong(tmp_path, weights):
    """0.7 + 0.1 + 0.2 is 0.9999999999999999: such a run was refused as neither right nor wrong."""
    for score, outcome in ((1.0, Outcome.CORRECT), (0.0, Outcome.WRONG)):

        def change(_, trace, score=score):
            trace["rewards"] = {
                str(place): {"score": score, "weight": weight}
                for place, weight in enumerate(weights)
            }

        assert one(tmp_path, change).outcome is outcome


def test_half_of_a_reward_is_neither_right_nor_wrong(tmp_path):
    def change(_, trace):
        trace["rewards"] = {"a": {"score": 1.0, "weight": 0.5}, "b": {"score": 0.0}}

    with pytest.raises(DataError, match=r"the score 'reward' is 0\.5") as caught:
        one(tmp_path, change)
    assert "--metric" in caught.value.hint


def test_one_score_of_several_may_be_named(tmp_path):
    episode = first()
    episode["traces"][0]["rewards"] = {"a": {"score": 1.0}, "b": {"score": 0.0}}
    (tmp_path / "traces.jsonl").write_text(json.dumps(episode))
    for metric, outcome in (("a", Outcome.CORRECT), ("b", Outcome.WRONG)):
        assert read(tmp_path, metric=metric)[1][0].outcome is outcome


def test_the_last_answer_of_a_conversation_counts(tmp_path):
    def change(_, trace):
        again = json.loads(json.dumps(trace["nodes"][-1]))
        again["message"]["content"] = "No: \\boxed{7}"
        trace["nodes"].append(again)

    assert one(tmp_path, change).text == "No: \\boxed{7}"


def test_an_episode_without_an_answer_has_no_length(tmp_path):
    def change(_, trace):
        trace["nodes"] = trace["nodes"][:1]

    sample = one(tmp_path, change)
    assert (sample.text, sample.tokens) == ("", None)


def test_a_call_that_counted_no_thinking_leaves_it_unknown(tmp_path):
    def change(_, trace):
        trace["calls"].append({"finish_reason": "length", "usage": {"completion_tokens": 3}})
        trace["rewards"] = {"right": {"score": 0.0}}

    sample = one(tmp_path, change)
    assert sample.thinking_tokens is None
    assert sample.outcome is Outcome.TRUNCATED  # the last call ended it


def test_several_agents_have_no_single_answer(tmp_path):
    with pytest.raises(DataError, match="line 1 has 2 traces") as caught:
        one(tmp_path, lambda episode, trace: episode["traces"].append(trace))
    assert "one agent" in caught.value.hint


def test_an_episode_that_is_there_twice_is_refused(tmp_path):
    (tmp_path / "traces.jsonl").write_text((json.dumps(first()) + "\n") * 2)
    with pytest.raises(DataError, match=r"line 2: the episode [0-9a-f]+ is there twice"):
        read(tmp_path)
