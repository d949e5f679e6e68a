import json
from dataclasses import replace

import numpy as np
import pytest
from helpers import replayed

from smallscale_ci.config.policy import GatePolicy
from smallscale_ci.pipeline import compare
from smallscale_ci.run import baselines
from smallscale_ci.run.folder import RunFolder
from smallscale_ci.run.run import Run


def excerpts(place, baseline):
    """The excerpts of the run ``cand`` compared with ``baseline``."""
    _, suite = replayed.read_suite(place)
    run = RunFolder(place / "stored" / "cand")
    against = baseline if isinstance(baseline, Run) else baselines.load(baseline)
    evaluation = compare.compare(
        baselines.load(run.path), against, GatePolicy(name="tiny"),
        look=1, of=1, suite=suite, run=run,
    )  # fmt: skip
    return list(evaluation.report.excerpts.values())


def test_both_answers_have_their_text_where_the_baseline_is_a_run(tmp_path):
    replayed.make_configs(tmp_path, problems=4)
    replayed.make_run(tmp_path, "cand", epochs=2)
    before = replayed.make_run(tmp_path, "before", epochs=2, wrong=0.9)
    for excerpt in excerpts(tmp_path, before):
        sides = (*excerpt.candidate, *excerpt.baseline)
        assert len(sides) == 4
        assert all(answer.text.startswith("The sum is") for answer in sides)
        assert all(answer.reason and answer.extracted for answer in sides)


@pytest.mark.parametrize(
    ("prompt", "told"),
    [
        ({"user": "{question} Box it."}, "What is 0 + 1? Box it."),
        (
            {"system": "Be brief.", "examples": [["1+1?", "2"]]},
            "[system]\nBe brief.\n\n[user]\n1+1?\n\n[assistant]\n2\n\n[user]\nWhat is 0 + 1?",
        ),
    ],
)
def test_a_problem_comes_with_its_prompt_as_the_model_saw_it(tmp_path, prompt, told):
    replayed.make_configs(tmp_path, problems=4)
    file = tmp_path / "configs" / "suites" / "tiny.yaml"
    file.write_text(f"{file.read_text()}    prompt: {json.dumps(prompt)}\n")
    assert excerpts(tmp_path, replayed.make_run(tmp_path, "cand"))[0].prompt == told


def test_a_recorded_baseline_has_outcomes_and_tokens(tmp_path):
    replayed.make_configs(tmp_path, problems=4)
    replayed.make_run(tmp_path, "cand")
    stored = replayed.record(replayed.make_run(tmp_path, "before"), tmp_path / "baselines")
    answers = [answer for excerpt in excerpts(tmp_path, stored) for answer in excerpt.baseline]
    assert len(answers) == 8
    assert all(answer.text is None and answer.tokens for answer in answers)


def test_a_baseline_that_counts_no_tokens_has_none(tmp_path):
    replayed.make_configs(tmp_path, problems=4)
    replayed.make_run(tmp_path, "cand")
    before = baselines.load(replayed.make_run(tmp_path, "before"))
    nothing = np.full(len(before.samples), np.nan)
    bare = replace(before, source="bare.csv", samples=replace(before.samples, tokens=nothing))
    answers = [answer for excerpt in excerpts(tmp_path, bare) for answer in excerpt.baseline]
    assert len(answers) == 8
    assert {answer.tokens for answer in answers} == {None}
