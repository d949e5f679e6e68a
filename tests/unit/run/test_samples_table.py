import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from smallscale_ci.errors import DataError
from smallscale_ci.gate.problem_means import problem_means
from smallscale_ci.records import Metric
from smallscale_ci.run.samples_table import from_table, read_samples, to_table


def columns(**changes):
    return {
        "task": ["math", "math", "mcq"],
        "problem_id": ["a", "a", "a"],
        "sample_index": [0, 1, 0],
        "outcome": ["CORRECT", "wrong", "ERRORED"],
        "completion_tokens": [10, 20, None],
        **changes,
    }


def table(**changes):
    return pa.table({k: v for k, v in columns(**changes).items() if v is not None})


def test_the_same_id_in_two_tasks_is_two_problems():
    samples = from_table(table(), "x")
    assert len(samples) == 3
    assert samples.tasks == ("math", "mcq")
    assert list(samples.problem_ids) == ["a", "a"]
    assert samples.outcome_counts()["ERRORED"] == 1
    assert np.isnan(samples.tokens[2])
    assert list(samples.clusters) == ["a", "a"]
    assert len(samples.epochs(1)) == 2


def test_rows_of_one_sample_each_are_read_in_the_order_of_their_problems(tmp_path):
    found = table(
        task=["math"] * 3, problem_id=["c", "a", "b"], sample_index=[0, 4, 0],
        outcome=["CORRECT", "WRONG", "TRUNCATED"], completion_tokens=[30, 10, 20],
    )  # fmt: skip
    pq.write_table(found, tmp_path / "s.parquet")
    read, as_written = read_samples(tmp_path / "s.parquet"), from_table(found, "x")
    assert (read.one_each, as_written.one_each) == (True, False)
    assert read.problem_ids.tolist() == ["a", "b", "c"]
    assert read.tokens.tolist() == [10, 20, 30]
    assert read.sample_index.tolist() == [4, 0, 0]
    assert read.sizes.tolist() == as_written.sizes.tolist() == [1, 1, 1]
    means, others = problem_means(read), problem_means(as_written)
    for metric in Metric:
        np.testing.assert_array_equal(means.means[metric], others.means[metric])
    np.testing.assert_array_equal(means.judged, others.judged)


def test_write_and_read_gives_the_same(tmp_path):
    samples = from_table(table(cluster=["g", "g", None]), "x")
    pq.write_table(to_table(samples), tmp_path / "s.parquet")
    again = read_samples(tmp_path / "s.parquet")
    assert again.tasks == samples.tasks
    assert list(again.clusters) == ["g", "a"]
    np.testing.assert_array_equal(again.outcome, samples.outcome)
    np.testing.assert_array_equal(again.tokens, samples.tokens)
    np.testing.assert_array_equal(again.truncated, samples.truncated)


def test_truncated_is_the_finish_reason_where_there_is_one():
    outcomes = ["CORRECT", "TRUNCATED", "WRONG"]
    without = from_table(table(outcome=outcomes, completion_tokens=[1, 2, 3]), "x")
    assert list(without.truncated) == [False, True, False]
    reasons = ["LENGTH", "LENGTH", "STOP"]
    given = from_table(
        table(outcome=outcomes, completion_tokens=[1, 2, 3], finish_reason=reasons), "x"
    )
    assert list(given.truncated) == [True, True, False]


def test_where_no_finish_reason_is_given_the_outcome_says_whether_it_was_truncated():
    outcomes, tokens = ["CORRECT", "TRUNCATED", "ERRORED"], [1, 2, None]
    for reasons in (["LENGTH", None, None], pa.array(["length", None, None]).dictionary_encode()):
        given = from_table(
            table(outcome=outcomes, completion_tokens=tokens, finish_reason=reasons), "x"
        )
        assert list(given.truncated) == [True, True, False]
    nowhere = table(outcome=outcomes, completion_tokens=tokens, finish_reason=pa.nulls(3))
    assert list(from_table(nowhere, "x").truncated) == [False, True, False]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": None}, "no column 'task'"),
        ({"sample_index": [0, 0, 0]}, "1 sample twice"),
        ({"sample_index": [0, -1, 0]}, "negative"),
        ({"sample_index": [0, 2**40, 0]}, "numbers over"),
        ({"sample_index": [0.5, 1.0, 0.0]}, "whole numbers"),
        ({"outcome": ["CORRECT", "GOOD", "WRONG"]}, "unknown value 'GOOD'"),
        ({"outcome": ["CORRECT", None, "WRONG"]}, "1 empty values"),
        ({"completion_tokens": [10, -1, None]}, "1 sample has empty, NaN or negative"),
        ({"completion_tokens": [float("nan"), 1.0, None]}, "1 sample has empty, NaN"),
        ({"completion_tokens": [None, None, None]}, "2 samples have empty"),
        ({"completion_tokens": ["ten", "1", "2"]}, "must hold numbers"),
        ({"finish_reason": ["STOP", "BORED", "STOP"]}, "unknown value 'BORED'"),
        ({"sample_index": [2**62, 2**62 + 1, 0]}, "numbers over 2,147,483,647"),
        ({"sample_index": [2**63 - 1, 0, 0]}, "numbers over 2,147,483,647"),
        ({"task": [["math"], ["math"], ["mcq"]]}, "column 'task' must hold text"),
        ({"problem_id": [{"a": 1}, {"a": 2}, {"a": 3}]}, "column 'problem_id' must hold text"),
        ({"problem_id": [b"\xff", b"b", b"c"]}, "column 'problem_id' must hold text"),
        ({"outcome": [["WRONG"], ["WRONG"], []]}, "column 'outcome' must hold text"),
        ({"finish_reason": [["STOP"], [], []]}, "column 'finish_reason' must hold text"),
        ({"cluster": [[1], [2], [3]]}, "column 'cluster' must hold text"),
    ],
)
def test_what_cannot_be_used_is_refused(changes, message):
    with pytest.raises(DataError, match="x") as caught:
        from_table(table(**changes), "x")
    assert message in caught.value.message
    assert caught.value.hint


def test_files_that_are_no_samples(tmp_path):
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 no")
    for name in ("bad.parquet", "missing.parquet"):
        with pytest.raises(DataError, match=name):
            read_samples(tmp_path / name)
    with pytest.raises(DataError, match="no samples"):
        from_table(table().slice(0, 0), "x")
