"""``compare`` on whatever may stand on either side."""

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers import replayed
from typer.testing import CliRunner

from smallscale_ci.cli.main import app
from smallscale_ci.ids import file_hash
from smallscale_ci.run import tables
from smallscale_ci.run.folder import RunFolder


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("made")
    replayed.make_configs(place, problems=12)
    replayed.make_run(place, "src", epochs=2)
    source = str(place / "stored" / "src")
    arguments = [
        "baseline",
        "record",
        source,
        "-m",
        "x",
        "--by",
        "Ada",
        "--baselines",
        str(place / "baselines"),
    ]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.stderr
    return place


@pytest.fixture(autouse=True)
def place(made, tmp_path, monkeypatch) -> Path:
    """A working folder with a run, its baseline, and the baseline's samples as a bare file."""
    found = shutil.copytree(made, tmp_path / "place")
    shutil.copy(found / "baselines" / "tiny" / "replay" / "m" / "samples.parquet", found / "b.pq")
    monkeypatch.chdir(found)
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield found
    for number, handler in kept.items():
        signal.signal(number, handler)


def compared(code: int, *arguments: str) -> Any:
    done = CliRunner().invoke(app, ["compare", *arguments, "--json"])
    assert done.exit_code == code, done.stdout + done.stderr
    return json.loads(done.stdout)


FOLDER = "baselines/tiny/replay/m"


@pytest.mark.parametrize("candidate", ["stored/src", FOLDER, "b.pq"])
@pytest.mark.parametrize("baseline", ["m", "tiny/replay/m", FOLDER, "stored/src", "b.pq"])
def test_every_kind_of_side_goes_with_every_other(candidate, baseline):
    assert compared(0, candidate, baseline, "--gate", "default")["reproduced_exactly"]


def test_a_stored_baseline_is_compared_by_the_policy_of_its_suite():
    assert compared(0, FOLDER, "auto")["policy"] == "tiny"
    assert compared(0, FOLDER, "b.pq", "--gate", "default")["policy"] == "default"
    assert compared(0, "b.pq", FOLDER)["policy"] == "default"


def test_a_bare_file_says_nothing_about_its_baseline(place):
    none = compared(4, "b.pq", "auto")
    assert "does not say of which suite, profile and model" in none["error"]
    assert "Stored: tiny/replay/m" in none["hint"]
    assert "unknown" not in none["error"] + none["hint"]
    assert "no baseline 'n'" in compared(4, "b.pq", "n")["error"]
    shutil.copytree(place / FOLDER, place / "baselines" / "tiny" / "vllm" / "m")
    several = compared(2, "b.pq", "m")
    assert several["error"] == "'m' names 2 baselines."
    assert several["hint"] == "Name one of them in full:\n  tiny/replay/m\n  tiny/vllm/m"


def test_two_bare_files_have_no_suite_to_speak_of(place):
    table = pq.read_table("b.pq")
    tokens = pa.array([int(value) + 1 for value in table["completion_tokens"].to_pylist()])
    column = table.column_names.index("completion_tokens")
    pq.write_table(table.set_column(column, "completion_tokens", tokens), place / "c.pq")
    gate = place / "wide.yaml"
    gate.write_text("name: wide\nmargins: {accuracy: 0.9, tokens: 0.9, truncation: 0.9}\n")
    done = CliRunner().invoke(app, ["compare", "c.pq", "b.pq", "--gate", str(gate)])
    assert done.exit_code == 0, done.stderr
    assert "PASS: c holds b: 3 checks within the margins." in done.stdout


def test_no_task_in_common_is_no_fault_of_the_policy(place):
    table = pq.read_table("b.pq")
    other = pa.array(["else"] * table.num_rows)
    pq.write_table(
        table.set_column(table.column_names.index("task"), "task", other), place / "c.pq"
    )
    reasons = compared(4, "c.pq", "b.pq")["reasons"]
    assert [reason["sentence"] for reason in reasons] == [
        "The candidate has no samples of task sums.",
        "The baseline has no samples of task else.",
    ]


def test_a_task_without_a_judged_sample_has_no_level_anywhere(place):
    run = RunFolder(place / "stored" / "src")
    rows = [
        {**r, "finish_reason": "ERROR", "error": "x"}
        for r in tables.rows(run.generations, tables.GENERATIONS)
    ]
    tables.write(run.generations, tables.GENERATIONS, rows, file_hash(run.prompts))
    replayed.rehash(run.path)
    judged = CliRunner().invoke(app, ["judge", str(run.path)])
    assert judged.exit_code == 3
    assert "all 24 samples are ERRORED, 24 because: x" in judged.stderr
    assert judged.stdout.splitlines()[1].split() == ["sums", "12", "2", "–", "–", "–"]
    record = ["baseline", "record", str(run.path), "-m", "x", "--by", "Ada"]
    refused = CliRunner().invoke(app, record)
    assert refused.exit_code == 4
    assert "Only 0 of 24 planned samples of src were judged" in refused.stderr
    compared = CliRunner().invoke(app, ["compare", str(run.path), "auto"])
    assert "sums – – –" in " ".join(compared.stdout.split())
