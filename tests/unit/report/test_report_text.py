"""Numbers and sentences, where a wrong sign or unit would mislead."""

import math
import re
from dataclasses import replace
from io import StringIO

import pytest
from helpers.report_examples import (
    EXAMPLES,
    INCONCLUSIVE,
    PASS,
    REGRESSED,
    check,
    estimate,
    report,
    verdict,
)
from rich.console import Console

from smallscale_ci.records import Accounting, Flip, Metric, Outcome, Summary
from smallscale_ci.report import annotations, charts, console, formats, junit, markdown, text
from smallscale_ci.report.interface import Answer

ACCURACY = check("t", Metric.ACCURACY, REGRESSED, 0.6, 0.5, 0.01)
TOKENS = check("t", Metric.TOKENS, REGRESSED, 100.0, 200.0, 0.0)


def test_a_run_that_was_refused_has_no_table_without_rows() -> None:
    """A run that was INVALID before it generated anything showed the head of an empty table."""
    nothing = replace(EXAMPLES["invalid"], candidate=Summary((), 0, {}))
    screen = Console(width=80, record=True, file=StringIO())
    screen.print(console.render(nothing))
    for shown in (screen.export_text(), markdown.render(nothing)):
        assert "INVALID" in shown
        assert "mean tokens" not in shown


def test_token_log_ratios_are_shown_as_relative_change() -> None:
    assert formats.difference(TOKENS) == "+100.0% [+100.0, +100.0]"
    assert text.check_sentence(TOKENS) == "t tokens rose by 100.0%, from 100.0 to 200.0; margin 5%"


def test_rates_differ_in_points() -> None:
    assert formats.difference(ACCURACY) == "−10.0 pp [−11.0, −9.0]"
    assert text.check_sentence(ACCURACY) == (
        "t accuracy fell by 10.0 pp, from 60.0% to 50.0%; margin 2 pp"
    )


def test_the_intervals_say_their_level() -> None:
    later = replace(ACCURACY, pass_boundary=0.0169)
    assert formats.difference_title((ACCURACY, TOKENS)) == "difference [90%]"
    assert formats.difference_title((later,)) == "difference [96.6%]"
    assert formats.difference_title((later, ACCURACY)) == "difference [90–96.6%]"


def test_no_change_has_no_sign() -> None:
    tiny = replace(ACCURACY, estimate=estimate(-0.0001, 0.01))
    assert formats.difference(tiny).startswith("0.0 pp")
    assert text.check_sentence(tiny) == "t accuracy is unchanged at 50.0%"


def test_what_is_not_known_is_a_dash() -> None:
    nothing = replace(ACCURACY, estimate=estimate(math.nan, 0.0), baseline=math.nan)
    assert formats.difference(nothing) == "– pp [–, –]"
    assert "could not be compared" in text.check_sentence(nothing)
    assert formats.number(math.inf) == "–"
    # As an open interval comes back from verdict.json.
    read = replace(TOKENS, estimate=replace(TOKENS.estimate, low=math.nan, high=math.nan))
    assert formats.difference(read) == "+100.0% [–, –]"


def test_an_unbounded_interval_says_so() -> None:
    wide = replace(TOKENS, estimate=replace(TOKENS.estimate, low=-math.inf, high=math.inf))
    assert formats.difference(wide) == "+100.0% [−100.0, +∞]"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(1234.5, "1,234"), (12.25, "12.2"), (3, "3"), (0.01234, "0.0123")],
)
def test_numbers(value: float, shown: str) -> None:
    assert formats.number(value) == shown


def test_all_metrics_share_one_axis_on_which_right_is_worse() -> None:
    low, value, high = formats.used_margin(ACCURACY)
    assert (low, value, high) == pytest.approx((4.5, 5.0, 5.5))
    at_margin = check("t", Metric.TOKENS, INCONCLUSIVE, 100.0, 105.0, 0.0)
    assert formats.used_margin(at_margin)[1] == pytest.approx(1.0)


def test_headline_names_three_failed_checks_and_counts_the_rest() -> None:
    many = tuple(replace(ACCURACY, task=f"t{i}") for i in range(5))
    sentence = text.headline(report(verdict(REGRESSED, checks=many)))
    assert sentence.startswith("REGRESSED: tiny is worse than smollm2: t0 accuracy fell by 10.0 pp")
    assert sentence.endswith("t2 accuracy fell by 10.0 pp; and 2 more.")


def test_ungated_checks_do_not_count() -> None:
    data = EXAMPLES["pass"]
    assert "5 checks" in text.headline(data)
    assert formats.verdict_word(data.verdict.checks[-1]) == "not gated"


def test_a_guard_rail_counts_only_when_it_has_regressed() -> None:
    held = replace(ACCURACY, guard=True, kind=INCONCLUSIVE, task="held")
    assert formats.verdict_word(held) == "guard held"
    passed = report(verdict(PASS, checks=(held, replace(ACCURACY, kind=PASS))))
    assert "1 check within" in text.headline(passed)
    assert 'failures="0"' in junit.render(passed)
    broken = report(verdict(REGRESSED, checks=(replace(ACCURACY, guard=True), held)))
    assert "t accuracy fell by 10.0 pp." in text.headline(broken)
    assert annotations.render(broken).count("::error") == 1


