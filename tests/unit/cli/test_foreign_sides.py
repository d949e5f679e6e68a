"""Other tools' results in the commands that look at stored runs."""

import json
from pathlib import Path

import pytest
from helpers import replayed
from helpers.foreign import DATA
from typer.testing import CliRunner

from smallscale_ci.cli.main import app

LM_EVAL = DATA / "lm-eval-0.4.13"
SUMS = DATA / "inspect-0.3.285" / "sums.eval"


@pytest.fixture
def call(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        done = CliRunner().invoke(app, [*map(str, arguments), "--json"])
        return done.exit_code, json.loads(done.stdout)

    return run


def test_two_files_are_compared(call):
    code, verdict = call("compare", SUMS, SUMS.with_name("sums.json"))
    assert code == 4  # two problems are not six
    assert any(d["key"] == "suite.hash" for d in verdict["differences"])
    code, verdict = call("compare", SUMS, SUMS)
    assert (code, verdict["kind"], verdict["reproduced_exactly"]) == (0, "PASS", True)


def test_a_policy_that_was_named_and_gates_what_is_unknown_is_invalid(call):
    code, verdict = call("compare", LM_EVAL, LM_EVAL, "--gate", "default")
    assert (code, verdict["kind"]) == (4, "INVALID")
    code, verdict = call("compare", LM_EVAL, LM_EVAL, "--gate", "accuracy")
    assert (code, verdict["kind"]) == (5, "INCONCLUSIVE")  # eight problems
    assert {check["metric"] for check in verdict["checks"] if check["gated"]} == {"accuracy"}


def test_a_file_becomes_a_baseline_and_is_found_again(call):
    code, made = call("baseline", "record", SUMS, "-m", "first", "--by", "Ada")
    assert code == 0
    assert made["recorded"].endswith("baselines/sums/inspect/openai-api-stub-adder")
    code, verdict = call("compare", SUMS, "auto")
    assert (code, verdict["kind"]) == (0, "PASS")
    code, found = call("baseline", "verify")
    assert (code, found["problems"]) == (0, [])


def test_a_file_without_tokens_becomes_a_baseline_without_tokens(call):
    assert call("baseline", "record", LM_EVAL, "-m", "first", "--by", "Ada")[0] == 0
    code, verdict = call("compare", LM_EVAL, "auto")
    assert code == 5
    assert {check["metric"] for check in verdict["checks"] if check["gated"]} == {"accuracy"}


def test_our_judge_instead_of_the_tool_s(call):
    code, verdict = call("compare", SUMS, SUMS, "--rejudge", "math")
    assert (code, verdict["kind"]) == (0, "PASS")


@pytest.mark.parametrize(
    ("judge", "said", "hint"),
    [
        ("maths", "there is no such judge (did you mean 'math'?).", "Known: math, mcq."),
        ("code", "other tools' files have no tests to run programs with.", "Known: math, mcq."),
        ("llm", "a file is judged by a model before", "judge FILE --judge llm --judge-model NAME"),
    ],
)
@pytest.mark.parametrize("command", [("compare", SUMS), ("baseline", "record", "-m", "x")])
def test_a_judge_that_cannot_judge_again_is_refused_by_its_option(call, command, judge, said, hint):
    code, told = call(*command, SUMS, "--rejudge", judge)
    assert code == 2
    assert told["error"].startswith(f"--rejudge {judge}: {said}")
    assert told["hint"].endswith(hint)


def test_a_bad_column_is_named(call, tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    code, said = call("compare", "a.csv", "a.csv", "--columns", "text=z")
    assert code == 2
    assert "no column 'z'" in said["error"]
    code, said = call("judge", "a.csv", "--columns", "text")
    assert code == 2
    assert "not of the form NAME=COLUMN" in said["error"]


def test_a_plan_from_reviews_that_tell_no_tokens(call):
    reviews = next((DATA / "evalscope-1.14.1").glob("reviews/*/*.jsonl")).read_text()
    Path("reviews.jsonl").write_text(reviews)
    code, plan = call("plan", "--baseline", "reviews.jsonl", "--trials", "5")
    assert code == 0
    assert plan["tokens"] is None
    assert {one["metric"] for one in plan["holdable"]} == {"accuracy"}


def test_the_levels_of_a_file_are_reported(call):
    code, found = call("report", SUMS)
    assert code == 0
    (task,) = found["tasks"]
    assert (task["task"], task["problems"], task["epochs"]) == ("sums", 6, 2)
    assert task["accuracy"]["value"] == pytest.approx(1 / 3)


def test_the_levels_of_a_log_that_was_ended_early_say_so(call, tmp_path):
    log = json.loads(SUMS.with_name("sums.json").read_text())
    log |= {"status": "error", "samples": log["samples"][:2]}
    log["results"]["completed_samples"] = 2
    (tmp_path / "a.json").write_text(json.dumps(log))
    code, found = call("report", "a.json")
    assert code == 0
    assert found["planned"] == 4
    assert found["warnings"] == [
        "The evaluation ended with the status error.",
        "2 of the 4 samples that inspect planned are there: the others count as missing.",
    ]


def test_the_history_of_files(call, tmp_path):
    rows = [{"id": n, "correct": 1, "completion_tokens": 10} for n in range(40)]
    for name, of in (("old", rows), ("new", [{**row, "correct": 0} for row in rows])):
        lines = "".join(json.dumps(row) + "\n" for row in of)
        (tmp_path / f"{name}.jsonl").write_text(lines)
    code, found = call("history", "old.jsonl", "new.jsonl", SUMS)
    assert (code, found["left_out"]) == (0, [])
    ours = next(trend for trend in found["trends"] if trend["profile"] == "rows")
    assert [point["run_id"] for point in ours["points"]] == ["old.jsonl", "new.jsonl"]
    assert ours["points"][1]["changes"]["accuracy"]["worse"]
    assert {trend["suite"] for trend in found["trends"]} == {"samples", "sums"}


def test_files_beside_each_other_where_one_has_no_tokens(call, tmp_path):
    for name, more in (("a", {"completion_tokens": 9}), ("b", {})):
        rows = [{"id": n, "correct": n % 2, **more} for n in range(8)]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    code, rows = call("report", "--compare", "a.jsonl", "b.jsonl")
    assert code == 0
    assert set(rows[1]["differences"]) == {"accuracy"}
    code, verdict = call("compare", "b.jsonl", "b.jsonl")
    said = [note["sentence"] for note in verdict["notes"]]
    assert "Every sample reproduces the baseline exactly, in outcome." in said


def test_levels_keep_the_task_s_name_in_80_columns(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    lines = CliRunner().invoke(app, ["report", str(SUMS)]).stdout.splitlines()
    assert "sums" in [line.strip() for line in lines]
    assert not any("…" in line for line in lines)
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    "options",
    [
        ("--metric", "foo"),
        ("--filter", "foo"),
        ("--columns", "gold=a"),
        ("--rejudge", "math"),
        ("--filter", "a", "--rejudge", "math"),
    ],
)
@pytest.mark.parametrize("kind", ["compare", "record"])
def test_options_for_other_tools_results_are_not_ignored_for_runs(call, tmp_path, kind, options):
    replayed.make_configs(tmp_path, problems=6)
    run = replayed.make_run(tmp_path, "src")
    commands = {
        "compare": ("compare", run, run),
        "record": ("baseline", "record", run, "-m", "x", "--by", "Ada"),
    }
    code, said = call(*commands[kind], *options)
    assert code == 2
    assert said["error"].startswith(f"{', '.join(options[::2])}: for other tools' results, and ")
    assert said["hint"] == f"Leave out {' and '.join(options[::2])}."
    assert not (tmp_path / "baselines").exists()


def test_options_of_one_side_are_for_whichever_is_another_tool_s(call, tmp_path):
    replayed.make_configs(tmp_path, problems=6)
    run = replayed.make_run(tmp_path, "src")
    for sides in ((run, SUMS), (SUMS, run)):
        code, said = call("compare", *sides, "--rejudge", "math")
        assert code == 4
        assert "error" not in said


def test_a_history_without_other_tools_results_has_no_use_for_their_options(call, tmp_path):
    replayed.make_configs(tmp_path, problems=6)
    run = replayed.make_run(tmp_path, "src")
    code, said = call("history", run, "--metric", "foo")
    assert (code, said["error"]) == (2, "--metric: for other tools' results, and none are named.")
    code, said = call("history", run, "--runs", "elsewhere")
    assert (code, said["error"]) == (2, "--runs: the runs are named.")
    assert call("history", SUMS, run, "--metric", "match")[0] == 0


def test_budgets_need_answers_that_can_be_cut(call, tmp_path):
    replayed.make_configs(tmp_path, problems=6)
    run = replayed.make_run(tmp_path, "src")
    for arguments in (("--compare", run, run), (SUMS,)):
        code, said = call("report", *arguments, "--budgets", "64")
        assert code == 2
        assert said["error"].startswith("--budgets: ")
