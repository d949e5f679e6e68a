"""What thinking must still contain, and what is said when it does not."""

import json
import threading
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from helpers import replayed
from helpers.endpoint import Endpoint

from smallscale_ci.candidate.monitor import (
    RECORD,
    Kept,
    Watched,
    contains,
    rule_of,
    sentence,
    thinking_of,
    watch,
)
from smallscale_ci.config.load import parse
from smallscale_ci.config.policy import GatePolicy, MonitorConfig
from smallscale_ci.config.settings import Service
from smallscale_ci.errors import ConfigError, DataError, UsageError
from smallscale_ci.files import write_json
from smallscale_ci.judges import reasoning
from smallscale_ci.run import tables
from smallscale_ci.run.folder import RunFolder

STEPS = MonitorConfig(steps="steps")


def test_every_step_must_be_there_whatever_the_white_space():
    thinking = "First 12 * 3\n= 36, then  36 + 4 = 40."
    assert contains(["12 * 3 = 36", "36 + 4 = 40"], thinking)
    assert not contains(["12 * 3 = 36", "36 + 4 = 41"], thinking)


@pytest.mark.parametrize(
    ("text", "opened", "thinks"),
    [
        ("<think>1 + 1 = 2</think> So \\boxed{2}.", False, "1 + 1 = 2"),
        ("1 + 1 = 2</think> So \\boxed{2}.", True, "1 + 1 = 2"),
        ("<think>1 + 1 = 2, wait", False, "1 + 1 = 2, wait"),  # cut off
        ("1 + 1 = 2, so \\boxed{2}.", False, "so \\boxed{2}"),  # no thinking apart from the answer
    ],
)
def test_what_is_looked_at_is_thinking(text: str, opened: bool, thinks: str):
    found = thinking_of(text, opened=opened)
    assert thinks in found
    assert ("boxed" in found) == ("think" not in text)


