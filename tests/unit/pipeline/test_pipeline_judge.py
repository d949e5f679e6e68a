"""Judging alone: a run's generations again, and what was decided on them before."""

import shutil

import pytest
from helpers import replayed

from smallscale_ci.errors import DataError, InvalidError
from smallscale_ci.files import read_json, write_json
from smallscale_ci.ids import file_hash
from smallscale_ci.judges.interface import JudgeSpec
from smallscale_ci.pipeline import judge
from smallscale_ci.run import chain
from smallscale_ci.run.evidence import Predicate, Side, statement
from smallscale_ci.run.folder import RunFolder
from smallscale_ci.run.run import read_run


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run and its suite."""
    place = tmp_path_factory.mktemp("judge")
    replayed.make_configs(place, problems=8)
    return replayed.make_run(place, "src"), replayed.read_suite(place)[1]


@pytest.fixture
def world(made, tmp_path):
    """A copy of the run, which a test may change."""
    path, suite = made
    return RunFolder(shutil.copytree(path, tmp_path / "src")), suite


def test_judging_again_gives_the_same_files(world):
    run, suite = world
    before = chain.hashes(run.path)
    assert judge.judge(run, suite, replayed.Nobody()) is None
    assert chain.hashes(run.path) == before
    assert read_run(run.path).manifest.files == before


def test_a_verdict_on_earlier_judgements_is_gone(world):
    run, suite = world
    run.verdict.write_text("{}")
    manifest, side = run.read_manifest(), Side("src", "")
    said = Predicate({}, "", {}, side, side, file_hash(run.manifest), {}, manifest.package)
    write_json(run.evidence, statement(manifest.checkpoint, said))
    run.report.mkdir()
    (run.report / "report.md").write_text("PASS")
    judge.judge(run, suite, replayed.Nobody())
    assert not run.verdict.exists()
    assert not run.evidence.exists()
    assert not run.report.exists()


def test_judgements_that_were_lost_are_made_again(world):
    run, suite = world
    before = read_json(run.summary)
    run.judgements.unlink()
    run.summary.unlink()
    judge.judge(run, suite, replayed.Nobody())
    assert read_json(run.summary) == before


def test_a_suite_that_changed_since_is_refused(world, tmp_path):
    run, _ = world
    replayed.make_configs(tmp_path, problems=9)
    with pytest.raises(InvalidError, match="The data of suite 'tiny' changed since") as caught:
        judge.judge(run, replayed.read_suite(tmp_path)[1], replayed.Nobody())
    assert "Restore" in caught.value.hint


def test_an_edited_generation_is_not_judged(world, tmp_path):
    run, suite = world
    replayed.make_configs(tmp_path, problems=8)
    other = replayed.make_run(tmp_path, "other", wrong=0.0, seed=3)
    run.generations.write_bytes((other / "generations.parquet").read_bytes())
    with pytest.raises(InvalidError):
        judge.judge(run, suite, replayed.Nobody())


def test_a_labelled_file_measures_the_judge(tmp_path):
    """The file's own verdicts are the truth: one right answer is not accepted, one wrong one is."""
    source = tmp_path / "a.csv"
    rows = [("1", "1", 1), ("2", "7", 1), ("3", "3", 0), ("4", "9", 0), ("5", "5", 1)]
    lines = [f"{gold},\\boxed{{{said}}},{label}" for gold, said, label in rows]
    source.write_text("\n".join(["gold,output,correct", *lines]))
    found = judge.judge_foreign(
        source, tmp_path / "out.parquet", JudgeSpec("math", ("boxed",)), replayed.Nobody()
    )
    assert found.outcomes == {"CORRECT": 3, "WRONG": 2}
    measured = found.measured
    assert (measured.right, measured.right_of, measured.wrong, measured.wrong_of) == (2, 3, 1, 2)
    assert found.agreement is None


def test_a_file_without_rows_is_refused_and_nothing_is_written(tmp_path):
    (tmp_path / "a.csv").write_text("gold,output\n")
    with pytest.raises(DataError, match="holds no generations"):
        judge.judge_foreign(
            tmp_path / "a.csv", tmp_path / "out.parquet", JudgeSpec("math"), replayed.Nobody()
        )
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]
