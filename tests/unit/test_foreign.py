import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import replayed

from smallscale_ci import foreign, pipeline
from smallscale_ci.errors import DataError, UsageError


def write(path, **columns):
    pq.write_table(pa.table(columns), path)
    return path


def test_the_old_toolkit_s_files_are_judged(tmp_path):
    source = write(
        tmp_path / "old.parquet",
        problem=["1+1", "2+2", "3+3"],
        answer=["2", "5", "6"],
        model_output=[r"so \boxed{2}", r"\boxed{4}", "no idea"],
        extra=[1, 2, 3],
    )
    before = source.read_bytes()
    target = tmp_path / "out.parquet"
    counts = pipeline.judge_foreign(source, target, "math", replayed.Nobody())
    assert counts == {"CORRECT": 1, "WRONG": 1, "UNPARSED": 1}
    judged = pq.read_table(target).to_pydict()
    assert judged["outcome"] == ["CORRECT", "WRONG", "UNPARSED"]
    assert judged["extra"] == [1, 2, 3]
    assert judged["judge"][0].startswith("math/")
    assert source.read_bytes() == before
    # A judged file can be judged again.
    pipeline.judge_foreign(target, tmp_path / "again.parquet", "math", replayed.Nobody())
    assert pq.read_table(tmp_path / "again.parquet").to_pydict() == judged


def test_ground_truth_goes_before_answer_and_numbers_are_text(tmp_path):
    path = write(tmp_path / "f.parquet", ground_truth=[7], answer=[8], model_output=["x"])
    assert foreign.read(path) == [foreign.ForeignRow("", "7", "x")]


def test_the_first_of_several_outputs_counts_and_none_is_empty(tmp_path):
    path = write(
        tmp_path / "f.parquet",
        answer=["1", "2", "3"],
        model_output=pa.array([["a", "b"], [], None], pa.list_(pa.string())),
    )
    assert [row.text for row in foreign.read(path)] == ["a", "", ""]


@pytest.mark.parametrize("columns", [{"answer": ["1"]}, {"model_output": ["x"], "gold": ["1"]}])
def test_missing_columns_are_named(tmp_path, columns):
    with pytest.raises(DataError, match="no columns to judge by") as caught:
        foreign.read(write(tmp_path / "f.parquet", **columns))
    assert "model_output" in caught.value.hint


def test_an_empty_gold_names_its_row(tmp_path):
    path = write(tmp_path / "f.parquet", answer=["1", None], model_output=["x", "y"])
    with pytest.raises(DataError, match="row 2: 'answer' is empty"):
        foreign.read(path)


def test_what_is_no_parquet_is_told(tmp_path):
    (tmp_path / "f.parquet").write_text("{}")
    with pytest.raises(DataError, match="damaged or no parquet"):
        foreign.read(tmp_path / "f.parquet")


def test_the_original_is_never_overwritten(tmp_path):
    path = write(tmp_path / "f.parquet", answer=["1"], model_output=["1"])
    with pytest.raises(UsageError, match="is the original"):
        foreign.write(path, tmp_path / "." / "f.parquet", [], "math/1")
