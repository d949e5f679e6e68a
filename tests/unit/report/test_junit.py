"""The verdict as JUnit XML, as CI systems count it."""

from dataclasses import replace

import pytest
from helpers.report_examples import EXAMPLES, INVALID, REGRESSED, hostile_report, report, verdict
from junitparser import Error, Failure, JUnitXml, Skipped

from smallscale_ci.report import junit


def suite(data):
    (found,) = JUnitXml.fromstring(junit.render(data).encode())
    return found


def results(data):
    return {case.name: [type(one) for one in case.result] for case in suite(data)}


@pytest.mark.parametrize(
    ("name", "failures", "errors"),
    [
        ("pass", 0, 0),
        ("reproduced", 0, 0),
        ("regressed", 2, 0),
        ("inconclusive", 2, 0),
        ("invalid", 0, 1),
        ("interrupted", 0, 1),
        ("no-baseline", 0, 1),
    ],
)
def test_what_a_ci_system_counts_is_the_verdict(name, failures, errors):
    found = suite(EXAMPLES[name])
    assert (found.failures, found.errors) == (failures, errors)
    assert found.tests == len(list(found)) > 0


def test_a_check_that_does_not_count_is_skipped():
    cases = {(case.classname, case.name): case for case in suite(EXAMPLES["regressed"])}
    (skipped,) = cases["smoke.mmlu-pro", "truncation"].result
    assert isinstance(skipped, Skipped)
    assert skipped.message.startswith("not gated; ")


def test_a_failure_names_the_test_that_failed():
    found = [r for c in suite(EXAMPLES["regressed"]) for r in c.result if isinstance(r, Failure)]
    assert all(one.type == "REGRESSED" for one in found)
    assert all(one.text.startswith("Regression test: p = 0.001 after Holm") for one in found)
    assert not any("Non-inferiority" in one.text for one in found)
    unsure = [r for c in suite(EXAMPLES["inconclusive"]) for r in c.result if r.type]
    assert all("Non-inferiority test at the margin" in one.text for one in unsure)


def test_a_verdict_that_no_check_explains_is_a_case_of_its_own():
    """INVALID with checks: each of them passed, and the file must not be green."""
    made = replace(verdict(REGRESSED), kind=INVALID, reasons=())
    found = results(report(made))
    assert found["verdict"] == [Error]


def test_the_time_is_that_of_the_run():
    timed = replace(EXAMPLES["pass"], metrics={"seconds to load": 30.0, "seconds to generate": 90})
    found = suite(timed)
    assert found.time == pytest.approx(120, abs=0.01)
    assert suite(EXAMPLES["pass"]).time == 0


def test_hostile_names_are_text_in_one_line():
    found = suite(hostile_report())
    assert all("\n" not in case.name for case in found)
    properties = {one.name: one.value for one in found.properties()}
    assert "<script>alert(1)</script>" in properties["model"]
    assert "\x1b" not in properties["model"]
