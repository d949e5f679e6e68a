"""What a run is expected to take, from the stored answers of its baseline."""

from dataclasses import replace

import pytest
from helpers import replayed

from smallscale_ci.pipeline import prepare
from smallscale_ci.pipeline.forecast import Forecast, forecast
from smallscale_ci.pipeline.prepare import Plan
from smallscale_ci.pipeline.request import Request
from smallscale_ci.run.manifest import Timings, TokenCounts


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """A run of 20 problems with a baseline of the same profile."""
    place = tmp_path_factory.mktemp("forecast")
    replayed.make_configs(place, problems=20)
    replayed.record(replayed.make_run(place, "src"), place / "baselines")
    asked = Request(str(place / "stored" / "src"), "tiny", "replay", epochs=2)
    return prepare.plan(asked, replayed.settings(place), say=lambda _: None)


def test_tokens_are_those_of_the_baseline_for_the_same_problems(plan):
    assert plan.baseline is not None
    known = plan.baseline.samples.mean_tokens()
    assert plan.expected.samples == 40
    assert plan.expected.tokens == pytest.approx(2 * sum(known.values()))
    assert plan.expected is plan.expected  # worked out once


def test_minutes_are_those_of_the_baseline_where_its_profile_was_the_same(plan):
    made = plan.baseline
    assert made is not None
    assert made.manifest is not None
    manifest = replace(
        made.manifest, timings=Timings(start_s=30.0, generate_s=60.0), tokens=TokenCounts(1000)
    )
    expected = forecast(plan.config, plan.suite, replace(made, manifest=manifest))
    assert expected.tokens is not None
    assert expected.minutes == pytest.approx((30 + expected.tokens * 60 / 1000) / 60)
    other = replace(manifest, profile="another")
    assert forecast(plan.config, plan.suite, replace(made, manifest=other)).minutes is None


def test_without_a_baseline_only_samples_are_known(plan):
    assert forecast(plan.config, plan.suite, None) == Forecast(20, 40, None, None)


def test_the_sentence_says_what_is_known():
    assert Forecast(1, 600, None, None).sentence() == "600 samples"
    assert Forecast(1, 600, 9800.4, 2.13).sentence() == "600 samples, about 9,800 tokens, 2.1 min"
    assert Forecast(1, 6000, 1e6, 1234).sentence().endswith(", 1,234 min")
    assert Forecast(1, 6000, 1e6, 99.7).sentence().endswith(", 100 min")  # was 1e+02 min
    assert Forecast(1, 1, None, None).sentence() == "1 sample"
