"""Numbers and sentences, where a wrong sign or unit would mislead."""

from dataclasses import replace
from io import StringIO

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
from smallscale_ci.report import annotations, console, formats, junit, markdown, text
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


def test_no_change_has_no_sign() -> None:
    tiny = replace(ACCURACY, estimate=estimate(-0.0001, 0.01))
    assert formats.difference(tiny).startswith("0.0 pp")
    assert text.check_sentence(tiny) == "t accuracy is unchanged at 50.0%"


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
