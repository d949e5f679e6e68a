"""Result files as people have them: packed, in other codings, of older versions, incomplete."""

import gzip
import json
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.foreign import DATA, judged, outcomes, read

from smallscale_ci.errors import BadSamplesError, DataError
from smallscale_ci.interop import readers
from smallscale_ci.interop.gather import gather
from smallscale_ci.interop.interface import Wanted
from smallscale_ci.pipeline import sides

HEADER = ("id", "question", "answer", "output", "correct")
ROWS = [
    (number, f"{number}+1?", str(number + 1), rf"\boxed{{{number + number % 2}}}", number % 2)
    for number in range(4)
]
RIGHT = {"CORRECT": 2, "WRONG": 2}


def packed(content):
    return gzip.compress(content, mtime=0)  # else each process names its tests differently


def objects():
    return [dict(zip(HEADER, row, strict=True)) for row in ROWS]


def lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def table(mark=",", head=HEADER):
    return "\r\n".join(mark.join(map(str, row)) for row in [head, *ROWS]) + "\r\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", b"\xef\xbb\xbf" + lines(objects()).encode()),
        ("a.jsonl", lines(objects()).replace("\n", "\r\n\r\n").encode()),
        ("a.jsonl", json.dumps(objects(), indent=2).encode()),
        ("a.jsonl.gz", packed(lines(objects()).encode())),
        ("a.json", lines(objects()).encode()),
        ("a.json", json.dumps({"model": "m", "results": objects()}).encode()),
        ("a.json.gz", packed(json.dumps(objects()).encode())),
        ("a.csv", b"\xef\xbb\xbf" + table().encode()),
        ("a.csv", table(";").encode("utf-16")),
        ("a.csv", ("sep=;\r\n" + table(";")).encode()),
        ("a.csv", table(head=[f" {name} " for name in HEADER]).encode()),
        ("a.csv.gz", packed(table().encode())),
    ],
)
def test_what_spreadsheets_and_scripts_write_is_read(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert judged(tmp_path / name, tmp_path / "out.parquet")[0] == RIGHT
    assert outcomes(read(tmp_path / name)[1]) == RIGHT


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl.gz", packed(lines(objects()).encode())[:-9], "cut off"),
        ("a.csv", table().replace("+1?", "+é?").encode("latin-1"), "not UTF-8"),
        ("a.csv", table(head=("id", "output", "answer", "output", "x")).encode(), "more than once"),
        ("a.json", json.dumps({"a": objects(), "b": objects()}).encode(), "does not hold just one"),
        ("a.jsonl", json.dumps(objects()[0], indent=1).encode(), "line 1 is not JSON"),
        ("a.parquet", b"PAR1 cut", "damaged"),
        ("a.parquet.gz", packed(b"PAR1"), "packed"),
        ("a.xlsx", b"PK", "not a run, a baseline or a result of a known tool"),
    ],
)
def test_what_cannot_be_read_says_why(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        sides.load(tmp_path / name, Wanted())


@pytest.mark.parametrize("words", [("incorrect", "correct"), ("FAIL", "pass"), ("0,0", "1,0")])
def test_scores_are_words_in_many_files(tmp_path, words):
    rows = [{**row, "correct": words[row["correct"]]} for row in objects()]
    (tmp_path / "a.jsonl").write_text(lines(rows))
    assert outcomes(read(tmp_path / "a.jsonl")[1]) == RIGHT


def test_ids_are_the_same_whatever_their_type(tmp_path):
    found = []
    for number, kind in enumerate((pa.int16(), pa.float64(), pa.string())):
        ids = [row[0] for row in ROWS]
        values = pa.array(map(str, ids), kind) if kind == pa.string() else pa.array(ids, kind)
        path = tmp_path / f"{number}.parquet"
        pq.write_table(pa.table({"id": values, "correct": [1] * len(ids)}), path)
        found.append([sample.problem for sample in read(path)[1]])
    assert found[0] == found[1] == found[2]


def test_a_chat_with_its_answer_is_question_and_text(tmp_path):
    rows = [
        {
            "gold": row["answer"],
            "messages": [
                {"role": "user", "content": row["question"]},
                {"role": "assistant", "content": row["output"]},
            ],
        }
        for row in objects()
    ]
    (tmp_path / "a.jsonl").write_text(lines(rows))
    assert judged(tmp_path / "a.jsonl", tmp_path / "out.parquet")[0] == RIGHT
    assert read(tmp_path / "a.jsonl")[1][0].question == "0+1?"


def test_a_column_may_be_inside_another(tmp_path):
    rows = [
        {
            "task_row": {"gold": row["answer"]},
            "response": {"body": {"choices": [{"message": {"content": row["output"]}}]}},
        }
        for row in objects()
    ]
    (tmp_path / "a.jsonl").write_text(lines(rows))
    columns = {"text": "response.body.choices.0.message.content", "gold": "task_row.gold"}
    _, samples = read(tmp_path / "a.jsonl", columns=columns)
    assert [(s.text, s.golds) for s in samples] == [
        (r["output"], (r["answer"],)) for r in objects()
    ]


def test_a_lost_text_is_not_an_empty_answer(tmp_path):
    rows = objects()
    del rows[2]["output"]
    (tmp_path / "a.jsonl").write_text(lines(rows))
    with pytest.raises(DataError, match="row 3 has no 'output'"):
        read(tmp_path / "a.jsonl")


def test_a_column_may_begin_in_a_later_row(tmp_path):
    rows = objects()
    del rows[0]["correct"]
    (tmp_path / "a.jsonl").write_text(lines(rows))
    found = gather(readers.read(tmp_path / "a.jsonl"))
    assert len(found.samples) == 3
    assert found.manifest.warnings == ("samples: 1 sample has no verdict of rows, left out.",)


def test_rows_without_ids_in_another_order_are_other_problems(tmp_path):
    rows = [{"gold": row["answer"], "correct": row["correct"]} for row in objects()]
    for name, of in (("a.jsonl", rows), ("b.jsonl", rows[::-1]), ("c.jsonl", rows)):
        (tmp_path / name).write_text(lines(of))
    first, shuffled, same = (
        gather(readers.read(tmp_path / name)).manifest.tool["suite.golds"]
        for name in ("a.jsonl", "b.jsonl", "c.jsonl")
    )
    assert first == same
    assert first != shuffled


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{**row, "epoch": 0} for row in objects() * 2], "the sample 0 twice"),
        (objects() + [{**row, "question": "other"} for row in objects()], "two questions"),
    ],
)
def test_joined_files_are_not_judged(tmp_path, rows, message):
    (tmp_path / "a.jsonl").write_text(lines(rows))
    with pytest.raises(BadSamplesError, match=message):
        judged(tmp_path / "a.jsonl", tmp_path / "out.parquet")


