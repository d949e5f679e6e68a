"""The old toolkit: Parquet with ``model_output`` beside the data set's columns."""

from __future__ import annotations

from pathlib import Path

from smallscale_ci.errors import DataError
from smallscale_ci.interop import tabular
from smallscale_ci.interop.interface import Facts, Log, Wanted
from smallscale_ci.interop.rows import open_rows

name = "toolkit"
about = "parquet with the column model_output"

_OUTPUT = "model_output"


def claims(path: Path) -> bool:
    """See ``Reader``."""
    if path.suffix != ".parquet" or not path.is_file():
        return False
    try:
        return _OUTPUT in open_rows(path).columns
    except DataError:
        return False


def read(path: Path, wanted: Wanted) -> Log:
    """See ``Reader``."""
    return tabular.read_rows(open_rows(path), wanted, Facts(name))
