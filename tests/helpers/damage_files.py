"""Damage to files, by their kind: values of other types, bytes that are no text, half a file.

Everything is drawn from the ``random.Random`` that is given: the same seed damages alike.
"""

from __future__ import annotations

import csv
import io
import json
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from pyarrow import ipc

from smallscale_ci.interop.archive import archive

HALF = "\ud800"  # a surrogate without its other half
DEEP = "@deep@"  # stands for lists in lists, which no encoder writes
_LISTS = "[" * 3000 + "]" * 3000
_STRANGE: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    2**31,
    2**63,
    2**64,
    10**400,
    0.5,
    -0.0,
    1e308,
    float("nan"),
    float("inf"),
    "",
    " ",
    "\0",
    HALF,
    "é" * 70,
    "x" * 5000,
    "../../etc/passwd",
    "a/b",
    ".",
    "..",
    "2026-13-45",
    "nan",
    "1e999",
    "${HOME}",
    "[bold]x[/bold]",
    "\x1b[31m",
    [],
    [None],
    [[]],
    {},
    {"": None},
    {"a": {"b": []}},
    [1, "a"],
    "CORRECT",
    "sha256:" + "0" * 64,
)
_BYTES = (b"", b"\0", b"\xff\xfe", b"null", b"[]", b"{}", b"1", b'""', b"\xef\xbb\xbf{}", b"\n\n")


def damage(path: Path, rng: random.Random) -> str:
    """Damage the file ``path``; what was done, in a few words."""
    if rng.random() < 0.2:
        return _raw(path, rng)
    kinds: dict[str, Callable[[Path, random.Random], str]] = {
        ".json": _json,
        ".jsonl": _lines,
        ".yaml": _yaml,
        ".csv": _csv,
        ".parquet": _parquet,
        ".arrow": _arrow,
        ".eval": _zip,
    }
    before = path.read_bytes()
    try:
        return kinds.get(path.suffix, _raw)(path, rng)
    except Exception as error:  # noqa: BLE001 - this damage cannot be done twice, or be written
        path.write_bytes(before)
        return f"{_raw(path, rng)} (not {type(error).__name__})"


def _raw(path: Path, rng: random.Random) -> str:
    """Of bytes: cut, changed, put in, or all of them others."""
    content = bytearray(path.read_bytes())
    way = rng.choice(("cut", "flip", "insert", "replace", "double", "utf-16"))
    place = rng.randrange(len(content) + 1)
    if way == "cut":
        del content[place:]
    elif way == "flip" and content:
        for _ in range(rng.choice((1, 4, 32))):
            content[rng.randrange(len(content))] = rng.randrange(256)
    elif way == "insert":
        content[place:place] = rng.choice((b"\0", b"\xff", b"\xed\xa0\x80", b"{" * 50, b"\n"))
    elif way == "replace":
        content = bytearray(rng.choice(_BYTES))
    elif way == "double":
        content *= 2
    else:
        content = bytearray(content.decode("utf-8", "replace").encode("utf-16"))
    path.write_bytes(bytes(content))
    return f"{way} of bytes at {place}"


