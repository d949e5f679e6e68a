"""Comparing alone: what is noted beside a verdict, and where its baseline is found again."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import replayed

from smallscale_ci.config.policy import GatePolicy, Margins
from smallscale_ci.errors import InvalidError
from smallscale_ci.files import read_json
from smallscale_ci.pipeline import compare
from smallscale_ci.records import ReasonKind, VerdictKind
from smallscale_ci.run import baselines, evidence
from smallscale_ci.run.evidence import Side
from smallscale_ci.run.folder import RunFolder
from smallscale_ci.run.run import Run, read_run

WIDE = GatePolicy(name="wide", margins=Margins(accuracy=0.3, tokens=0.5, truncation=0.3))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two runs of one suite: the second is far worse."""
    place = tmp_path_factory.mktemp("compare")
    replayed.make_configs(place, problems=40)
    replayed.make_run(place, "good", epochs=2)
    replayed.make_run(place, "bad", epochs=2, wrong=0.9, seed=4)
    return place


@pytest.fixture
def place(made, tmp_path):
    """A copy of them, which a test may change."""
    return shutil.copytree(made, tmp_path / "place")


def side(place, name):
    return read_run(place / "stored" / name)


def notes(verdict):
    return [note.text for note in verdict.notes if note.kind is ReasonKind.STATED]


def test_a_verdict_is_a_function_of_the_two_sides(place):
    good, bad = side(place, "good"), side(place, "bad")
    assert compare.derive(good, good, WIDE, look=1).kind is VerdictKind.PASS
    assert compare.derive(bad, good, WIDE, look=1).kind is VerdictKind.REGRESSED
    assert compare.derive(bad, good, WIDE, look=1) == compare.derive(bad, good, WIDE, look=1)


def test_bare_files_are_compared_with_a_note_on_what_was_not_checked(place):
    good = side(place, "good")
    bare = Run("bare", good.samples)
    assert notes(compare.derive(bare, bare, WIDE, look=1))[0].startswith("Neither side has prov")
    assert notes(compare.derive(bare, good, WIDE, look=1))[0].startswith("Only one side has prov")
    assert notes(compare.derive(good, good, WIDE, look=1)) == []


def test_thinking_in_an_unknown_format_is_noted(place):
    good = side(place, "good")
    marked = replace(good, manifest=replace(good.manifest, unknown_thinking={"<hm>": 3}))
    found = compare.derive(marked, good, WIDE, look=1)
    assert [n.names for n in found.notes if n.kind is ReasonKind.UNKNOWN_THINKING] == [("<hm>",)]


def test_a_verdict_is_stored_with_its_evidence_and_read_back(place):
    folder = RunFolder(place / "stored" / "bad")
    base = baselines.load(replayed.record(place / "stored" / "good", place / "baselines"))
    made = compare.compare(side(place, "bad"), base, WIDE, look=1, run=folder)
    assert made.unstored is None
    assert read_json(folder.verdict)["kind"] == "REGRESSED"
    told = evidence.read(folder.evidence)
    assert told.verdict["kind"] == "REGRESSED"
    assert told.baseline.samples == base.samples.digest()
    again = compare.stored(folder, None, replayed.settings(place))
    assert again.verdict == made.verdict


def test_a_baseline_that_was_recorded_again_is_found_among_the_earlier_ones(place):
    settings = replayed.settings(place)
    first = baselines.load(replayed.record(place / "stored" / "good", place / "baselines"))
    was = Side(first.source, first.samples.digest())
    replayed.make_run(place, "later", epochs=2, seed=9)
    replayed.record(place / "stored" / "later", place / "baselines")
    now = baselines.load(place / "baselines" / "tiny" / "replay" / "m")
    assert now.samples.digest() != was.samples
    assert compare.compared_with(was, settings).samples.digest() == was.samples
    # A verdict of another machine: its path is of that one, the name is the same.
    assert first.source == str(place / "baselines" / "tiny" / "replay" / "m")
    name = "/".join(Path(first.source).parts[-3:])
    elsewhere = replace(was, source=f"/elsewhere/{name}")
    assert compare.compared_with(elsewhere, settings).samples.digest() == was.samples


@pytest.mark.parametrize("gone", [True, False])
def test_a_baseline_that_is_no_longer_there_is_told(place, gone):
    settings = replayed.settings(place)
    made = replayed.record(place / "stored" / "good", place / "baselines")
    was = Side(str(made / "x") if gone else str(made), "another digest")
    word = "is not there" if gone else "changed since"
    with pytest.raises(InvalidError, match=word) as caught:
        compare.compared_with(was, settings)
    assert "smallscale compare RUN BASELINE" in caught.value.hint


def test_a_run_killed_between_evidence_and_verdict_is_decided_again(place, monkeypatch):
    monkeypatch.chdir(place)
    run = RunFolder(place / "stored" / "bad")
    suite = replayed.read_suite(place)[1]
    first = compare.decide_late(run, side(place, "good"), suite).verdict
    stored = run.verdict.read_bytes()
    run.verdict.unlink()
    assert run.evidence.is_file()
    assert compare.decide_late(run, side(place, "good"), suite).verdict == first
    assert run.verdict.read_bytes() == stored