def test_halves_of_characters_are_replaced(tmp_path):
    rows = [{**row, "output": row["output"] + "\ud800"} for row in objects()]
    (tmp_path / "a.jsonl").write_text(lines(rows))
    assert judged(tmp_path / "a.jsonl", tmp_path / "out.parquet")[0] == RIGHT


def test_a_sample_that_inspect_did_not_score_is_left_out(tmp_path):
    log = json.loads((DATA / "inspect-0.3.285" / "sums.json").read_text())
    for score in log["samples"][0]["scores"].values():
        score["value"] = float("nan")
    (tmp_path / "log.json").write_text(json.dumps(log))
    found = gather(readers.read(tmp_path / "log.json"))
    assert len(found.samples) == len(log["samples"]) - 1


# -- lm-eval up to 0.4.7 --------------------------------------------------------------------------


def test_a_folder_above_names_what_is_in_it(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "mine.csv").write_text(table())
    with pytest.raises(DataError) as caught:
        sides.load(tmp_path / "deep", Wanted())
    assert caught.value.hint == "Give what is in it: mine.csv."


@pytest.mark.parametrize("said", ["rate limit", {"code": 500, "message": "overloaded"}])
def test_a_request_that_failed_is_an_error_and_no_answer_that_cannot_be_read(tmp_path, said):
    """As a batch of requests has it: no text, and why."""
    rows = objects()
    rows[1] |= {"output": None, "error": said, "correct": None}
    rows[3] |= {"error": "retried once"}  # answered after all
    rows[0] |= {"error": None}
    (tmp_path / "a.jsonl").write_text(lines(rows))
    counts = {"CORRECT": 1, "WRONG": 2, "ERRORED": 1}
    assert outcomes(read(tmp_path / "a.jsonl")[1]) == counts
    for row in rows:
        row.pop("correct")
    (tmp_path / "b.jsonl").write_text(lines(rows))
    found = judged(tmp_path / "b.jsonl", tmp_path / "out.parquet")[0]
    assert found["ERRORED"] == 1
    assert found.get("UNPARSED", 0) == 0


@pytest.mark.parametrize("said", [False, "None", "nan", "", None])
def test_a_column_of_errors_may_say_that_there_was_none(tmp_path, said):
    rows = [{**row, "error": said, "correct": None} for row in objects()]
    (tmp_path / "a.jsonl").write_text(lines(rows))
    assert judged(tmp_path / "a.jsonl", tmp_path / "out.parquet")[0] == RIGHT


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.jsonl")
    with pytest.raises(DataError, match="not a run, a baseline or a result"):
        readers.read(tmp_path / "a.jsonl")
