import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smallscale_ci.errors import DataError, InvalidError
from smallscale_ci.ids import file_hash
from smallscale_ci.records import FinishReason, Generation, Judgement, Outcome
from smallscale_ci.run import tables


def row(index: int, text: str = "x") -> dict[str, object]:
    return {
        "problem_id": "p",
        "sample_index": index,
        "text": text,
        "token_ids": [1, 2],
        "prompt_tokens": 3,
        "completion_tokens": 2,
        "finish_reason": "STOP",
        "rank": 0,
        "seconds": 0.5,
        "error": "",
    }


@settings(max_examples=25)
@given(st.lists(st.text(st.characters(codec="utf-8")), max_size=20))
def test_generations_come_back_as_they_were(tmp_path_factory, texts):
    path = tmp_path_factory.mktemp("t") / "generations.parquet"
    rows = [row(index, text) for index, text in enumerate(texts)]
    assert tables.write(path, tables.GENERATIONS, rows, "before") == file_hash(path)
    back = list(tables.generations(path))
    assert [g.text for g in back] == texts
    if back:
        assert back[0] == Generation("p", 0, texts[0], (1, 2), 3, 2, FinishReason.STOP, 0, 0.5)
    assert tables.predecessor_of(path, tables.GENERATIONS) == "before"


def test_more_rows_than_a_batch_keep_their_order(tmp_path):
    path = tmp_path / "g.parquet"
    tables.write(path, tables.GENERATIONS, (row(i) for i in range(9000)), "")
    assert [r["sample_index"] for r in tables.rows(path, tables.GENERATIONS)] == list(range(9000))


def test_judgements_come_back_as_they_were(tmp_path):
    judgement = Judgement("p", 0, "sums", Outcome.UNPARSED, None, "math/1", "no answer")
    path = tmp_path / "j.parquet"
    tables.write(path, tables.JUDGEMENTS, [tables.judgement_row(judgement, "c")], "g")
    assert list(tables.judgements(path)) == [judgement]


def test_a_writer_that_fails_leaves_the_earlier_file(tmp_path):
    path = tmp_path / "g.parquet"
    tables.write(path, tables.GENERATIONS, [row(0)], "")

    def failing():
        yield row(1)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        tables.write(path, tables.GENERATIONS, failing(), "")
    assert [g.sample_index for g in tables.generations(path)] == [0]
    assert [file.name for file in tmp_path.iterdir()] == ["g.parquet"]


def test_a_missing_file_names_the_stage_before(tmp_path):
    with pytest.raises(DataError) as caught:
        tables.read(tmp_path / "none.parquet", tables.GENERATIONS)
    assert "There is no" in caught.value.message
    assert "stage" in caught.value.hint


@pytest.mark.parametrize("content", [b"", b"PAR1", b"text that is no parquet at all"])
def test_what_is_no_parquet_is_called_damaged(tmp_path, content):
    path = tmp_path / "g.parquet"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"damaged or not a parquet"):
        tables.open_file(path, tables.GENERATIONS)


def test_damage_behind_an_intact_footer_is_found_when_read(tmp_path):
    path = tmp_path / "g.parquet"
    tables.write(path, tables.GENERATIONS, (row(i, f"text {i}" * 9) for i in range(500)), "")
    content = bytearray(path.read_bytes())
    content[4:400] = bytes(396)
    path.write_bytes(content)
    with pytest.raises(DataError, match="damaged"):
        tables.read(path, tables.GENERATIONS)
    with pytest.raises(DataError, match="damaged"):
        list(tables.generations(path))


def test_another_kind_and_another_version_are_refused(tmp_path):
    path = tmp_path / "g.parquet"
    tables.write(path, tables.GENERATIONS, [row(0)], "")
    with pytest.raises(InvalidError, match="not a judgements file"):
        tables.open_file(path, tables.JUDGEMENTS)
    table = pq.read_table(path)
    later = {**table.schema.metadata, b"schema_version": b"99"}
    pq.write_table(table.replace_schema_metadata(later), path)
    with pytest.raises(InvalidError, match="schema version 1"):
        tables.open_file(path, tables.GENERATIONS)


def test_whole_tables_carry_kind_and_predecessor(tmp_path):
    path = tmp_path / "s.parquet"
    tables.write_table(path, pa.table({"a": [1]}), "samples", "made-from")
    schema = pa.schema([("a", pa.int64())], {"kind": "samples"})
    assert tables.predecessor_of(path, schema) == "made-from"
    assert tables.read(path, schema).column_names == ["a"]
