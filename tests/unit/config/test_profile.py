"""Engine profiles as files may write them."""

import pytest

from smallscale_ci.config.load import parse
from smallscale_ci.config.profile import EngineProfile
from smallscale_ci.errors import ConfigError
from smallscale_ci.worker.engines.registry import ENGINES


def profile(lines="", engine="vllm"):
    return parse(EngineProfile, f"name: p\nengine: {engine}\n{lines}", "p.yaml")


def refused(lines="", engine="vllm"):
    with pytest.raises(ConfigError) as caught:
        profile(lines, engine)
    return " ".join(caught.value.problems)


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_of_the_table_has_profiles(engine):
    assert profile(engine=engine).engine_kind is ENGINES[engine]


def test_only_what_changes_an_answer_of_a_service_is_asked():
    made = profile("engine_args: {standard_only: true, timeout_s: 5}", "openai")
    assert made.asked == {"standard_only": True}
    assert profile().asked == {}


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("runtime: dcoker", "did you mean 'docker'?"),
        ("ranks: 0", "ranks: must be greater than or equal to 1"),
        ("price_per_gpu_hour: .inf", "price_per_gpu_hour"),
        ("container: {memory_gib: 0}", "container.memory_gib: must be greater than 0"),
        ("container: {pids: 2}", "container.pids"),
        ("start_timeout_s: -1", "start_timeout_s"),
        ("order: random", "order"),
        ("env: {HF_TOKEN: abc}", "env.HF_TOKEN looks like a secret"),
        ("template: {api_key: abc}", "template.api_key looks like a secret"),
        ("engine_args: {headers: {Authorization: Bearer abc}}", "looks like a secret"),
        ("engine_args: {tokenizer: other}", "engine_args cannot have tokenizer"),
    ],
)
def test_what_cannot_be_meant_is_refused(lines, said):
    assert said in refused(lines)


def test_a_message_does_not_repeat_the_secret():
    assert "s3cr3t" not in refused("env: {OPENAI_API_KEY: s3cr3t}")


def test_an_unknown_engine_is_told_with_those_that_are_known():
    said = refused(engine="vlm")
    assert "did you mean 'vllm'?" in said
    assert all(engine in said for engine in ENGINES)
