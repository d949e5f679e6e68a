"""How an engine is started for what is expected of its runs."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers import replayed

from smallscale_ci.pipeline import engines, prepare
from smallscale_ci.pipeline.prepare import Plan
from smallscale_ci.pipeline.request import Request
from smallscale_ci.worker.engines.registry import ENGINES

QUICK = dict(ENGINES["vllm"].quick)


@pytest.fixture
def planned(tmp_path: Path) -> Callable[..., Plan]:
    """A run of 20 problems with a baseline, as if a vLLM of ``engine_args`` was to make it."""
    replayed.make_configs(tmp_path, problems=20)
    replayed.record(replayed.make_run(tmp_path, "src"), tmp_path / "baselines")
    settings = replayed.settings(tmp_path)
    asked = Request(str(tmp_path / "stored" / "src"), "tiny", "replay")
    plan = prepare.plan(asked, settings, say=lambda _: None)

    def as_if(same: tuple[str, ...] = (), **profile: Any) -> Plan:
        changed = plan.config.profile.model_copy(update={"engine": "vllm", **profile})
        gate = plan.config.gate.model_copy(update={"same": same})
        config = plan.config.model_copy(update={"profile": changed, "gate": gate})
        return replace(plan, config=config)

    return as_if


def test_few_expected_tokens_start_the_engine_the_quick_way(planned):
    plan = planned(engine_args={"max_num_seqs": 8})
    assert engines.quick([plan]) == QUICK
    assert engines.job(plan, QUICK).engine_args == {"max_num_seqs": 8, **QUICK}


def test_many_expected_tokens_pay_for_compilation(planned, monkeypatch):
    plan = planned()
    tokens = plan.expected.tokens
    assert tokens is not None
    monkeypatch.setattr(engines, "_FEW_TOKENS", tokens)
    assert engines.quick([plan]) == {}
    assert engines.quick([planned(ranks=2), planned(ranks=2)]) == {}  # one engine for both
    assert engines.quick([planned(ranks=2)]) == QUICK


@pytest.mark.parametrize(
    "chosen",
    [
        {"engine_args": {"enforce_eager": False}},
        {"engine_args": {"compilation_config": {"mode": 0}}},
        {"deterministic": True},
        {"same": ("engine.settings",)},
        {"engine": "sglang"},
        {"engine": "replay"},
    ],
)
def test_what_was_chosen_is_kept(planned, chosen):
    assert engines.quick([planned(**chosen)]) == {}


def test_without_a_baseline_nothing_is_known(planned):
    assert engines.quick([replace(planned(), baseline=None)]) == {}
    assert engines.quick([planned(), replace(planned(), baseline=None)]) == {}
