"""Arrow's files, checked once, before anything looks into their columns.

Arrow trusts what it reads: offsets that lead outside of a file end the process, and texts that are
not UTF-8 fail wherever they are first looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from smallscale_ci.errors import DataError

Data = TypeVar("Data", pa.Table, pa.RecordBatch)


@contextmanager
def damage(where: str, hint: str, kind: str = "a parquet file") -> Iterator[None]:
    """What Arrow says about a damaged file, as a ``DataError``; ``where`` is the file's name."""
    try:
        yield
    except FileNotFoundError as error:
        raise DataError(f"There is no {where}.", hint) from error
    except (pa.ArrowException, OSError, ValueError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{where} is damaged or not {kind}: {first}", hint) from error


def parquet(source: Path | bytes, where: str, hint: str) -> pq.ParquetFile:
    """Open a parquet file, or the bytes of one. Raises ``DataError``."""
    with damage(where, hint):
        taken = pa.BufferReader(source) if isinstance(source, bytes) else source
        # Checksums are there where other tools wrote them; pages that differ end the reading.
        file = pq.ParquetFile(taken, memory_map=True, page_checksum_verification=True)
        metadata = file.schema_arrow.metadata or {}
        for part in [*metadata, *metadata.values()]:
            if part != b"ARROW:schema":
                part.decode()
        refuse_doubled(file.schema_arrow.names)
    return file


def refuse_doubled(names: Sequence[str]) -> None:
    """Raise ``ValueError`` for two columns of one name: either may be meant."""
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"it has the column '{twice}' more than once")


def checked(data: Data) -> Data:
    """``data``, whose offsets and texts are sound. Raises ``ArrowInvalid``."""
    data.validate(full=True)
    return data


def typed(data: Data, schema: pa.Schema) -> Data:
    """Sound ``data`` whose columns have the types that ``schema`` gives them.

    Columns that the schema does not know are as they are. Raises ``ValueError`` for a column of
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
