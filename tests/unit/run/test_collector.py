"""Judgements as they come, in any order: the samples and the file that they make."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smallscale_ci.ids import file_hash
from smallscale_ci.records import FinishReason, Generation, Judgement, Metric, Outcome, Problem
from smallscale_ci.run import tables
from smallscale_ci.run.collector import Judged

PROBLEMS = [
    Problem("p0", "sums", "q", "1"),
    Problem("p1", "sums", "q", "2", cluster="c"),
    Problem("p2", "words", "q", "3", cluster="c"),
]


def generation(problem, index, tokens=9, **options):
    finish = options.pop("finish", FinishReason.STOP)
    return Generation(problem, index, "", (), 1, tokens, finish, 0, 0.1, **options)


def judgement(problem, index, outcome=Outcome.CORRECT, reason=""):
    task = next(one.task for one in PROBLEMS if one.id == problem)
    return Judgement(problem, index, task, outcome, "4", "math/1", reason)


def collected(folder, *, order=None, reasons=None):
    """Two epochs of all problems, added in ``order``."""
    made = Judged(PROBLEMS, folder)
    keys = [(problem.id, index) for index in range(2) for problem in PROBLEMS]
    for place in order or range(6):
        problem, index = keys[place]
        reason = reasons[place] if reasons else ""
        made.add(generation(problem, index, tokens=place), judgement(problem, index, reason=reason))
    return made


@given(
    order=st.permutations(range(6)),
    reasons=st.lists(st.text(max_size=20), min_size=6, max_size=6),
)
@settings(max_examples=8)
def test_the_order_of_arrival_is_no_part_of_what_is_written(tmp_path_factory, order, reasons):
    """Texts may hold line ends and halves of characters of any kind: each comes back whole."""
    folder = tmp_path_factory.mktemp("judged")
    made = collected(folder, order=order, reasons=reasons)
    assert len(made) == 6
    assert made.numbers().tolist() == list(range(6))
    path = folder / "judgements.parquet"
    assert made.write(path, "0" * 64) == file_hash(path)
    found = list(tables.judgements(path))
    assert [one.reason for one in found] == reasons
    assert [(one.problem_id, one.sample_index) for one in found] == [
        ("p0", 0), ("p1", 0), ("p2", 0), ("p0", 1), ("p1", 1), ("p2", 1)
    ]  # fmt: skip
    samples = made.samples("r")
    assert samples.digest() == collected(folder).samples("r").digest()
    assert samples.tasks == ("sums", "words")


def test_problems_keep_their_clusters_and_samples_what_was_measured(tmp_path):
    made = Judged(PROBLEMS, tmp_path)
    cut = generation("p0", 0, finish=FinishReason.LENGTH, thinking_tokens=4, looping=True)
    made.add(cut, judgement("p0", 0, Outcome.TRUNCATED))
    made.add(generation("p2", 0, thinking_tokens=0, looping=False), judgement("p2", 0))
    samples = made.samples("r")
    assert samples.truncated.tolist() == [True, False]
    assert samples.thinking.tolist() == [4.0, 0.0]
    assert samples.looping.tolist() == [True, False]
    assert samples.clusters.tolist() == ["p0", "c"]
    assert not samples.unknown


def test_what_one_engine_did_not_count_is_unknown(tmp_path):
    samples = collected(tmp_path).samples("r")
    assert samples.unknown == {Metric.THINKING, Metric.ANSWER, Metric.LOOPING}


def test_many_texts_are_on_disk_and_leave_nothing_behind(tmp_path):
    long = ["x" * 50_000] * 6
    made = collected(tmp_path, reasons=long)
    assert list(tmp_path.iterdir()) == []  # the file has no name
    made.write(tmp_path / "judgements.parquet", "0" * 64)
    assert [len(one.reason) for one in tables.judgements(tmp_path / "judgements.parquet")] == [
        50_000
    ] * 6


def test_a_folder_that_is_not_there_is_told_at_once(tmp_path):
    with pytest.raises(OSError, match="none"):
        Judged(PROBLEMS, tmp_path / "none")
