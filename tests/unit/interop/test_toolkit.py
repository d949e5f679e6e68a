import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.foreign import judged, read

from smallscale_ci.errors import DataError
from smallscale_ci.judges.interface import JudgeSpec
from smallscale_ci.judges.registry import judge_version


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
    counts, rows = judged(source, tmp_path / "out.parquet")
    assert counts == {"CORRECT": 1, "WRONG": 1, "UNPARSED": 1}
    assert [row["outcome"] for row in rows] == ["CORRECT", "WRONG", "UNPARSED"]
    assert [row["extra"] for row in rows] == [1, 2, 3]
    assert rows[0]["judge"] == judge_version("math")
    # A judged file can be judged again.
    assert judged(tmp_path / "out.parquet", tmp_path / "again.parquet")[1] == rows


def test_ground_truth_goes_before_answer_and_numbers_are_text(tmp_path):
    path = write(tmp_path / "f.parquet", ground_truth=[7], answer=[8], model_output=["x"])
    (sample,) = read(path)[1]
    assert (sample.problem, sample.golds, sample.text) == ("1", ("7",), "x")


def test_each_of_several_outputs_is_a_sample_and_none_is_empty(tmp_path):
    path = write(
        tmp_path / "f.parquet",
        answer=["1", "2", "3"],
        model_output=pa.array([["\\boxed{1}", "b"], [], None], pa.list_(pa.string())),
    )
    found = [(sample.problem, sample.text) for sample in read(path)[1]]
    assert found == [("1", "\\boxed{1}"), ("1", "b"), ("2", ""), ("3", "")]
    _, rows = judged(path, tmp_path / "out.parquet")
    kept = [(row["answer"], row["sample_index"], row["model_output"]) for row in rows]
    assert kept == [("1", 0, "\\boxed{1}"), ("1", 1, "b"), ("2", 0, ""), ("3", 0, "")]
    assert [row["outcome"] for row in rows] == ["CORRECT", "UNPARSED", "UNPARSED", "UNPARSED"]


def test_a_missing_column_is_named(tmp_path):
    with pytest.raises(DataError, match="no column with the model's text") as caught:
        read(write(tmp_path / "f.parquet", answer=["1"]))
    assert "--columns text=" in caught.value.hint
    path = write(tmp_path / "g.parquet", model_output=["x"])
    with pytest.raises(DataError, match="no gold answer for 1"):
        judged(path, tmp_path / "out.parquet")


def test_an_empty_gold_names_its_row(tmp_path):
    path = write(tmp_path / "f.parquet", answer=["1", None], model_output=["x", "y"])
    with pytest.raises(DataError, match="row 2: 'answer' is empty"):
        read(path)


def test_what_is_no_parquet_is_told(tmp_path):
    (tmp_path / "f.parquet").write_text("{}")
    with pytest.raises(DataError, match="damaged or not a parquet"):
        read(tmp_path / "f.parquet")


# -- golds and columns ----------------------------------------------------------------------------


MCQ = JudgeSpec("mcq")
OPTIONS = [["cold", "warm"], ["3", "4"], ["Bonn", "Paris"]]


@pytest.mark.parametrize(
    "answer",
    [
        [0, 1, 1],
        ["A", "B", "B"],
        ["cold", "4", "Paris"],
        pa.array(["A", "B", "B"]).dictionary_encode(),
        pa.array([b"A", b"B", b"B"]),
        pa.array([["A"], ["B"], ["Paris", "Lutetia"]]),
        pa.array([0, 1, 1], pa.decimal128(4, 1)),
        pa.array(["A", "B", "B"], pa.string_view()),
        pa.ExtensionArray.from_storage(pa.json_(), pa.array(["0", '"B"', "1"])),
    ],
)
@pytest.mark.parametrize("name", ["choices", "options"])
def test_golds_of_multiple_choice(tmp_path, answer, name):
    outputs = [r"\boxed{A}", r"\boxed{B}", "The answer is Paris."]
    columns = {"answer": answer, name: OPTIONS, "model_output": outputs}
    counts, _ = judged(write(tmp_path / "f.parquet", **columns), tmp_path / "out.parquet", MCQ)
    assert counts == {"CORRECT": 3}


def test_positions_without_a_base_are_refused_by_their_row(tmp_path):
    options = [["x", "y", "z"]] * 2
    path = write(tmp_path / "f.parquet", answer=[1, 2], choices=options, model_output=["a", "b"])
    with pytest.raises(DataError, match=r"row 1 has the gold '1'.*count from 0 or from 1"):
        read(path)


def test_columns_that_cannot_be_judged_are_refused_by_name(tmp_path):
    path = write(tmp_path / "f.parquet", answer=[{"a": 1}], model_output=["x"])
    with pytest.raises(DataError, match="row 1 has a gold that is not a text"):
        read(path)
    path = write(tmp_path / "f.parquet", answer=["1"], model_output=[3.5])
    with pytest.raises(DataError, match=r"row 1 holds 3\.5, which is not a text"):
        read(path)


def test_outputs_that_are_chats(tmp_path):
    chat = [{"role": "user", "content": "?"}, {"role": "assistant", "content": r"\boxed{3}"}]
    path = write(tmp_path / "f.parquet", answer=["3"], model_output=[chat])
    assert judged(path, tmp_path / "out.parquet")[0] == {"CORRECT": 1}


def test_positions_count_from_what_is_said(tmp_path):
    options = [["x", "y", "z"]] * 2
    outputs = [r"\boxed{A}", r"\boxed{B}"]
    path = write(tmp_path / "f.parquet", answer=[1, 2], choices=options, model_output=outputs)
    for base, outcome in ((0, "WRONG"), (1, "CORRECT")):
        target = tmp_path / "out.parquet"
        assert judged(path, target, JudgeSpec("mcq"), gold_index=base)[0] == {outcome: 2}
