"""``judge`` of another tool's file: its options as a suite would state them, and its samples."""

import json
from pathlib import Path

import pytest
from helpers import replayed
from typer.testing import CliRunner

from smallscale_ci.cli import judge
from smallscale_ci.cli.judge import FileJudge
from smallscale_ci.cli.main import app
from smallscale_ci.errors import UsageError
from smallscale_ci.interop.interface import Wanted

ROWS = [
    {"id": "gsm8k:7", "gold": "4", "output": r"\boxed{4}", "epoch": 0},
    {"id": "gsm8k:7", "gold": "4", "output": r"\boxed{5}", "epoch": 1},
    {"id": "2", "gold": "9", "output": r"\boxed{9}", "epoch": 0},
]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path


def test_the_options_are_those_of_a_suite_s_judge():
    made = FileJudge(
        "llm", "boxed, stated", "m", "math", ["judge.request.max_completion_tokens=9"]
    ).spec()
    assert (made.name, made.extract, made.model) == ("llm", ("boxed", "stated"), "m")
    assert made.request == {"max_completion_tokens": 9}
    assert made.rule == "math"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("code",), "--judge code: other tools' files have no tests"),
        (("maths",), "--judge maths: there is no such judge (did you mean 'math'?)."),
        (("math", "boxd"), '--extract boxd: "boxd" is not one of boxed, '),
        (("llm",), "The judge 'llm' needs the name of its model."),
        (("llm", "boxed", "m", "maths"), '--rule maths: "maths" is not one of math, mcq (did'),
        (("math", "boxed", "m"), "options of an LLM judge only"),
        (("math", "boxed", "", None, ["judge.timeout_s=-1"]), "--set judge.timeout_s=-1: must be "),
        (
            ("math", "boxed", "", None, ["judge.timout_s=1"]),
            "unknown key (did you mean 'timeout_s'",
        ),
        (("math", "boxed", "", None, ["gate.alpha_pass=1"]), "--set gate.alpha_pass=1"),
    ],
)
def test_what_no_suite_could_say_is_refused_with_its_option(options, said):
    with pytest.raises(UsageError) as caught:
        FileJudge(*options).spec()
    assert said in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("gsm8k:7", r"\boxed{4}"),  # an id that holds a colon: it was not found
        ("gsm8k:7:1", r"\boxed{5}"),
        ("gsm8k:7:0", r"\boxed{4}"),
        ("2", r"\boxed{9}"),  # an id goes before a row
        ("1", r"\boxed{4}"),
        ("3", r"\boxed{9}"),
    ],
)
def test_a_sample_is_found_by_its_id_or_by_its_row(file, name, text):
    spec = FileJudge("math").spec()
    assert judge._foreign_sample(file, name, spec, Wanted(verdicts=False))[1] == text


@pytest.mark.parametrize("name", ["gsm8k:7:2", "gsm8k", "9", "2:²", "0"])
def test_a_sample_that_is_not_there_is_told_with_what_is(file, name):
    with pytest.raises(UsageError, match="has no sample") as caught:
        judge._foreign_sample(file, name, FileJudge("math").spec(), Wanted(verdicts=False))
    assert caught.value.hint == "Ids are as gsm8k:7, rows go from 1 to 3."


def test_the_judgements_lie_beside_what_was_judged(tmp_path, monkeypatch):
    assert judge._beside(Path("logs/a.jsonl")) == Path("logs/a.judged.parquet")
    (tmp_path / "run" / "x").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "run" / "x")
    assert judge._beside(Path()) == tmp_path / "run" / "x.judged.parquet"
    assert judge._beside(Path("..")) == tmp_path / "run.judged.parquet"


@pytest.mark.parametrize("where", [".", ".."])
def test_a_folder_without_a_name_is_no_internal_error(tmp_path, monkeypatch, where):
    """`smallscale judge .` ended as one, whatever was there."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b")
    done = CliRunner().invoke(app, ["judge", where])
    assert done.exit_code == 2
    assert "not a run, a baseline or a result of a known tool" in " ".join(done.output.split())


def test_a_file_is_judged_beside_itself_and_stays_as_it_was(file):
    before = file.read_bytes()
    done = CliRunner().invoke(app, ["judge", str(file), "--json"])
    assert done.exit_code == 0, done.output
    value = json.loads(done.stdout)
    assert value["outcomes"] == {"CORRECT": 2, "WRONG": 1}
    assert Path(value["judged"]) == file.with_name("rows.judged.parquet")
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    "options",
    [
        ("--output", "x.parquet"),
        ("--judge", "nosuch"),
        ("--judge", "math"),  # the default, but of files
        ("--rule", "math"),
        ("--set", "judge.x=1"),
        ("--columns", "gold=a"),
        ("--gold-index", "1"),
        ("--extract", "boxed"),
        ("--judge-model", "m"),
        ("--labelled",),
        ("--labelled", "--explain", "1"),
    ],
)
def test_a_run_is_not_judged_again_with_options_for_files(tmp_path, options):
    """They were ignored, and the run rewritten."""
    replayed.make_configs(tmp_path, problems=3)
    run = replayed.make_run(tmp_path, "src")
    before = (run / "judgements.parquet").stat().st_mtime_ns
    done = CliRunner().invoke(app, ["judge", str(run), *options])
    assert done.exit_code == 2
    assert f"{options[0]}: for other tools' files, and {run} is a run." in done.stderr
    assert f"Leave out {options[0]}." in done.stderr
    assert (run / "judgements.parquet").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    "options",
    [
        ("--sandbox", "auto"),
        ("--output", "x.parquet", "--explain", "1"),
        ("--labelled", "--explain", "1"),
    ],
)
def test_a_file_is_not_judged_with_options_that_do_nothing(file, options):
    done = CliRunner().invoke(app, ["judge", str(file), *options])
    assert done.exit_code == 2
    assert f"error: {options[0]}: " in done.stderr
