"""What judge writes of another tool's file."""

import errno
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.foreign import judged

from smallscale_ci.errors import BadSamplesError, JudgeError, StorageError, UsageError
from smallscale_ci.interop import judged as judged_file
from smallscale_ci.interop.interface import Sample
from smallscale_ci.judges.interface import JudgeSpec
from smallscale_ci.records import Judgement, Outcome


def write(path, **columns):
    pq.write_table(pa.table(columns), path)
    return path


def test_the_original_is_never_overwritten(tmp_path):
    path = write(tmp_path / "f.parquet", answer=["1"], model_output=["1"])
    with pytest.raises(UsageError, match="is the original"):
        judged_file.refuse_target(path, tmp_path / "." / "f.parquet")
    with pytest.raises(UsageError, match="does not exist"):
        judged_file.refuse_target(path, tmp_path / "x" / "f.parquet")
    for folder in (tmp_path, Path()):  # told before hours of judging, not after them
        with pytest.raises(UsageError, match="is a folder"):
            judged_file.refuse_target(path, folder)


def test_a_file_of_which_nothing_can_be_judged_is_refused_with_the_reason(tmp_path):
    options = [["x", "y"]] * 3
    outputs = [r"\boxed{A}"] * 3
    path = write(
        tmp_path / "f.parquet", answer=["u", "u", "v"], choices=options, model_output=outputs
    )
    with pytest.raises(
        JudgeError, match="all 3 samples are ERRORED, 2 because: the gold 'u'"
    ) as caught:
        judged(path, tmp_path / "out.parquet", JudgeSpec("mcq"))
    assert caught.value.exit_code == 3
    assert [each.name for each in tmp_path.iterdir()] == ["f.parquet"]


def sample(problem, epoch=None, **more):
    return Sample("t", problem, epoch=epoch, **more)


def test_samples_without_numbers_are_counted_by_problem():
    found = judged_file.numbered(iter([sample("a"), sample("b"), sample("a"), sample("a", 7)]))
    assert [epoch for epoch, _ in found] == [0, 0, 1, 7]


def test_a_number_that_is_there_twice_is_two_runs_in_one_file():
    found = judged_file.numbered(iter([sample("a", 0), sample("b", 0), sample("a", 0)]))
    with pytest.raises(BadSamplesError, match="Problem a of t has the sample 0 twice") as caught:
        list(found)
    assert "give them apart" in caught.value.hint


def test_one_id_of_two_questions_is_two_tasks_in_one_file():
    rows = [sample("a", content="x", row=1), sample("a", content="y", row=2)]
    with pytest.raises(BadSamplesError, match="Row 2: the id a stands for two questions"):
        list(judged_file.numbered(iter(rows)))


RULING = Judgement("a", 0, "t", Outcome.CORRECT, "\ud800", "math/1", "is the gold")


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    target = tmp_path / "out.parquet"

    def write(*, fails):
        with judged_file.JudgedFile(target, None) as file:
            file.write([(0, sample("a", golds=("1", "one"), text="x\ud83d"))], [RULING])
            assert not target.exists()
            if fails:
                raise RuntimeError("the judge died")

    with pytest.raises(RuntimeError, match="the judge died"):
        write(fails=True)
    assert list(tmp_path.iterdir()) == []
    write(fails=False)
    (row,) = pq.read_table(target).to_pylist()
    assert (row["ground_truth"], row["model_output"], row["extracted"]) == ("1 | one", "x?", "?")
    assert (row["outcome"], row["sample_index"]) == ("CORRECT", 0)
    assert [path.name for path in tmp_path.iterdir()] == ["out.parquet"]


def test_columns_of_the_source_are_kept_but_for_those_of_an_earlier_judgement(tmp_path):
    source = pa.schema([("mine", pa.int32()), ("outcome", pa.int8()), ("judge", pa.string())])
    kept = {"mine": 3, "outcome": 1, "judge": "old"}
    with judged_file.JudgedFile(tmp_path / "out.parquet", source) as file:
        file.write([(0, sample("a", kept=kept))], [RULING])
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.column_names == ["mine", "outcome", "extracted", "judge", "reason"]
    assert table.to_pylist()[0]["judge"] == "math/1"


def test_a_row_of_several_texts_becomes_a_row_for_each(tmp_path):
    source = pa.schema([("mine", pa.int32()), ("model_output", pa.list_(pa.string()))])
    kept = {"mine": 3, "model_output": ["x", "y"]}
    made = [(number, sample("a", text=text, kept=kept)) for number, text in enumerate("xy")]
    with judged_file.JudgedFile(tmp_path / "out.parquet", source) as file:
        file.write(made, [RULING] * 2)
    rows = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert [(r["mine"], r["model_output"], r["sample_index"]) for r in rows] == [
        (3, "x", 0),
        (3, "y", 1),
    ]


def test_a_link_stays_one_and_a_pipe_is_refused(tmp_path):
    """Both were replaced by a file."""
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with judged_file.JudgedFile(tmp_path / "link", None):
        pass
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").is_file()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="is a pipe or a device") as caught:
        judged_file.refuse_target(tmp_path / "rows.jsonl", tmp_path / "pipe")
    assert "--output" in caught.value.hint


def test_a_disk_that_cannot_be_written_names_the_option(tmp_path, monkeypatch):
    """The error named the unfinished file, and gave pyarrow's words."""

    def refuse(*_):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("smallscale_ci.files.Hashed", refuse)
    with (
        pytest.raises(StorageError, match=r"out\.parquet cannot be written: Read-only") as caught,
        judged_file.JudgedFile(tmp_path / "out.parquet", None),
    ):
        pass
    assert "--output" in caught.value.hint


def test_a_disk_that_becomes_full_leaves_no_partial_file(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    def write():
        with judged_file.JudgedFile(tmp_path / "out.parquet", None) as file:
            monkeypatch.setattr("smallscale_ci.files.Hashed.write", refuse)
            file.write([(0, sample("a", golds=("1",), text="x"))], [RULING])

    with pytest.raises(StorageError, match=r"cannot be written: No space left"):
        write()
    assert list(tmp_path.iterdir()) == []


def test_a_link_to_no_folder_is_refused(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "no" / "real")
    with pytest.raises(UsageError, match=r"The folder .*/no does not exist\."):
        judged_file.refuse_target(tmp_path / "rows.jsonl", tmp_path / "link")