def test_accounting_names_missing_samples_and_unpaired_problems() -> None:
    partial = Accounting(10, 7, {"CORRECT": 7, "ERRORED": 1}, unpaired=1)
    data = report(verdict(PASS, accounting=partial))
    assert text.accounting(data) == (
        "10 samples planned: 7 correct, 1 errored, 2 missing. 1 problem on one side only."
    )
    assert not text.all_fine(data)
    assert text.all_fine(report(verdict(accounting=Accounting(2, 2, {"CORRECT": 1, "WRONG": 1}))))


def test_worst_flips_are_losses_alone_largest_first() -> None:
    flips = [Flip("t", str(i), 1.0, i / 40, 10.0, 10.0) for i in range(30)]
    flips += [Flip("t", "gain", 0.0, 1.0, 10.0, 10.0), Flip("t", "long", 1.0, 0.0, 10.0, 99.0)]
    made = verdict(REGRESSED, flips=tuple(flips))
    assert [flip.problem_id for flip in text.worst_flips(made)[:3]] == ["long", "0", "1"]
    assert len(text.worst_flips(made)) == text.WORST_FLIPS
    assert text.flip_count(made) == ("31 problems went from right to wrong, 1 from wrong to right.")
    more = replace(made, flipped=(6_000, 5_900))  # not all of these are listed
    assert text.flip_count(more).startswith("6,000 problems went from right to wrong, 5,900 from")


def test_samples_files_have_no_suite_to_name() -> None:
    bare = replace(report(verdict(PASS)), suite="", baseline_name="b", model="a")
    assert text.headline(bare) == "PASS: a holds b: 5 checks within the margins."


def test_the_answer_shown_is_the_one_that_lost() -> None:
    right = Answer(0, Outcome.CORRECT, 9, "4")
    cut = Answer(1, Outcome.TRUNCATED, 256)
    assert text.answer_words(text.shown_answer((right, cut))) == "no answer (TRUNCATED)"
    assert text.answer_words(text.shown_answer((right,))) == "4"
    assert text.answer_words(text.shown_answer(())) == "not stored"


@pytest.mark.parametrize("limit", [600, 1500, 2500, markdown.COMMENT_LIMIT])
def test_markdown_keeps_to_its_limit_and_says_what_it_cut(limit: int) -> None:
    whole = markdown.render(EXAMPLES["regressed"])
    cut = markdown.render(EXAMPLES["regressed"], limit)
    assert len(cut.encode()) <= limit
    assert cut.startswith("### ❌ REGRESSED")
    assert ("was cut" in cut) == (len(whole.encode()) > limit)
    assert cut.count("```") % 2 == 0
    assert cut.count("<details>") == cut.count("</details>")


def test_a_thousand_tasks_fit_a_comment() -> None:
    many = tuple(replace(ACCURACY, task=f"task-{i}") for i in range(3000))
    cut = markdown.render(report(verdict(REGRESSED, checks=many)))
    assert len(cut.encode()) <= markdown.COMMENT_LIMIT
    assert "was cut" in cut


def test_annotations_beyond_what_github_shows_are_counted() -> None:
    for failed, lines, last in ((10, 10, "t9 accuracy"), (13, 10, "4 more checks: see the step")):
        checks = tuple(replace(ACCURACY, task=f"t{number}") for number in range(failed))
        found = annotations.render(report(verdict(REGRESSED, checks=checks))).splitlines()
        assert len(found) == lines
        assert last in found[-1]


def test_the_chart_in_markdown_reaches_as_far_as_its_intervals() -> None:
    def drawn(after: float) -> list[str]:
        moved = check("t", Metric.ACCURACY, REGRESSED, 0.6, after, 0.01)
        unknown = replace(moved, metric=Metric.TRUNCATION, estimate=estimate(math.nan, 0.0))
        page = markdown.render(report(replace(verdict(REGRESSED), checks=(moved, unknown))))
        return page.split("```")[1].splitlines()[1:]

    near, unknown, axis = drawn(0.55)
    assert (axis[-1], axis.index("1", axis.index("0")) - axis.index("0")) == ("3", 6)
    assert near.index("●") - near.index("│") == 15  # two and a half margins
    assert "●" not in unknown
    far, _, axis = drawn(0.44)
    assert axis[-1] == "9"
    assert far.index("●") - far.index("│") == 16  # eight margins, two columns each
    assert "►" not in far
    assert drawn(0.3)[0].endswith("►")


def test_a_long_task_keeps_its_metrics_apart_in_the_charts() -> None:
    long = "a-task-whose-name-takes-more-room-than-a-chart-has"
    moved = [replace(c, task=long) for c in (ACCURACY, TOKENS)]
    page = markdown.render(report(replace(verdict(REGRESSED), checks=tuple(moved))))
    first, second = page.split("```")[1].splitlines()[1:3]
    assert re.match(r"a-task-whose-name-\S*… accuracy ", first)
    assert re.match(r"a-task-whose-name-\S*… tokens ", second)
    forest = charts.forest(moved)
    assert "… accuracy<" in forest
    assert "… tokens<" in forest


def test_two_levels_of_the_baseline_are_explained() -> None:
    data = EXAMPLES["regressed"]
    assert data.verdict
    assert data.baseline
    levels = {task.task: task.levels for task in data.baseline.tasks}
    same = tuple(
        replace(check, baseline=levels[check.task][check.metric].value)
        for check in data.verdict.checks
    )
    alike = replace(data, verdict=replace(data.verdict, checks=same))
    assert text.two_levels(alike) == ""
    other = replace(same[0], baseline=same[0].baseline - 0.023)
    differing = replace(data, verdict=replace(data.verdict, checks=(other, *same[1:])))
    assert "over the samples that were compared" in text.two_levels(differing)
