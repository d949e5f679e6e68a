"""The verdict as JUnit XML, which every CI system can show: one test case for each check."""

from __future__ import annotations

from io import BytesIO

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from smallscale_ci.records import Check, VerdictKind
from smallscale_ci.report import formats, text, wording
from smallscale_ci.report.escape import clean, one_line
from smallscale_ci.report.interface import ReportData

_SECONDS = ("seconds to load", "seconds to generate")


def render(data: ReportData) -> str:
    """JUnit XML with a final newline.

    REGRESSED and INCONCLUSIVE are failures of that type, INVALID is an error, a check that does
    not count is skipped. Problems of the run as a whole are a test case called ``verdict``.
    """
    suite = TestSuite(one_line(f"smallscale {data.suite}"))
    checks = data.verdict.checks if data.verdict else ()
    for check in checks:
        suite.add_testcase(_case(data, check))
    kind = data.verdict.kind if data.verdict else VerdictKind.INVALID
    if kind is not VerdictKind.PASS and all(check.kind is not kind for check in checks):
        suite.add_testcase(_verdict_case(data, kind))
    # The checks share one run: each gets a part of its time, so that the sum is the run's time.
    took = sum(float(data.metrics.get(name, 0.0)) for name in _SECONDS)
    cases = list(suite)
    for case in cases if took else ():
        case.time = round(took / len(cases), 3)
    suite.add_property("model", one_line(data.model))
    suite.add_property("baseline", one_line(data.baseline_name))
    suite.add_property("run", one_line(data.run_id))
    xml = JUnitXml("smallscale")
    xml.add_testsuite(suite)
    xml.update_statistics()
    stream = BytesIO()
    xml.write(stream, pretty=True)
    return stream.getvalue().decode().rstrip() + "\n"


def _case(data: ReportData, check: Check) -> TestCase:
    case = TestCase(check.metric.value, classname=one_line(f"{data.suite}.{check.task}"))
    message = one_line(f"{text.check_sentence(check)}; difference {formats.difference(check)}")
    if not formats.counts(check):
        case.result = [Skipped(f"{formats.verdict_word(check)}; {message}")]
    elif check.kind is VerdictKind.INVALID:
        case.result = [_explained(Error(message, check.kind.value), check)]
    elif check.kind is not VerdictKind.PASS:
        case.result = [_explained(Failure(message, check.kind.value), check)]
    else:
        case.system_out = message
    return case


def _explained(result: Error | Failure, check: Check) -> Error | Failure:
    worse = (
        f"Regression test: {formats.p_value(check.adjusted_p)} after Holm, "
        f"level {check.boundary:.3g}"
    )
    within = (
        f"Non-inferiority test at the margin: {formats.p_value(check.pass_p)}, "
        f"level {check.pass_boundary:.3g}"
    )
    # A failure names the test that failed; an undecided check failed both.
    lines = (
        [worse] if check.kind is VerdictKind.REGRESSED else [worse, within, wording.advice(check)]
    )
    result.text = clean("\n".join(line for line in lines if line))
    return result


def _verdict_case(data: ReportData, kind: VerdictKind) -> TestCase:
    case = TestCase("verdict", classname=one_line(data.suite))
    result = Error if kind is VerdictKind.INVALID else Failure
    case.result = [result(one_line(text.headline(data)), kind.value)]
    return case