def test_one_rule_is_named():
    for text in ("{}", "{steps: steps, patterns: [x]}", "{patterns: ['(']}", "{step: s}"):
        with pytest.raises(ConfigError):
            parse(GatePolicy, f"name: g\nmonitor: {text}\n", "g.yaml")
    policy = parse(GatePolicy, "name: g\nmonitor: {patterns: ['a+b']}\n", "g.yaml")
    assert policy.monitor == MonitorConfig(patterns=("a+b",))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Runs of a suite that says what its solutions need, of the first half of its problems."""
    replayed.make_configs(tmp_path)
    file = tmp_path / "configs/suites/tiny.parquet"
    table = pq.read_table(file)
    golds = table.column("gold").to_pylist()
    meta = [json.dumps({"steps": [f"boxed{{{gold}}}"]} if n < 30 else {}) for n, gold in
            enumerate(golds)]  # fmt: skip
    pq.write_table(table.append_column("meta", [meta]), file)
    replayed.make_run(tmp_path, "parent", wrong=0.0)
    replayed.make_run(tmp_path, "pruned", wrong=0.4, seed=1)
    return tmp_path


def runs(place: Path) -> list[RunFolder]:
    return [RunFolder(place / "stored" / name) for name in ("parent", "pruned")]


def test_the_share_is_compared_by_problem_where_something_is_needed(place: Path):
    _, suite = replayed.read_suite(place)
    (kept,) = watch(STEPS, suite, *runs(place))
    assert (kept.task, kept.problems, kept.parent) == ("sums", 30, 1.0)
    assert kept.candidate == pytest.approx(1 + kept.change)
    assert kept.low < kept.change < kept.high < 0
    assert kept.falls
    (same,) = watch(MonitorConfig(patterns=("sum is",)), suite, *runs(place))
    assert (same.problems, same.parent, same.candidate) == (60, 1.0, 1.0)
    assert not same.falls


def test_a_model_is_asked_about_first_answers(place: Path, tmp_path: Path):
    _, suite = replayed.read_suite(place)
    problems = {problem.id: problem for problem in suite.problems}
    server = Endpoint()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    texts = [one for run in runs(place) for one in tables.generations(run.generations)]
    for one in (one for one in texts if one.sample_index == 0):
        problem = problems[one.problem_id]
        said = "Yes" if problem.gold in one.text else "No"
        asked = reasoning.question(problem, one.text)[-1]["content"]
        message = {"role": "assistant", "content": said}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        server.changes[asked] = {"choices": [choice]}
    silent = reasoning.question(suite.problems[0], texts[0].text)[-1]["content"]
    del server.changes[silent]  # what is no Yes or No is left out
    service = Service(server.url, "", tmp_path / "asked", concurrency=4)
    try:
        (kept,) = watch(MonitorConfig(model="m"), suite, *runs(place), service)
    finally:
        server.shutdown()
        server.server_close()
    assert kept.problems == 59
    assert kept.parent == 1.0
    assert kept.falls
    with pytest.raises(UsageError, match="no judge endpoint"):
        watch(MonitorConfig(model="m"), suite, *runs(place))


def test_steps_that_are_no_list_are_an_error(place: Path):
    _, suite = replayed.read_suite(place)
    problem = replace(suite.problems[0], meta={"sum": "1 + 1"})
    rule = rule_of(MonitorConfig(steps="sum"))
    with pytest.raises(DataError, match=r"meta\.sum of problem \w+ is not a list"):
        rule(problem, "")


def test_a_fall_that_accuracy_does_not_show_is_said():
    fell = Kept("seen", 0.989, 0.98, -0.009, -0.014, -0.004, 800)
    said = sentence(fell, holds=True)
    assert "98.9% → 98.0% of answers (−0.9 pp [−1.4, −0.4])" in said
    assert "falls while accuracy holds" in said
    assert "holds" not in sentence(fell, holds=False)
    noise = Kept("seen", 0.989, 0.98, -0.009, -0.02, 0.002, 800)
    assert "holds" not in sentence(noise, holds=True)


def test_report_says_again_what_the_monitor_found(place: Path):
    _, suite = replayed.read_suite(place)
    parent, pruned = runs(place)
    compared = replayed.smallscale(place, "compare", pruned.path, parent.path)
    assert "what the solution needs" not in compared.stdout
    write_json(pruned.path / RECORD, Watched(STEPS, watch(STEPS, suite, parent, pruned)))
    shown = replayed.smallscale(place, "report", pruned.path)
    assert shown.returncode == compared.returncode
    assert "sums: thinking that contains what the solution needs: 100.0% →" in shown.stdout
    assert "what the solution needs" in (pruned.report / "report.html").read_text()
    as_json = replayed.smallscale(place, "report", pruned.path, "--json")
    assert "what the solution needs" in as_json.stdout
    assert replayed.smallscale(place, "verify", pruned.path).returncode == 0
    (pruned.path / RECORD).write_text("{}")
    damaged = replayed.smallscale(place, "report", pruned.path)
    assert damaged.returncode == 2
    assert "monitor.json is damaged" in damaged.stderr


def test_eval_and_compare_say_that_the_monitor_is_for_candidates(place: Path):
    gate = place / "configs/gates/watching.yaml"
    gate.write_text("name: watching\nmonitor: {patterns: ['a+b']}\n")
    told = "monitor: of the policy watching applies only to candidates"
    parent, pruned = runs(place)
    compared = replayed.smallscale(place, "compare", pruned.path, parent.path, "--gate", "watching")
    assert told in compared.stderr
    replayed.record(parent.path, place / "baselines")
    planned = replayed.smallscale(
        place, "eval", pruned.path, "--suite", "tiny", "--profile", "replay", "--gate", "watching",
        "--baseline", "tiny/replay/m", "--dry-run",
    )  # fmt: skip
    assert planned.returncode == 0
    assert told in planned.stderr
