"""``verdict.json`` and ``summary.json``: what machines read, and back."""

import json
import math
from dataclasses import replace

import pytest
from helpers.report_examples import (
    EXAMPLES,
    INCONCLUSIVE,
    REGRESSED,
    SUMMARY,
    estimate,
    invalid_verdict,
    verdict,
)
from hypothesis import given
from hypothesis import strategies as st

from smallscale_ci.errors import DataError, InvalidError
from smallscale_ci.ids import pretty_json
from smallscale_ci.records import Metric, Reason, ReasonKind
from smallscale_ci.report import wording
from smallscale_ci.run.records_json import (
    summary_from_json,
    summary_json,
    verdict_from_json,
    verdict_json,
)


@pytest.mark.parametrize("name", [name for name, data in EXAMPLES.items() if data.verdict])
def test_a_verdict_survives_the_way_through_json(name: str) -> None:
    made = EXAMPLES[name].verdict
    assert verdict_from_json(json.loads(pretty_json(verdict_json(made)))) == made


def test_a_summary_survives_the_way_through_json() -> None:
    first = replace(SUMMARY.tasks[0], tokens_correct=None)
    made = replace(SUMMARY, tasks=(first, *SUMMARY.tasks[1:]))
    assert summary_from_json(json.loads(pretty_json(summary_json(made)))) == made


def test_the_promised_keys_are_there() -> None:
    value = verdict_json(verdict(REGRESSED, differences=invalid_verdict().differences))
    assert value["schema_version"] == 2
    assert value["kind"] == "REGRESSED"
    assert (value["look"], value["of"]) == (1, 4)
    said = "The gate looked at 6 checks."
    assert value["reasons"] == [{"kind": "stated", "text": said}]
    first = value["checks"][0]
    promised = ["task", "metric", "estimate", "margin", "p_value", "adjusted_p", "boundary", "kind"]
    assert set(promised) <= set(first)
    assert first["metric"] == "accuracy"
    assert set(first["estimate"]) >= {"value", "low", "high"}
    assert value["accounting"]["planned"] == 800
    assert value["accounting"]["outcomes"]["WRONG"] == 300
    assert value["differences"][0]["key"] == "sampling.temperature"


def test_reasons_are_values_with_a_sentence():
    named = Reason(ReasonKind.CHECK, "gsm8k", Metric.ACCURACY)
    errored = Reason(ReasonKind.ERRORED, count=2)
    made = replace(verdict(REGRESSED), reasons=(named,), notes=(errored,))
    value = wording.spoken(verdict_json(made), made)
    (reason,), (note,) = value["reasons"], value["notes"]
    assert reason.pop("sentence").startswith("gsm8k lost 12.3 pp of accuracy (from ")
    assert reason == {"kind": "check", "task": "gsm8k", "metric": "accuracy"}
    assert (note["kind"], note["count"]) == ("errored", 2)
    assert verdict_from_json(value) == made
    undecided = verdict(INCONCLUSIVE)
    spoken = wording.spoken(verdict_json(undecided), undecided)
    open_ones = [check for check in spoken["checks"] if check["advice"]]
    assert open_ones[0]["advice"]["sentence"] == "3 more looks may decide it."


def test_a_verdict_of_schema_1_is_still_read():
    value = verdict_json(verdict(REGRESSED))
    value |= {"schema_version": 1, "reasons": ["It was worse."], "notes": ["By much."]}
    for check in value["checks"]:
        check["advice"] = "Ask again."
    read = verdict_from_json(json.loads(pretty_json(value)))
    assert wording.reasons(read) == ("It was worse.",)
    assert wording.notes(read) == ("By much.",)
    assert all(check.advice is None for check in read.checks)


@given(st.sampled_from([math.nan, math.inf, -math.inf]))
def test_unknown_numbers_are_null_and_come_back_as_nan(unknown: float) -> None:
    made = verdict()
    odd = replace(made.checks[0], estimate=estimate(unknown, 0.0), p_value=unknown)
    value = json.loads(pretty_json(verdict_json(replace(made, checks=(odd,)))))
    assert value["checks"][0]["p_value"] is None
    back = verdict_from_json(value).checks[0]
    assert math.isnan(back.p_value)
    assert math.isnan(back.estimate.low)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "MAYBE"}, "kind must be 'PASS'"),
        ({"look": "first"}, "look must be a whole number"),
        ({"flipped": [1]}, r"it lacks flipped\.1"),
        ({"checks": None}, "checks must be a list"),
        ({"checks": [{}]}, r"it lacks checks\.0\.task"),
        ({"accounting": []}, "accounting must be a mapping"),
        ({"schema_version": None}, "it lacks schema_version"),
        ({"schema_version": 1, "reasons": 3}, "reasons must be a list"),
        (
            {"schema_version": 1, "reasons": [], "notes": [], "checks": [3]},
            r"checks\.0 must be a mapping",
        ),
        ({"reasons": [{"kind": "check", "task": "t", "metric": "accuracy"}]}, "no check of"),
        ({"reasons": [{"kind": "incomparable", "names": ["engine"]}]}, "engine is not among"),
    ],
)
def test_a_file_that_is_not_ours_is_refused(change: dict[str, object], said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        verdict_from_json({**verdict_json(verdict()), **change})
    assert caught.value.hint


def test_a_later_schema_is_refused() -> None:
    with pytest.raises(InvalidError, match="of schema '9'"):
        verdict_from_json({**verdict_json(verdict()), "schema_version": 9})
    with pytest.raises(InvalidError, match="of schema '9'"):
        summary_from_json({**summary_json(SUMMARY), "schema_version": 9})


def test_what_a_later_version_adds_is_left_out() -> None:
    assert verdict_from_json({**verdict_json(verdict()), "surprise": 1}) == verdict()


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("problems", "many", r"tasks\.0\.problems must be a whole number"),
        ("accuracy", 0.5, r"tasks\.0\.levels\.accuracy must be a mapping"),
        ("accuracy", ..., "lacks accuracy"),
        ("outcomes", ..., r"it lacks tasks\.0\.outcomes"),
    ],
)
def test_a_damaged_summary_is_told_by_its_field(key: str, value: object, said: str) -> None:
    made = summary_json(SUMMARY)
    made["tasks"][0][key] = value
    if value is ...:
        del made["tasks"][0][key]
    with pytest.raises(DataError, match=said) as caught:
        summary_from_json(made)
    assert caught.value.hint


def test_a_number_that_nothing_can_have_is_damage() -> None:
    value = json.loads(pretty_json(summary_json(SUMMARY)))
    value["tasks"][0]["tokens"]["low"] = 1e308
    with pytest.raises(DataError, match="damaged: low is 1e"):
        summary_from_json(value)
