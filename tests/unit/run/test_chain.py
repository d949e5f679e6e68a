"""A run folder is refused as soon as one of its files is not as it was written."""

import json
import os
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from helpers import replayed
from typer.testing import CliRunner

from smallscale_ci.cli.main import app
from smallscale_ci.errors import DataError, InvalidError
from smallscale_ci.run import chain, evidence
from smallscale_ci.run.folder import RunFolder

COMMANDS = {
    "compare": ["compare", "RUN", "auto"],
    "report": ["report", "RUN"],
    "record": ["baseline", "record", "RUN", "-m", "x", "--by", "Ada"],
    "resume": ["eval", "--resume", "RUN"],
}


def edit(path: Path) -> None:
    """Change the meaning of a file, and leave it readable."""
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        pq.write_table(table.slice(0, len(table) - 1), path)
    elif path.suffix == ".json":
        value = json.loads(path.read_text())
        value["notes" if "notes" in value else "planned"] = ["all is well"]
        path.write_text(json.dumps(value))
    else:
        path.write_text(path.read_text().replace("accuracy: 0.12", "accuracy: 0.9"))


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A place with a complete evaluation in ``runs/``."""
    place = tmp_path_factory.mktemp("chain")
    replayed.make_configs(place, problems=12)
    replayed.record(replayed.make_run(place, "src"), place / "baselines")
    done = replayed.smallscale(
        place, "eval", "stored/src", "--suite", "tiny", "--profile", "replay"
    )
    assert done.returncode == 0, done.stderr
    return place


@pytest.fixture
def run(source, tmp_path, monkeypatch):
    place = shutil.copytree(source, tmp_path / "place")
    monkeypatch.chdir(place)
    (run,) = (place / "runs").iterdir()
    return run


def invoke(command: str, run: Path) -> tuple[int, str]:
    words = [str(run) if word == "RUN" else word for word in COMMANDS[command]]
    done = CliRunner().invoke(app, words)
    return done.exit_code, done.stdout + done.stderr


def test_a_run_names_every_file_and_all_of_them_hold(run):
    manifest = RunFolder(run).read_manifest()
    assert set(manifest.files) == set(chain.CHAIN[:-1])
    assert dict(manifest.files) == chain.hashes(run, chain.CHAIN[:-1])
    assert evidence.read(run / evidence.EVIDENCE).files == manifest.files
    chain.check(run, manifest)
    assert [invoke(command, run)[0] for command in ("compare", "report", "record")] == [0, 0, 0]


@pytest.mark.parametrize("command", list(COMMANDS))
@pytest.mark.parametrize("name", chain.CHAIN)
def test_an_edited_file_is_refused(run, name, command):
    before = (run / name).read_bytes()
    edit(run / name)
    assert (run / name).read_bytes() != before
    code, said = invoke(command, run)
    assert code in {2, 4}, said
    assert name in said
    assert "changed" in said
    (run / name).write_bytes(before)
    assert invoke("report", run)[0] == 0


@pytest.mark.parametrize("name", chain.ASKED)
def test_what_was_asked_and_answered_is_not_judged_again_once_edited(run, name):
    edit(run / name)
    done = CliRunner().invoke(app, ["judge", str(run)])
    assert done.exit_code in {2, 4}
    assert name in done.stderr


@pytest.mark.parametrize("name", [chain.JUDGEMENTS, chain.SUMMARY])
def test_judging_again_mends_what_judging_writes_and_takes_the_verdict_back(run, name):
    edit(run / name)
    assert CliRunner().invoke(app, ["judge", str(run)]).exit_code == 0
    code, said = invoke("report", run)
    assert code == 4
    assert "no verdict to report" in said
    assert [invoke(command, run)[0] for command in ("compare", "report")] == [0, 0]


def test_a_file_that_was_added_is_refused(run):
    value = json.loads((run / "manifest.json").read_text())
    del value["files"][chain.SUMMARY]
    (run / "manifest.json").write_text(json.dumps(value))
    replayed.name_manifest(run)
    with pytest.raises(InvalidError, match=r"summary\.json is not listed in the manifest"):
        RunFolder(run).read_samples()


def test_a_file_that_is_gone_or_damaged_is_told_as_such(run):
    (run / chain.SUMMARY).write_text("{")
    with pytest.raises(DataError, match="damaged"):
        RunFolder(run).read_samples()
    (run / chain.SUMMARY).unlink()
    with pytest.raises(DataError, match=r"There is no .*summary\.json"):
        RunFolder(run).read_samples()


@pytest.mark.parametrize(
    "name", [chain.PROMPTS, chain.GENERATIONS, chain.JUDGEMENTS, chain.SUMMARY]
)
def test_a_folder_of_before_the_manifest_named_files_is_checked_by_its_links(run, name):
    replayed.alter(run, schema_version="1", files=None)
    assert len(RunFolder(run).read_samples()) == 12
    edit(run / name)
    with pytest.raises(InvalidError, match="was not made from"):
        RunFolder(run).read_samples()


def test_a_verdict_that_was_named_and_not_written_leaves_the_run_undecided(run):
    (run / chain.VERDICT).unlink()  # a kill between the two
    assert RunFolder(run).is_undecided()
    assert invoke("resume", run)[0] == 0
    assert invoke("report", run)[0] == 0


def test_a_trial_lacks_no_verdict(run):
    for name in (chain.VERDICT, evidence.EVIDENCE):
        (run / name).unlink()
    assert RunFolder(run).is_undecided()
    text = (run / chain.CONFIG).read_text()
    (run / chain.CONFIG).write_text(text.replace("limit: null", "limit: 4"))
    assert RunFolder(run).read_config().limit == 4
    assert not RunFolder(run).is_undecided()


def test_a_verdict_that_was_named_and_not_written_is_decided_by_comparing(run):
    (run / chain.VERDICT).unlink()
    assert invoke("compare", run)[0] == 0
    assert invoke("report", run)[0] == 0


READERS = {
    "report": ["report", "RUN"],
    "record": COMMANDS["record"],
    "export": ["export", "RUN", "--to", "lm-eval"],
    "publish": ["publish", "RUN", "--no-comment"],
    "show": ["show", "RUN", "p0"],
    "verify": ["verify", "RUN"],
}


@pytest.mark.parametrize("command", list(READERS))
def test_a_verdict_that_was_lost_is_not_passed_over(run, command, monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")  # for publish
    (run / chain.VERDICT).unlink()
    done = CliRunner().invoke(
        app, [str(run) if word == "RUN" else word for word in READERS[command]]
    )
    assert done.exit_code in {2, 4}, done.stdout + done.stderr
    assert "verdict.json" in done.stdout + done.stderr


def test_a_comparison_that_fails_leaves_the_loss_to_be_seen_and_its_remedy_works(run):
    (run / chain.VERDICT).unlink()
    assert CliRunner().invoke(app, ["compare", str(run), "nobody"]).exit_code == 4
    assert (run / evidence.EVIDENCE).is_file()
    code, said = invoke("report", run)
    assert code == 2
    source = evidence.read(run / evidence.EVIDENCE).baseline.source
    assert f"smallscale compare {run} {source}" in said.replace("\n", "")
    assert CliRunner().invoke(app, ["compare", str(run), source]).exit_code == 0
    assert invoke("report", run)[0] == 0


def test_a_verdict_of_schema_1_is_named_by_its_evidence_too(run):
    replayed.alter(run, schema_version="1", files=None)
    assert invoke("report", run)[0] == 0
    text = (run / chain.VERDICT).read_text()
    (run / chain.VERDICT).write_text(text.replace('"PASS"', '"REGRESSED"'))
    code, said = invoke("report", run)
    assert code == 4
    assert "verdict.json was changed" in said
    (run / chain.VERDICT).unlink()
    assert "There is no" in invoke("report", run)[1]


def test_a_folder_in_the_place_of_the_evidence_is_no_evidence(run):
    (run / evidence.EVIDENCE).unlink()
    (run / evidence.EVIDENCE).mkdir()
    for command in COMMANDS:
        code, said = invoke(command, run)
        assert code == 2, said
        assert "evidence.intoto.json is not a file" in said


@pytest.fixture
def other(run):
    """Another evaluation beside ``run``, of the same model."""
    done = CliRunner().invoke(
        app, ["eval", "stored/src", "--suite", "tiny", "--profile", "replay", "--seed", "5"]
    )
    assert done.exit_code == 0, done.stderr
    (found,) = (path for path in run.parent.iterdir() if path != run)
    return found


@pytest.mark.parametrize("command", [*COMMANDS, "judge"])
def test_another_run_s_verdict_is_refused_with_its_evidence(run, other, command):
    for name in (chain.VERDICT, evidence.EVIDENCE):
        shutil.copy(other / name, run / name)
    words = {**COMMANDS, "judge": ["judge", "RUN"]}[command]
    done = CliRunner().invoke(app, [str(run) if word == "RUN" else word for word in words])
    assert done.exit_code == 4, done.stdout + done.stderr
    assert "evidence.intoto.json is of another run" in done.stderr
    assert "compare again" in done.stderr


@pytest.mark.parametrize("command", [*COMMANDS, "judge"])
@pytest.mark.parametrize("change", [{"planned": 13}, {"checkpoint": {"name": "prod"}}])
def test_a_manifest_that_was_changed_after_the_verdict_is_refused(run, command, change):
    file = run / chain.MANIFEST
    value = json.loads(file.read_text())
    value = {
        **value,
        **{k: {**value[k], **v} if isinstance(v, dict) else v for k, v in change.items()},
    }
    file.write_text(json.dumps(value))
    words = {**COMMANDS, "judge": ["judge", "RUN"]}[command]
    done = CliRunner().invoke(app, [str(run) if word == "RUN" else word for word in words])
    assert done.exit_code == 4, done.stdout + done.stderr
    assert "manifest.json was changed after the verdict" in done.stderr


@pytest.mark.parametrize("command", list(COMMANDS))
def test_a_manifest_that_names_no_files_is_damaged(run, command):
    replayed.alter(run, files=None)
    code, said = invoke(command, run)
    assert code == 2
    assert "manifest.json is damaged: it lacks files." in said


def test_a_remedy_for_damaged_evidence_is_one(run):
    (run / evidence.EVIDENCE).write_text("{")
    code, said = invoke("compare", run)
    assert code == 2
    assert f"Remove {run / evidence.EVIDENCE} and verdict.json" in " ".join(said.split())
    for name in (chain.VERDICT, evidence.EVIDENCE):
        (run / name).unlink()
    assert [invoke(command, run)[0] for command in ("compare", "report")] == [0, 0]


@pytest.mark.parametrize("name", [*chain.CHAIN, chain.MANIFEST])
@pytest.mark.parametrize("command", [*COMMANDS, "judge"])
def test_a_pipe_in_a_file_s_place_is_not_waited_for(run, name, command):
    (run / name).unlink()
    os.mkfifo(run / name)
    words = {**COMMANDS, "judge": ["judge", "RUN"]}[command]
    done = CliRunner().invoke(app, [str(run) if word == "RUN" else word for word in words])
    is_mended = command == "judge" and name not in {*chain.ASKED, chain.MANIFEST}
    assert (done.exit_code == 0) is is_mended, done.stdout + done.stderr
    assert done.exit_code in {0, 2, 4}
    assert not isinstance(done.exception, OSError)


@pytest.mark.parametrize("name", chain.CHAIN)
@pytest.mark.parametrize("command", list(COMMANDS))
def test_a_cut_file_s_remedy_can_be_done(run, name, command):
    path = run / name
    path.write_bytes(path.read_bytes()[:40])
    code, said = invoke(command, run)
    assert code in {2, 4}
    assert "Run the stage" not in said
    assert any(
        step in " ".join(said.split())
        for step in ("Restore the file", "smallscale judge", "smallscale compare")
    )


def test_a_verdict_without_its_evidence_is_refused(run):
    (run / evidence.EVIDENCE).unlink()
    code, said = invoke("report", run)
    assert code == 4
    assert "verdict.json is not listed in the manifest" in said
