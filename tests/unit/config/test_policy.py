"""What a gate policy may say, and what contradicts itself."""

import pytest

from smallscale_ci.config.load import dump, parse
from smallscale_ci.config.policy import GatePolicy, Margins
from smallscale_ci.errors import ConfigError
from smallscale_ci.records import Metric

OFF = "{accuracy: null, tokens: null, truncation: null}"


def refused(lines):
    with pytest.raises(ConfigError) as caught:
        parse(GatePolicy, f"name: p\n{lines}", "p.yaml")
    return " ".join(caught.value.problems)


def accepted(lines=""):
    return parse(GatePolicy, f"name: p\n{lines}", "p.yaml")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (f"margins: {OFF}", "all margins are off, so the policy gates nothing"),
        (
            f"gated: mean\nmargins: {OFF}\ntask_margins: {{aime: {{accuracy: 0.1}}}}",
            "gated: mean asks the mean over tasks to pass, but all of its margins are off",
        ),
        ("on_inconclusive: fail\nmax_epochs: 4", "fail ends after one look, but max_epochs is 4"),
        ("same: [engine.version]", "'engine.version' cannot be required; known are machine.device"),
        ("same: [machine.device.x]", "cannot be required"),
        ("margins: {accuracy: 2}", "margins.accuracy: must be less than or equal to 1"),
        ("margins: {accuracy: 0}", "margins.accuracy: must be greater than 0"),
        ("margins: {tokens: -0.05}", "margins.tokens: must be greater than 0"),
        ("margins: {speed: 0.1}", "margins.speed: unknown key"),
        ("alpha_pass: 0", "alpha_pass"),
        ("alpha_fail: 0.6", "alpha_fail"),
        ("looks_per_epoch: 3", "looks_per_epoch"),
        ("monitor: {}", "give one of steps, patterns and model"),
        ("monitor: {steps: solution, model: m}", "give one of steps, patterns and model"),
        ("monitor: {patterns: ['(']}", "'(' is not a regular expression"),
    ],
)
def test_what_cannot_be_meant_is_refused(lines, said):
    assert said in refused(lines)


@pytest.mark.parametrize(
    "lines",
    [
        "margins: {accuracy: 1, tokens: 10}",  # shown with room for everything
        f"margins: {OFF}\ntask_margins: {{aime: {{accuracy: 0.1}}}}",  # one task alone
        "on_inconclusive: warn",  # max_epochs is left to its default
        "on_inconclusive: fail\nmax_epochs: 1",
        "same: [machine.device, engine.settings, engine.settings.attention_backend]",
        "monitor: {patterns: ['\\d+', 'so']}",
        "tolerated: 0",
        "tolerated: 1",
    ],
)
def test_what_can_be_meant_is_read_and_comes_back_from_a_dump(lines):
    policy = accepted(lines)
    # A dump has all defaults, max_epochs among them.
    if policy.on_inconclusive == "extend" or policy.max_epochs == 1:
        assert parse(GatePolicy, dump(policy), "again.yaml") == policy


def test_every_metric_has_its_own_margin():
    given = {metric.value: 0.01 * place for place, metric in enumerate(Metric, 1)}
    margins = Margins(**given)
    assert {metric.value: margins.of(metric) for metric in Metric} == given
    for metric in Metric:
        off = dict.fromkeys(given)
        assert not Margins(**off).any()
        assert Margins(**{**off, metric.value: 0.5}).any()
