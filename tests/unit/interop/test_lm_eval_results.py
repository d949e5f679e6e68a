"""What lm-eval's results.json says of a run: of versions old and new."""

import pytest

from smallscale_ci.interop import lm_eval_results as results
from smallscale_ci.interop.interface import Wanted

NEW = {
    "lm_eval_version": "0.4.9",
    "model_name": "org/m",
    "max_length": 4096,
    "results": {
        "gsm8k": {
            "alias": "gsm8k",
            "exact_match,strict": 0.5,
            "exact_match_stderr,strict": 0.01,
            "exact_match,flexible": 0.75,
        }
    },
    "versions": {"gsm8k": 3},
    "configs": {
        "gsm8k": {
            "generation_kwargs": {"do_sample": False, "until": ["\n"]},
            "filter_list": [{"name": "flexible"}, {"name": "strict"}],
        }
    },
    "config": {"model": "vllm", "model_args": {"dtype": "bfloat16"}, "limit": None},
}


def test_settings_have_the_manifest_s_keys():
    assert results.settings(NEW, "gsm8k") == {
        "engine.version": "0.4.9",
        "engine.backend": "vllm",
        "engine.dtype": "bfloat16",
        "engine.max_model_len": 4096,
        "suite.version": 3,
        "sampling.temperature": 0.0,  # do_sample: False
        "sampling.stop": ["\n"],
    }


def test_what_was_asked_for_goes_before_what_the_task_says():
    asked = {"temperature": 0.6, "max_gen_toks": 32}
    found = results.settings({**NEW, "config": {"gen_kwargs": asked}}, "gsm8k")
    assert (found["sampling.temperature"], found["sampling.max_tokens"]) == (0.6, 32)


@pytest.mark.parametrize("nothing", [{}, {"config": None}, {"config": {"model_args": None}}])
def test_a_file_that_says_nothing_sets_nothing(nothing):
    assert results.settings(nothing, "gsm8k") == {}
    assert results.model(nothing) == ""
    assert results.own_score(nothing, "gsm8k", Wanted()) is None


def test_older_versions_have_their_model_among_its_arguments():
    old = {"config": {"model_args": "pretrained=org/m,dtype=float16,revision=a=b"}}
    assert results.model(old) == "org/m"
    assert results.settings(old, "t") == {"engine.dtype": "float16"}
    assert results.model(NEW) == "org/m"


@pytest.mark.parametrize(
    ("wanted", "score"),
    [
        (Wanted(), 0.75),  # of the first filter, which is not the first score
        (Wanted(filter="strict"), 0.5),
        (Wanted(filter="other"), None),
        (Wanted(metric="acc"), None),
        (Wanted(metric="exact_match"), 0.75),
    ],
)
def test_the_tool_s_own_score_is_that_of_the_filter_that_counts(wanted, score):
    assert results.own_score(NEW, "gsm8k", wanted) == score


def test_some_scores_are_preferred_to_others():
    assert results.preferred(["bleu", "acc_norm", "acc"], Wanted()) == "acc"
    assert results.preferred(["bleu", "rouge"], Wanted()) == "bleu"
    assert results.preferred([], Wanted()) == ""
    assert results.preferred(["acc"], Wanted(metric="f1")) == ""
