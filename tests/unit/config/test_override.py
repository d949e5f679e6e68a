import contextlib

import pytest

from smallscale_ci.config import override
from smallscale_ci.config.pairs import PairPolicy
from smallscale_ci.config.policy import GatePolicy
from smallscale_ci.config.profile import EngineProfile
from smallscale_ci.config.suite import JudgeConfig, SuiteConfig
from smallscale_ci.config.suite import TaskConfig as Task
from smallscale_ci.errors import ConfigError, UsageError

RUN = ("suite", "profile", "gate")
SUITE = SuiteConfig(
    name="s",
    tasks=(
        Task(name="math", source="a.jsonl", judge=JudgeConfig(name="math")),
        Task(name="mcq", source="b.jsonl", judge=JudgeConfig(name="mcq")),
    ),
)


FILES = {SuiteConfig: "suite", EngineProfile: "profile", GatePolicy: "gate"}


def applied(config, *texts):
    return override.apply(config, override.read(texts, RUN)[FILES[type(config)]])


def test_a_value_is_replaced_and_the_rest_stays():
    found = applied(SUITE, "sampling.max_tokens=512", "suite.tasks.mcq.epochs=4", "gate.gated=mean")
    assert found.sampling.max_tokens == 512
    assert [task.epochs for task in found.tasks] == [1, 4]
    assert (
        applied(found, "suite.tasks.mcq.epochs=1", "sampling.max_tokens=32768").tasks == SUITE.tasks
    )


def test_values_are_read_as_in_a_file():
    profile = EngineProfile(name="p", engine="vllm")
    found = applied(
        profile,
        "profile.engine_args.max_model_len=4096",
        "profile.engine_args.dtype=bfloat16",
        "profile.start_timeout_s=1e3",
        "profile.container.memory_gib=",
    )
    assert found.engine_args == {"max_model_len": 4096, "dtype": "bfloat16"}
    assert found.start_timeout_s == 1000
    assert found.container.memory_gib is None


def test_a_changed_file_is_checked_as_a_whole():
    policy = GatePolicy(name="g", max_epochs=4)
    changes = override.read(["gate.on_inconclusive=fail"], RUN)["gate"]
    with pytest.raises(ConfigError, match="does not fit the gate policy 'g'") as told:
        override.apply(policy, changes)
    assert "max_epochs is 4" in told.value.problems[0]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("gate.max_epoch=2", "--set gate.max_epoch=2: unknown key (did you mean 'max_epochs'?)"),
        ("gate.max_epochs=many", 'must be a whole number, not "many"'),
        ("gate.margins.accuracy=2", "must be less than or equal to 1"),
        ("gate.max_epochs=[1", "but got '<stream end>'"),
    ],
)
def test_wrong_values_are_named_with_the_option(text, problem):
    with pytest.raises(ConfigError) as told:
        applied(GatePolicy(name="g"), text)
    assert problem in told.value.problems[0]
    assert f"--set {text}" in f"{told.value.message}{told.value.problems}"


@pytest.mark.parametrize("text", ["gate", "gate=2", "gates.max_epochs=2", "gate..x=1", "=2", ""])
def test_keys_that_name_no_file_are_refused(text):
    with pytest.raises(UsageError, match="cannot be applied") as told:
        override.read([text], RUN)
    assert "--set sampling.max_tokens=512" in told.value.hint


@pytest.mark.parametrize(
    "key", ["suite.tasks.code.epochs", "suite.tasks.2.epochs", "suite.gate.x.y"]
)
def test_a_place_that_is_not_there_is_refused(key):
    with pytest.raises(UsageError, match="there is no"):
        applied(SUITE.model_copy(update={"gate": "g"}), f"{key}=2")


def test_defaults_follow_the_limits_beside_them():
    """What a file did not say may still give way."""
    changes = override.read(["pairs.max_pairs=4", "pairs.easy_from=0.3"], ("pairs",))["pairs"]
    found = override.apply(PairPolicy(name="p"), changes)
    assert (found.min_pairs, found.medium_from) == (4, 0.3)


@pytest.mark.parametrize("value", ["x", "-1", "0", "2", "1.5", "[]", "{}", "", "true", "'\\ud800'"])
def test_no_value_of_any_key_is_an_internal_error(value):
    """Some defaults are computed from other values, and cannot be where these are wrong."""
    for config in (SUITE, EngineProfile(name="p", engine="vllm"), GatePolicy(name="g")):
        for key in type(config).model_fields:
            with contextlib.suppress(ConfigError):
                applied(config, f"{FILES[type(config)]}.{key}={value}")
    for key in PairPolicy.model_fields:
        changes = override.read([f"pairs.{key}={value}"], ("pairs",))["pairs"]
        with contextlib.suppress(ConfigError):
            override.apply(PairPolicy(name="p"), changes)


@pytest.mark.parametrize("text", ["max_pairs=x", "max_pairs=-1", "max_pairs=0", "easy_from=2"])
def test_what_follows_from_a_wrong_value_is_not_a_problem_of_its_own(text):
    changes = override.read([f"pairs.{text}"], ("pairs",))["pairs"]
    with pytest.raises(ConfigError) as told:
        override.apply(PairPolicy(name="p"), changes)
    (problem,) = told.value.problems
    assert problem.startswith(f"--set pairs.{text}: must be ")
