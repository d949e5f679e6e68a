"""Rows of a suite's file, the same from each kind of file."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from smallscale_ci.errors import DataError
from smallscale_ci.suite import files

ROWS = [{"question": "1 + 1?", "gold": "2"}, {"question": "„x“, y", "gold": "a\nb"}]


def written(path, kind):
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(ROWS), path)
    elif kind == "jsonl":
        lines = (json.dumps(ROWS[0]), "", json.dumps(ROWS[1], ensure_ascii=False))
        path.write_text("\n".join(lines), encoding="utf-8")
    else:
        text = 'question,gold\n1 + 1?,2\n"„x“, y","a\nb"\n'
        path.write_text(text, encoding="utf-8-sig", newline="")
    return path


@pytest.mark.parametrize("kind", ["parquet", "jsonl", "csv"])
def test_rows_are_those_of_the_file(tmp_path, kind):
    assert list(files.rows(written(tmp_path / f"f.{kind}", kind))) == ROWS
    assert list(files.rows(written(tmp_path / "blob", kind), f".{kind}")) == ROWS


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("f.txt", b"x", "unknown kind"),
        ("f.jsonl", b'{"a": 1}\n[2]\n', "line 2 is not a JSON object"),
        ("f.jsonl", b'{"a": 1}\n{"a":\n', "line 2: "),
        ("f.jsonl", b'{"a": "\xff"}\n', "cannot be read as jsonl"),
        ("f.csv", b"a,b\n1,2,3\n", "row 1 has more values"),
        ("f.parquet", b"PAR1", "is damaged"),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_refused(tmp_path, name, content, said):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=said):
        list(files.rows(path))


def test_a_float32_is_its_shortest_decimal_and_views_are_plain_texts():
    table = pa.table({"gold": pa.array([0.1, None], pa.float32())})
    assert files.cells(table) == [{"gold": 0.1}, {"gold": None}]
    viewed = pa.table({"q": pa.array(["x"], pa.string_view())})
    assert files.plain(viewed).schema.field("q").type == pa.string()


def test_a_byte_order_mark_is_no_part_of_the_first_row(tmp_path):
    """Editors and exports of Windows begin a file with one."""
    for kind in ("jsonl", "csv"):
        path = written(tmp_path / f"f.{kind}", kind)
        path.write_text(path.read_text(encoding="utf-8-sig"), encoding="utf-8-sig", newline="")
        assert list(files.rows(path)) == ROWS


@pytest.mark.parametrize(
    "line",
    ['{"question": "q", "gold": "1", "gold": "2"}', '{"tests": [{"input": "1", "input": "2"}]}'],
)
def test_a_key_that_a_row_has_twice_is_refused_like_a_column(tmp_path, line):
    (tmp_path / "f.jsonl").write_text('{"question": "p", "gold": "1"}\n' + line)
    with pytest.raises(DataError, match=r"line 2: it has the key '(gold|input)' more than once"):
        list(files.rows(tmp_path / "f.jsonl"))
