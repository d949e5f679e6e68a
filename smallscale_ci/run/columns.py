"""Arrow's files, checked once before their columns are used.

Arrow trusts its input: offsets that lead outside a file crash the process, and texts that are
not UTF-8 fail wherever they are first used.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from smallscale_ci.errors import DataError

_BLOCK = 500_000  # codes examined at a time
_BYTES = 8  # bytes of a text compared at a time

Data = TypeVar("Data", pa.Table, pa.RecordBatch)


@contextmanager
def damage(where: str, hint: str, kind: str = "a parquet file") -> Iterator[None]:
    """Turn Arrow's errors about a damaged file into ``DataError``; ``where`` is its name."""
    try:
        yield
    except FileNotFoundError as error:
        raise DataError(f"There is no {where}.", hint) from error
    except (pa.ArrowException, OSError, ValueError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{where} is damaged or not {kind}: {first}", hint) from error


def parquet(source: Path | bytes, where: str, hint: str, few: Sequence[str] = ()) -> pq.ParquetFile:
    """Open a parquet file, or the bytes of one. Raises ``DataError``.

    The columns ``few`` have few different values and are read as dictionary codes.
    """
    with damage(where, hint):
        taken = pa.BufferReader(source) if isinstance(source, bytes) else source
        # Checksums are verified if the writer stored them; a mismatch ends the reading.
        file = pq.ParquetFile(taken, memory_map=True, page_checksum_verification=True)
        coded = [one.name for one in file.schema_arrow if one.name in few and one.type == "string"]
        if coded:
            file = pq.ParquetFile(
                taken,
                metadata=file.metadata,
                memory_map=True,
                page_checksum_verification=True,
                read_dictionary=coded,
            )
        metadata = file.schema_arrow.metadata or {}
        for part in [*metadata, *metadata.values()]:
            if part != b"ARROW:schema":
                part.decode()
        refuse_doubled(file.schema_arrow.names)
    return file


def refuse_doubled(names: Sequence[str]) -> None:
    """Raise ``ValueError`` for two columns with one name: either may be meant."""
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"it has the column '{twice}' more than once")


def checked(data: Data) -> Data:
    """``data``, after checking its offsets and texts. Raises ``ArrowInvalid``."""
    data.validate(full=True)
    return data


def typed(data: Data, schema: pa.Schema) -> Data:
    """Checked ``data`` whose columns have the types in ``schema``.

    Columns that are not in the schema stay as they are. Raises ``ValueError`` for a column of
    another type, and for empty values in one that is not nullable.
    """
    checked(data)
    for number, name in enumerate(data.schema.names):
        place = schema.get_field_index(name)
        if place < 0:
            continue
        field, column = schema.field(place), data.column(name)
        if not field.nullable and column.null_count:
            raise ValueError(f"column '{name}' has {column.null_count} empty values")
        if column.type != field.type:
            try:
                column = column.cast(field.type)
            except pa.ArrowException as error:
                what = f"column '{name}' is of type {column.type}, not {field.type}"
                raise ValueError(what) from error
            data = data.set_column(number, name, column)
    return data


# Arrow's own conversions from and to numpy import pandas if it is installed, which takes longer
# than many comparisons. These do not.


def numbers(values: pa.Array | pa.ChunkedArray, empty: float = 0) -> NDArray[Any]:
    """(n,) the numbers of a column, without a copy if possible; ``empty`` for null."""
    whole = _whole(values)
    if not whole.null_count:
        return np.from_dlpack(whole)
    buffers = [None, whole.buffers()[1]]
    bare = pa.Array.from_buffers(whole.type, len(whole), buffers, 0, whole.offset)
    return np.where(truths(whole.is_valid()), np.from_dlpack(bare), empty)


def truths(values: pa.Array | pa.ChunkedArray) -> NDArray[np.bool_]:
    """(n,) the truth values of a column without nulls."""
    return np.from_dlpack(_whole(values).cast(pa.uint8())).view(np.bool_)


def indices(codes: NDArray[np.integer | np.bool_]) -> pa.Int64Array:
    """``codes`` (n,) as an Arrow array, without a copy."""
    whole = np.ascontiguousarray(codes, dtype=np.int64)
    return pa.Array.from_buffers(pa.int64(), len(whole), [None, pa.py_buffer(whole)])


