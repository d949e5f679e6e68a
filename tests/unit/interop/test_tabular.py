import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.foreign import judged, outcomes, read
from pyarrow import ipc

from smallscale_ci.errors import DataError, UsageError
from smallscale_ci.records import FinishReason

ROWS = [
    {"question": "1+1?", "answer": "2", "output": r"\boxed{2}", "correct": True},
    {"question": "2+2?", "answer": "4", "output": r"\boxed{5}", "correct": False},
    {"question": "3+3?", "answer": "6", "output": "no idea", "correct": False},
]
EXPECTED = {"CORRECT": 1, "WRONG": 1, "UNPARSED": 1}


def written(folder, kind, rows):
    path = folder / f"f.{kind}"
    match kind:
        case "jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        case "json":
            path.write_text(json.dumps(rows))
        case "csv" | "tsv":
            mark = "\t" if kind == "tsv" else ","
            lines = [mark.join(map(str, row.values())) for row in rows]
            path.write_text("\n".join([mark.join(rows[0]), *lines]) + "\n")
        case "parquet":
            pq.write_table(pa.Table.from_pylist(rows), path)
        case "arrow":
            table = pa.Table.from_pylist(rows)
            with ipc.new_stream(path, table.schema) as stream:
                stream.write_table(table)
        case "feather":
            table = pa.Table.from_pylist(rows)
            with ipc.new_file(path, table.schema) as file:
                file.write_table(table)
    return path


@pytest.mark.parametrize("kind", ["jsonl", "json", "csv", "tsv", "parquet", "arrow", "feather"])
def test_any_file_of_rows_is_judged_and_has_its_own_verdicts(tmp_path, kind):
    path = written(tmp_path, kind, ROWS)
    assert judged(path, tmp_path / "out.parquet")[0] == EXPECTED
    assert outcomes(read(path)[1]) == {"CORRECT": 1, "WRONG": 2}


def test_columns_are_named(tmp_path):
    rows = [{"prompt_text": "1+1?", "right": "2", "said": r"\boxed{2}", "ok": "yes"}]
    columns = {"question": "prompt_text", "gold": "right", "text": "said", "score": "ok"}
    _, (sample,) = read(written(tmp_path, "jsonl", rows), columns=columns)
    assert (sample.question, sample.golds, sample.text) == ("1+1?", ("2",), r"\boxed{2}")
    assert sample.outcome == "CORRECT"


def test_a_name_that_is_not_there_is_reported_with_what_is(tmp_path):
    path = written(tmp_path, "csv", ROWS)
    with pytest.raises(UsageError, match=r"gold=answr: .* no column 'answr' \(did you mean"):
        read(path, columns={"gold": "answr"})
    with pytest.raises(UsageError, match=r"unknown column 'golds' \(did you mean 'gold'"):
        read(path, columns={"golds": "answer"})


def test_other_languages_write_commas(tmp_path):
    path = tmp_path / "f.csv"
    path.write_text('id;answer;output;score;completion_tokens\n007;0,5;"\\boxed{0,5}";1,0;12\n')
    _, (sample,) = read(path)
    assert (sample.problem, sample.golds, sample.tokens) == ("007", ("0,5",), 12)
    assert sample.outcome == "CORRECT"


@pytest.mark.parametrize("ids", [[1, 2], ["a", "b"], [1.5, 2.5], [True, False], [1, "1b"]])
def test_ids_of_any_type_are_names(tmp_path, ids):
    rows = [{**row, "id": one} for row, one in zip(ROWS, ids, strict=False)]
    _, samples = read(written(tmp_path, "jsonl", rows))
    assert [sample.problem for sample in samples] == [str(one) for one in ids]


def test_the_same_question_again_is_another_epoch_of_one_problem(tmp_path):
    _, samples = read(written(tmp_path, "jsonl", [ROWS[0], ROWS[0]]))
    assert len({sample.problem for sample in samples}) == 1
    _, rows = judged(written(tmp_path, "jsonl", [ROWS[0], ROWS[0]]), tmp_path / "out.parquet")
    assert [row["sample_index"] for row in rows] == [0, 1]


def test_two_models_in_one_file_are_refused(tmp_path):
    rows = [{**row, "model": f"m{place}"} for place, row in enumerate(ROWS)]
    with pytest.raises(DataError, match="several models: 'm0' and, in row 2, 'm1'"):
        read(written(tmp_path, "jsonl", rows))


