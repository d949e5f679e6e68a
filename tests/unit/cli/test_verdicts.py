"""Showing a verdict, and the one rule from it to an exit code."""

import json
from dataclasses import replace

import pytest
from helpers.report_examples import EXAMPLES, INCONCLUSIVE, report, verdict

from smallscale_ci.cli import verdicts
from smallscale_ci.cli.command import Context
from smallscale_ci.config.policy import GatePolicy, MonitorConfig
from smallscale_ci.errors import InvalidError, StorageError
from smallscale_ci.pipeline.compare import Evaluation
from smallscale_ci.records import Reason, ReasonKind, VerdictKind

POLICY = GatePolicy(name="p")
PEOPLE, PROGRAMS = (Context(json=json_, quiet=False, verbose=False) for json_ in (False, True))


@pytest.fixture(autouse=True)
def _no_github(monkeypatch):
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)


@pytest.mark.parametrize(
    ("kind", "rule", "code"),
    [
        ("PASS", "extend", 0),
        ("REGRESSED", "extend", 1),
        ("REGRESSED", "warn", 1),
        ("INVALID", "warn", 4),
        ("INCONCLUSIVE", "extend", 5),
        ("INCONCLUSIVE", "fail", 1),
        ("INCONCLUSIVE", "warn", 0),
    ],
)
def test_every_verdict_has_its_exit_code(kind, rule, code):
    policy = GatePolicy(name="p", on_inconclusive=rule)
    assert verdicts.exit_code(verdict(VerdictKind(kind)), policy) == code


def test_people_get_the_report_and_programs_the_verdict(capsys):
    made = Evaluation(verdict(), EXAMPLES["pass"], None)
    assert verdicts.show(PEOPLE, made, POLICY) == 0
    assert capsys.readouterr().out.startswith("PASS: tiny holds smollm2")
    assert verdicts.show(PROGRAMS, made, POLICY, {"more": 1}) == 0
    value = json.loads(capsys.readouterr().out)
    assert (value["kind"], value["run"], value["more"]) == ("PASS", None, 1)
    assert all("sentence" in reason for reason in value["reasons"])


def test_a_policy_that_lets_an_open_verdict_pass_says_so_on_stderr(capsys):
    open_ = verdict(INCONCLUSIVE)
    warns = GatePolicy(name="p", on_inconclusive="warn")
    assert verdicts.tell(PEOPLE, Evaluation(open_, report(open_), None), warns) == 0
    assert "the policy lets it pass (on_inconclusive: warn)" in capsys.readouterr().err


def test_a_verdict_that_could_not_be_stored_is_told_and_stands(capsys):
    full = StorageError("the disk is full.", "Free disk space.")
    made = replace(Evaluation(verdict(), EXAMPLES["pass"], None), unstored=full)
    assert verdicts.show(PROGRAMS, made, POLICY) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["unstored"] == "the disk is full."
    assert "The verdict is not stored: the disk is full." in said.err
    assert "Free disk space." in said.err


def test_a_refusal_is_a_verdict_too(capsys):
    why = (Reason(ReasonKind.STATED, text="The suites differ."),)
    refused = verdict(VerdictKind.INVALID, reasons=why, checks=())
    assert verdicts.refuse(PROGRAMS, refused, InvalidError("x", "Record one.")) == 4
    said = capsys.readouterr()
    assert "INVALID: The suites differ." in said.err
    assert "Record one." in said.err
    assert json.loads(said.out)["kind"] == "INVALID"


def test_a_monitor_is_told_to_have_no_effect_where_there_is_no_candidate(capsys):
    verdicts.tell_monitor(PEOPLE, POLICY)
    assert capsys.readouterr().err == ""
    watched = GatePolicy(name="p", monitor=MonitorConfig(patterns=("x",)))
    verdicts.tell_monitor(PEOPLE, watched)
    assert "applies only to candidates" in capsys.readouterr().err
