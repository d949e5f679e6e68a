"""Evidence holds for what was written, and for nothing else."""

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers import replayed
from typer.testing import CliRunner

from smallscale_ci.cli.main import app
from smallscale_ci.files import read_json, write_json
from smallscale_ci.run import chain
from smallscale_ci.run.evidence import EVIDENCE, PREDICATE, STATEMENT

STORED = Path("baselines/tiny/replay/m")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A place with an evaluation of another draw of the baseline's model."""
    place = tmp_path_factory.mktemp("verify")
    replayed.make_configs(place, problems=12)
    replayed.record(replayed.make_run(place, "src"), place / "baselines")
    replayed.make_run(place, "cand", seed=3)
    asked = ("eval", "stored/cand", "--suite", "tiny", "--profile", "replay")
    done = replayed.smallscale(place, *asked)
    assert done.returncode in {0, 1, 5}, done.stderr
    return place.rename(place.with_name("elsewhere"))  # as on another machine


@pytest.fixture
def run(source, tmp_path, monkeypatch):
    place = shutil.copytree(source, tmp_path / "place")
    monkeypatch.chdir(place)
    (run,) = Path("runs").iterdir()
    return run


def verify(path: Path | str) -> tuple[int, list[str]]:
    done = CliRunner().invoke(app, ["verify", str(path), "--json"])
    return done.exit_code, json.loads(done.stdout)["problems"]


def test_a_run_its_evidence_and_its_baseline_hold(run):
    for path in (run, run / EVIDENCE, STORED, "tiny/replay/m", "stored/src"):
        assert verify(path) == (0, []), path
    shown = CliRunner().invoke(app, ["verify", str(run)])
    assert "ok: the verdict follows from the samples" in shown.stdout


def test_the_evidence_is_an_in_toto_statement_on_the_weights(run):
    value = read_json(run / EVIDENCE)
    assert (value["_type"], value["predicateType"]) == (STATEMENT, PREDICATE)
    manifest = read_json(run / "manifest.json")
    (subject,) = value["subject"]
    assert subject["name"] == manifest["checkpoint"]["name"]
    assert manifest["checkpoint"]["weights_hash"] in subject["digest"].values()
    said = value["predicate"]
    assert said["verdict"] == read_json(run / "verdict.json")
    assert said["policy"]["margins"]["accuracy"] == 0.12
    assert said["files"] == manifest["files"]


@pytest.mark.parametrize("name", [*chain.CHAIN, "manifest.json"])
def test_an_edited_file_does_not_hold(run, name):
    path = run / name
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        pq.write_table(table.slice(0, len(table) - 1), path)
    elif path.suffix == ".json":
        write_json(path, {**read_json(path), "planned": 1})
    else:
        path.write_text(path.read_text() + "# no harm\n")
    for asked in (run, run / EVIDENCE):
        code, problems = verify(asked)
        assert code == 4
        assert any(name in problem for problem in problems)


def change(table: pa.Table, column: str, value: object) -> pa.Table:
    place = table.column_names.index(column)
    return table.set_column(place, table.field(place), pa.array([value] * len(table)))


def test_judgements_that_were_changed_with_all_their_hashes_do_not_give_the_verdict(run):
    """Who can write the folder can write its hashes, too; the levels and the verdict follow not."""
    table = change(pq.read_table(run / chain.JUDGEMENTS), "outcome", "CORRECT")
    pq.write_table(table, run / chain.JUDGEMENTS)
    replayed.alter(run, files=chain.hashes(run, chain.CHAIN[:-1]))
    code, problems = verify(run)
    assert code == 4
    assert any("do not match the samples" in problem for problem in problems)
    assert any("another verdict" in problem for problem in problems)


def test_a_verdict_that_was_changed_with_its_evidence_does_not_follow(run):
    value = read_json(run / EVIDENCE)
    value["predicate"]["verdict"]["checks"][0]["p_value"] /= 2
    write_json(run / EVIDENCE, value)
    _, problems = verify(run / EVIDENCE)
    assert any("its hash differs" in problem for problem in problems)
    assert any("another verdict" in problem and "checks" in problem for problem in problems)


def test_advice_that_another_release_words_otherwise_decides_nothing(run):
    """A run that stopped for futility once promised more looks."""
    value = read_json(run / "verdict.json")
    check = value["checks"][0]
    check["advice"] = {"margin": 0.0, "problems": 1, "looks": 3, "clusters": 0, "sentence": "Wait."}
    files = read_json(run / "manifest.json")["files"]
    statement = read_json(run / EVIDENCE)
    statement["predicate"]["verdict"] = value
    statement["predicate"]["verdict_sha256"] = write_json(run / "verdict.json", value)
    assert statement["predicate"]["files"] == files  # the verdict is not among them
    write_json(run / EVIDENCE, statement)
    assert verify(run) == (0, [])


def test_another_subject_is_refused(run):
    value = read_json(run / EVIDENCE)
    value["subject"][0]["digest"] = {"sha256": "0" * 64}
    write_json(run / EVIDENCE, value)
    code, problems = verify(run / EVIDENCE)
    assert code == 4
    assert any("is not the checkpoint of its verdict" in problem for problem in problems)


def test_a_loosened_policy_does_not_give_the_verdict(run):
    value = read_json(run / EVIDENCE)
    value["predicate"]["policy"]["margins"]["accuracy"] = 0.5
    write_json(run / EVIDENCE, value)
    code, problems = verify(run / EVIDENCE)
    assert code == 4
    assert any("another verdict" in problem for problem in problems)


def test_a_baseline_with_other_samples_does_not_hold(run):
    table = change(pq.read_table(STORED / "samples.parquet"), "outcome", "WRONG")
    pq.write_table(table, STORED / "samples.parquet")
    for path in (STORED, run):
        code, problems = verify(path)
        assert code == 4
        assert any("was changed by hand" in problem for problem in problems)


def test_a_baseline_whose_levels_are_not_those_of_its_samples_does_not_hold(run):
    value = read_json(STORED / "baseline.json")
    value["summary"]["planned"] += 1
    write_json(STORED / "baseline.json", value)
    assert verify(STORED)[0] == 4


def test_a_verdict_holds_after_its_baseline_was_replaced(run):
    replayed.record(Path("stored/cand"), Path("baselines"), "better")
    assert verify(run) == (0, [])
    assert CliRunner().invoke(app, ["report", str(run)]).exit_code in {0, 1, 5}
    shutil.rmtree(STORED / "history")
    code, problems = verify(run)
    assert code == 4
    assert any("of the verdict changed since" in problem for problem in problems)


def test_a_run_of_before_some_metrics_were_known_holds():
    older = Path(__file__).parents[2] / "data" / "smoke-train"
    assert verify(older) == (0, [])


def test_what_is_none_of_them_is_told(run):
    done = CliRunner().invoke(app, ["verify", "stored"])
    assert done.exit_code == 2
    assert "not a run folder, a stored baseline or an evidence file" in done.stderr