def test_finish_reasons_tokens_and_clusters(tmp_path):
    more = {
        "finish_reason": "length",
        "completion_tokens": 7,
        "reasoning_tokens": 3,
        "cluster": "c",
    }
    _, (sample,) = read(written(tmp_path, "jsonl", [{**ROWS[2], **more}]))
    assert (sample.finish, sample.tokens) == (FinishReason.LENGTH, 7)
    assert (sample.thinking_tokens, sample.cluster, sample.outcome) == (3, "c", "TRUNCATED")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"correct": 0.4}, r"'correct' is 0\.4, which is neither right"),
        ({"completion_tokens": "many"}, "'completion_tokens' is 'many', not a whole number"),
        ({"completion_tokens": -1}, "'completion_tokens' is -1"),
        ({"answer": ""}, "row 1: 'answer' is empty"),
        ({"outcome": "GOOD"}, "unknown outcome 'GOOD'"),
    ],
)
def test_what_cannot_be_counted_is_refused_by_its_row(tmp_path, change, message):
    with pytest.raises(DataError, match=message):
        read(written(tmp_path, "jsonl", [{**ROWS[0], **change}]))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("f.csv", "a,b\n1\n", "row 1 has 1 values, and the header 2"),
        ("f.arrow", "nonsense", "damaged or not an Arrow file"),
        ("f.json", "{}", "not a JSON array of objects"),
        ("f.jsonl", '{"output": "x", "answer": "1"}\n{"outp', "line 2 is not JSON"),
        ("f.jsonl", "", "holds no rows"),
    ],
)
def test_damaged_files_are_reported(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=message):
        read(tmp_path / name, columns={"text": "a"} if name == "f.csv" else {})


def test_names_of_columns_are_read_in_any_spelling(tmp_path):
    rows = [{"Problem ID": "a", "Correct Answer": "2", "Model Output": r"\boxed{2}"}]
    _, (sample,) = read(written(tmp_path, "csv", rows))
    assert (sample.name, sample.golds, sample.text) == ("a", ("2",), r"\boxed{2}")
    rows = [{"ID": 1, "Answer": "2", "Response": r"\boxed{2}", "answer": "3"}]
    _, (sample,) = read(written(tmp_path, "jsonl", rows))
    assert (sample.name, sample.golds, sample.text) == ("1", ("3",), r"\boxed{2}")


def test_each_of_several_texts_has_its_own_score(tmp_path):
    rows = [{"idx": 0, "question": "1+1?", "gt": "2", "code": ["2", "3"], "score": [True, False]}]
    path = written(tmp_path, "jsonl", rows)
    _, samples = read(path, columns={"gold": "gt", "text": "code"})
    assert [(one.text, one.outcome) for one in samples] == [("2", "CORRECT"), ("3", "WRONG")]
    _, samples = read(path, columns={"gold": "gt"})  # scores alone
    assert outcomes(samples) == {"CORRECT": 1, "WRONG": 1}
    rows[0]["score"] = [True]
    with pytest.raises(DataError, match="2 texts and 1 scores"):
        read(written(tmp_path, "jsonl", rows), columns={"gold": "gt", "text": "code"})


def test_a_chat_in_sharegpt_s_words_is_question_and_text(tmp_path):
    chat = [{"from": "human", "value": "1+1?"}, {"from": "gpt", "value": r"\boxed{2}"}]
    _, (sample,) = read(written(tmp_path, "jsonl", [{"conversations": chat, "gold": "2"}]))
    assert (sample.question, sample.text) == ("1+1?", r"\boxed{2}")


def test_an_object_of_rows_by_their_ids_is_a_file_of_rows(tmp_path):
    path = tmp_path / "f.json"
    path.write_text(json.dumps({"a": {"gold": "2", "text": "x"}, "b": {"gold": "3", "text": "y"}}))
    _, samples = read(path)
    assert [(one.name, one.golds, one.text) for one in samples] == [
        ("a", ("2",), "x"), ("b", ("3",), "y"),
    ]  # fmt: skip
    path.write_text(json.dumps({"config": {"a": 1}, "results": {"b": 2}}))
    with pytest.raises(DataError, match="is not a JSON array of objects"):
        read(path)


def test_the_answers_of_openai_s_batches_are_found(tmp_path):
    said = {"message": {"role": "assistant", "content": r"\boxed{2}"}, "finish_reason": "length"}
    body = {"model": "m", "choices": [said], "usage": {"completion_tokens": 7}}
    row = {"id": "x", "custom_id": "a", "gold": "2", "response": {"body": body}, "error": None}
    _, (sample,) = read(written(tmp_path, "jsonl", [row]))
    assert (sample.name, sample.text, sample.tokens) == ("a", r"\boxed{2}", 7)
    assert sample.finish is FinishReason.LENGTH