# -- values ---------------------------------------------------------------------------------------


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    if isinstance(value, dict):
        for key, item in value.items():
            found += _places(item, (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(value[:20]):
            found += _places(item, (*path, number))
    return found


def change(value: Any, rng: random.Random) -> tuple[Any, str]:
    """``value`` with something strange at one place of it, and what."""
    place = rng.choice(_places(value))
    if not place:
        strange = rng.choice(_STRANGE)
        return strange, f"all is {strange!r:.40}"
    *above, key = place
    at = value
    for part in above:
        at = at[part]
    way = rng.choice(("set", "set", "set", "set", "drop", "rename", "wrap", "deep", "copy"))
    where = ".".join(map(str, place))
    if way == "drop":
        del at[key]
    elif way == "rename" and isinstance(at, dict):
        at[rng.choice(("", "x", HALF, "__class__", str(key) + " ", str(key).upper()))] = at.pop(key)
    elif way == "wrap":
        at[key] = rng.choice(([at[key]], {"value": at[key]}, [at[key], at[key]]))
    elif way == "deep":
        at[key] = DEEP
    elif way == "copy" and isinstance(at, list):
        at.append(at[key])
    else:
        strange = rng.choice(_STRANGE)
        at[key] = strange
        return value, f"{where} is {strange!r:.40}"
    return value, f"{way} of {where}"


def _dumped(value: Any) -> str:
    """Half a surrogate is written as its escape, NaN as NaN."""
    return json.dumps(value).replace(f'"{DEEP}"', _LISTS)


def _json(path: Path, rng: random.Random) -> str:
    value, what = change(json.loads(path.read_bytes()), rng)
    path.write_text(_dumped(value))
    return what


def _lines(path: Path, rng: random.Random) -> str:
    lines = path.read_text().splitlines()
    number = rng.randrange(len(lines))
    way = rng.choice(("change", "change", "change", "drop", "double", "swap", "tail"))
    if way == "change":
        value, what = change(json.loads(lines[number]), rng)
        lines[number] = _dumped(value)
    else:
        what = f"{way} of line {number}"
        if way == "drop":
            del lines[number]
        elif way == "double":
            lines.insert(number, lines[number])
        elif way == "swap":
            lines[0], lines[number] = lines[number], lines[0]
        else:
            lines[number] = lines[number][: rng.randrange(len(lines[number]) + 1)]
    path.write_text("\n".join(lines) + "\n")
    return what


_YAML_TEXTS = (
    "a: &a [*a]\n",
    "<<: {name: x}\n",
    "name: !!python/object/apply:os.system [id]\n",
    "name: !!binary ////\n",
    "? [1, 2]\n: x\n",
    "name: 2026-01-01\n",
    "\tname: x\n",
    'name: "\\ud800"\n',
    "name: x\nname: y\n",
    "--- a\n--- b\n",
    "name: 1:30:00\n",
    "name: 0o17\n",
    "%YAML 9.9\n---\nname: x\n",
    "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nd: &d [*c,*c]\n",
    "name: .nan\n",
    "name: !x y\n",
)


def _yaml(path: Path, rng: random.Random) -> str:
    text = path.read_text()
    if rng.random() < 0.3:
        odd = rng.choice(_YAML_TEXTS)
        path.write_text(rng.choice((odd + text, text + odd, odd)))
        return f"with {odd!r}"
    value, what = change(yaml.safe_load(text), rng)
    # JSON is YAML, but for what it escapes: a half surrogate stands as its escape.
    text = _dumped(value) if rng.random() < 0.3 else yaml.safe_dump(value)
    path.write_text(text.replace(DEEP, _LISTS))
    return what


def _csv(path: Path, rng: random.Random) -> str:
    rows = list(csv.reader(io.StringIO(path.read_text())))
    row = rng.choice(rows)
    column = rng.randrange(len(row))
    strange = str(rng.choice(_STRANGE)).replace(HALF, "\x80")
    way = rng.choice(("set", "set", "more", "less"))
    if way == "set":
        row[column] = strange
    elif way == "more":
        row.append(strange)
    else:
        del row[column]
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    path.write_text(out.getvalue())
    return f"{way} of {strange!r:.40}"


# -- columns --------------------------------------------------------------------------------------

_TYPES = (
    pa.int8(),
    pa.int64(),
    pa.uint64(),
    pa.float16(),
    pa.float64(),
    pa.string(),
    pa.large_string(),
    pa.string_view(),
    pa.binary(),
    pa.bool_(),
    pa.timestamp("ns"),
    pa.date32(),
    pa.decimal128(38, 3),
    pa.duration("s"),
    pa.list_(pa.string()),
    pa.null(),
    pa.struct([("a", pa.int32())]),
)
_NUMBERS = (float("nan"), float("inf"), -1, 0, 2**31 - 1, 2**31, -(2**63), 1e300, 0.5)


def _not_text(values: list[Any]) -> pa.Array:
    """Strings of bytes that are not UTF-8."""
    raw = [b"\xff\xfe" + str(value).encode() for value in values]
    return pa.array(raw, pa.binary()).view(pa.string())


def _column(  # noqa: PLR0911
    column: pa.ChunkedArray, rng: random.Random
) -> tuple[pa.Array, str]:
    values = column.to_pylist()
    count = len(values)
    way = rng.choice(("type", "null", "nulls", "cell", "cells", "bytes", "dictionary", "numbers"))
    if way == "type":
        kind = rng.choice(_TYPES)
        try:
            return pa.array(values, kind), f"as {kind}"
        except (pa.ArrowException, ValueError, TypeError, OverflowError):
            return pa.nulls(count, kind), f"nulls of {kind}"
    if way == "null":
        values[rng.randrange(count)] = None
        return pa.array(values, column.type), "one null"
    if way == "nulls":
        return pa.nulls(count, column.type), "nulls"
    if way == "bytes":
        return _not_text(values), "not UTF-8"
    if way == "dictionary":
        return column.combine_chunks().dictionary_encode(), "a dictionary"
    if way == "numbers":
        number = rng.choice(_NUMBERS)
        return pa.array([number] * count), f"all {number}"
    strange = rng.choice([*_STRANGE, *_NUMBERS])
    cells = [rng.randrange(count)] if way == "cell" else range(count)
    for cell in cells:
        values[cell] = strange
    try:
        return pa.array(values, column.type), f"{way} {strange!r:.40}"
    except (pa.ArrowException, ValueError, TypeError, OverflowError):
        return pa.array(values), f"{way} {strange!r:.40}"


def change_table(table: pa.Table, rng: random.Random) -> tuple[pa.Table, str]:
    """``table`` with a column, its rows or its metadata changed, and what was done."""
    metadata = table.schema.metadata
    ways = ("drop", "rename", "twice", "rows", "order", "meta", "empty")
    way = rng.choice(("column",) * 6 + ways)
    number = rng.randrange(table.num_columns)
    name = table.schema.names[number]
    if way == "column" and table.num_rows:
        array, what = _column(table.column(number), rng)
        table = table.set_column(number, name, array)
        what = f"{name}: {what}"
    elif way == "drop":
        table, what = table.drop_columns([name]), f"no {name}"
    elif way == "rename":
        names = list(table.schema.names)
        names[number] = rng.choice(("", "x", name.upper(), names[0]))
        table, what = table.rename_columns(names), f"{name} is {names[number]}"
    elif way == "twice":
        table, what = table.append_column(name, table.column(number)), f"{name} twice"
    elif way == "rows":
        rows = [rng.randrange(table.num_rows) for _ in range(table.num_rows)]
        table, what = table.take(rows), "rows drawn again"
    elif way == "order":
        table, what = table.take(list(range(table.num_rows))[::-1]), "rows reversed"
    elif way == "meta":
        values = (b"\xff", b"", b"2", b"samples")
        metadata = {key: rng.choice(values) for key in (metadata or {b"kind": b""})}
        what = "metadata"
    else:
        table, what = table.slice(0, 0), "no rows"
    return table.replace_schema_metadata(metadata), what


def _parquet(path: Path, rng: random.Random) -> str:
    table, what = change_table(pq.read_table(path), rng)
    pq.write_table(table, path)
    return what


def _arrow(path: Path, rng: random.Random) -> str:
    with pa.OSFile(str(path)) as source:
        table = ipc.open_file(source).read_all()
    table, what = change_table(table, rng)
    with pa.OSFile(str(path), "w") as sink, ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return what


def _zip(path: Path, rng: random.Random) -> str:
    with archive(path) as packed:
        members = {name: packed.read(name) for name in packed.members}
    name = rng.choice([*members])
    value, what = change(json.loads(members[name]), rng)
    members[name] = _dumped(value).encode()
    if rng.random() < 0.1:
        del members[name]
    with zipfile.ZipFile(path, "w") as written:
        for member, content in members.items():
            written.writestr(member, content)
    return f"{name}: {what}"
