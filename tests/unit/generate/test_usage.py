from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from smallscale_ci.checkpoint.model import Checkpoint
from smallscale_ci.config.profile import EngineProfile
from smallscale_ci.generate.usage import sentence, with_usage
from smallscale_ci.run.manifest import COMPLETE, Machine, Manifest, SuiteId, Timings, TokenCounts

MANIFEST = Manifest("r", COMPLETE, Checkpoint("m", Path("m"), "m", *"abcd"), SuiteId("s"), "p")


@dataclass
class Ended:
    """What ``usage`` reads of a scheduler whose ranks have ended: two ranks, 100 s."""

    device: str = "NVIDIA H100"
    tokens: Counter[int] = field(default_factory=lambda: Counter({0: 9000, 1: 3000}))
    found: Counter[int] = field(default_factory=lambda: Counter({0: 1000}))  # on disk before
    seconds_to_ready: float = 20.0
    seconds_ready: float = 80.0
    tokens_per_s: float = 137.5

    @property
    def ranks(self) -> Any:
        return self

    def status(self) -> dict[int, dict[str, float]]:
        return {
            0: {"load_s": 20.0, "busy_s": 80.0, "waiting_s": 0.0},
            1: {"load_s": 20.0, "busy_s": 60.0, "waiting_s": 20.0},
        }


def of(ended: Ended, *gpus: str, before: Timings | None = None, **given: Any) -> Manifest:
    profile = EngineProfile(name="p", engine="vllm", **{"ranks": 2, **given})
    manifest = replace(MANIFEST, machine=Machine(device=ended.device))
    return with_usage(manifest, ended, profile, gpus, before or Timings())  # type: ignore[arg-type]


def test_tokens_time_and_waiting_by_rank():
    told = of(Ended())
    assert told.ranks["0"].tokens == 8000  # what was on disk was not generated now
    assert told.ranks["0"].tokens_per_s == 100.0
    assert told.ranks["1"].busy_share == 0.75
    assert told.timings.waiting_s == 20.0
    assert told.timings.busy_share == 0.875
    assert told.tokens == TokenCounts(12000, {"0": 9000, "1": 3000})


@pytest.mark.parametrize(
    ("gpus", "profile", "seconds"),
    [
        ((), {}, 200.0),  # a GPU for each rank, loading included
        (("0", "1"), {}, 200.0),
        (("0",), {}, 100.0),  # shared: its seconds count once
        ((), {"tensor_parallel": 4}, 800.0),
        (("0", "1", "2", "3"), {"tensor_parallel": 2}, 400.0),
        ((), {"ranks_per_gpu": 2}, 100.0),
    ],
)
def test_gpu_seconds(gpus, profile, seconds):
    assert of(Ended(), *gpus, **profile).timings.gpu_s == seconds


def test_the_cost_is_of_all_sessions_of_the_run():
    first = of(Ended(), price_per_gpu_hour=3.6).timings
    assert first.cost == pytest.approx(0.2)  # 200 GPU seconds
    again = of(Ended(), price_per_gpu_hour=3.6, before=first).timings
    assert (again.gpu_s, again.generate_s) == (400.0, 160.0)
    assert again.cost == pytest.approx(0.4)
    assert of(Ended()).timings.cost is None


@pytest.mark.parametrize("device", ["cpu", "none", ""])
def test_what_has_no_gpu_costs_no_gpu_seconds(device):
    assert of(Ended(device), price_per_gpu_hour=3.6).timings.cost == 0


def test_a_sentence_for_people():
    told = sentence(of(Ended(), price_per_gpu_hour=36))
    assert told == (
        "11,000 tokens · 138 tokens/s · by rank 100, 50 · engines busy 88% of their time · "
        "0.06 GPU hours · cost of this verdict 2.00"
    )
    assert sentence(MANIFEST) == ""


def test_a_speed_that_could_not_be_measured_is_left_out():
    """It was "11,000 tokens · 0 tokens/s · engines busy 88%"."""
    told = sentence(of(Ended(seconds_ready=0.0, tokens_per_s=0.0)))
    assert told.startswith("11,000 tokens · by rank 100, 50 · engines busy 88%")