def encode(texts: pa.ChunkedArray) -> tuple[NDArray[np.int64], pa.StringArray]:
    """(n,) codes of texts by first appearance, and the distinct texts, of which one may be null.

    Raises ``ArrowException`` if they are not texts.
    """
    if not pa.types.is_dictionary(texts.type):
        texts = texts.cast(pa.string())
        coded = _whole(pc.dictionary_encode(texts, null_encoding="encode"))
        return numbers(coded.indices).astype(np.int64), coded.dictionary
    whole = _whole(texts.unify_dictionaries())
    if whole.null_count or whole.dictionary.null_count:
        return encode(texts.cast(texts.type.value_type))
    inner, words = encode(pa.chunked_array([whole.dictionary]))
    codes = inner[numbers(whole.indices)]
    first = np.full(len(words), len(codes), dtype=np.int64)
    for start in reversed(range(0, len(codes), _BLOCK)):
        block = codes[start : start + _BLOCK]
        first[block[::-1]] = np.arange(start + len(block) - 1, start - 1, -1)
    used = np.argsort(first, kind="stable")[: int((first < len(codes)).sum())]
    place = np.empty(len(words), dtype=np.int64)
    place[used] = np.arange(len(used))
    return place[codes], words.take(indices(used))


def encode_sorted(texts: pa.ChunkedArray) -> tuple[NDArray[np.int64], pa.StringArray]:
    """``encode`` with codes in the order of the texts; fast for many distinct ones."""
    if pa.types.is_dictionary(texts.type) and not texts.null_count:
        coded = _whole(texts.unify_dictionaries())
        if not coded.dictionary.null_count:
            ranks, words = encode_sorted(pa.chunked_array([coded.dictionary]))
            return _of_those_used(ranks[numbers(coded.indices)], words)
    if pa.types.is_dictionary(texts.type) or texts.null_count:
        codes, words = encode(texts)
        if words.null_count:
            return codes, words
        ranks, words = encode_sorted(pa.chunked_array([words]))
        return ranks[codes], words
    whole = _whole(texts.cast(pa.string()))
    if len(whole) < 2 or pc.all(pc.less_equal(whole[:-1], whole[1:])).as_py():
        return _runs(whole)
    order = order_of(whole)
    ranks, words = _runs(whole.take(indices(order)))
    codes = np.empty(len(order), dtype=np.int64)
    codes[order] = ranks
    return codes, words


def _of_those_used(
    codes: NDArray[np.int64], words: pa.StringArray
) -> tuple[NDArray[np.int64], pa.StringArray]:
    """``codes`` and ``words`` without unused words."""
    used = np.zeros(len(words), dtype=np.bool_)
    used[codes] = True
    if used.all():
        return codes, words
    return (np.cumsum(used) - 1)[codes], words.take(indices(np.flatnonzero(used)))


def order_of(texts: pa.StringArray) -> NDArray[np.int64]:
    """(n,) the positions that sort ``texts``, which have no nulls.

    Texts of equal length, such as hashes, are sorted as numbers of eight bytes, which takes
    a third of the time.
    """
    count, (_, offsets, data) = len(texts), texts.buffers()
    starts = np.frombuffer(offsets, dtype=np.int32)[texts.offset : texts.offset + count + 1]
    length = int(starts[1] - starts[0]) if count else 0
    if length < _BYTES or np.any(np.diff(starts) != length):
        return numbers(pc.sort_indices(texts)).astype(np.int64)
    size = count * length
    read = np.frombuffer(data, dtype=np.uint8, count=size, offset=int(starts[0]))
    read = read.reshape(count, length)
    place, keys = 0, _key(read, 0)
    while place + _BYTES < length and np.all(keys == keys[0]):  # skip the common prefix
        place += _BYTES
        keys = _key(read, place)
    order = np.argsort(keys)
    keys = keys[order]
    tied = np.zeros(count, dtype=np.bool_)
    np.equal(keys[1:], keys[:-1], out=tied[1:])
    if place + _BYTES >= length or not tied.any():
        return order
    tied[:-1] |= tied[1:]
    some = order[tied]
    parts = [_key(read[some], at) for at in range(place, length, _BYTES)]
    order[tied] = some[np.lexsort(parts[::-1])]
    return order


def _key(texts: NDArray[np.uint8], place: int) -> NDArray[np.uint64]:
    """(n,) eight bytes of ``texts`` (n, bytes) from ``place`` on, as numbers of the same order."""
    part = np.zeros((len(texts), _BYTES), dtype=np.uint8)
    taken = texts[:, place : place + _BYTES]
    part[:, : taken.shape[1]] = taken
    keys = part.view(np.uint64).ravel()
    return keys.byteswap(inplace=True) if sys.byteorder == "little" else keys


def _runs(texts: pa.StringArray) -> tuple[NDArray[np.int64], pa.StringArray]:
    """``encode`` of sorted texts."""
    new = np.ones(len(texts), dtype=np.bool_)
    if len(texts) > 1:
        new[1:] = truths(pc.not_equal(texts[:-1], texts[1:]))
    if new.all():
        return np.arange(len(new)), texts
    return np.cumsum(new) - 1, texts.take(indices(np.flatnonzero(new)))


def _whole(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    if not isinstance(values, pa.ChunkedArray):
        return values
    return values.chunk(0) if values.num_chunks == 1 else values.combine_chunks()
