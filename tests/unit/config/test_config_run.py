"""A run's configuration as its folder keeps it: complete, and read back as it was."""

import pytest

from smallscale_ci.config.load import dump, parse
from smallscale_ci.config.policy import GatePolicy
from smallscale_ci.config.profile import EngineProfile
from smallscale_ci.config.run import RunConfig
from smallscale_ci.config.suite import JudgeConfig, SuiteConfig, TaskConfig
from smallscale_ci.errors import ConfigError

TASK = TaskConfig(name="t", source="t.parquet", judge=JudgeConfig(name="math"))
RUN = RunConfig(
    name="20260131-000000-s-m-ab12",
    model="/models/with space: and # signs",
    suite=SuiteConfig(name="s", tasks=(TASK,)),
    suite_folder="/suites",
    profile=EngineProfile(name="p", engine="vllm", engine_args={"max_num_seqs": 8}),
    gate=GatePolicy(name="g", on_inconclusive="extend", task_margins={}),
    baseline="git:main:m",
    epochs=1,
    max_epochs=4,
    gpus=("0", "nvidia.com/gpu=1:0"),
    overrides=("sampling.max_tokens=512",),
)


def test_everything_comes_back():
    assert parse(RunConfig, dump(RUN), "config.yaml") == RUN


def test_every_default_is_written_out():
    """Defaults of a later version must not change what a run was."""
    text = dump(RUN)
    for line in (
        "  alpha_pass: 0.05",
        "    temperature: 0.6",
        "  max_in_flight: 256",
        "limit: null",
    ):
        assert line in text


@pytest.mark.parametrize(
    "change", ["epochs: 0", "max_epochs: 0", "token_budget: 0", "time_budget_min: .inf", "limit: 0"]
)
def test_what_no_run_can_have_is_refused(change):
    key = change.partition(":")[0]
    lines = [line for line in dump(RUN).splitlines() if not line.startswith(f"{key}:")]
    with pytest.raises(ConfigError) as caught:
        parse(RunConfig, "\n".join([*lines, change]), "config.yaml")
    assert any(f" {key}: " in problem for problem in caught.value.problems)
