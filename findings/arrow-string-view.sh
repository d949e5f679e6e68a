#!/usr/bin/env bash
# pyarrow 26.0.1: a Parquet file keeps the type string_view, and reads back as such; but no kernel
# takes it: Table.take, filter and sort_by, and pc.equal, is_in and utf8_length raise
# ArrowNotImplementedError (sort_by: ArrowTypeError), also for a mask that has nothing to do with
# the column. to_pylist, cast, unique, group_by and dictionary_encode work. What reads files of
# others casts such columns to string first.
#
# Prints what works and what raises; exits 1 where that is no longer so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" --quiet install pyarrow==26.0.1
"$folder/env/bin/python" - "$folder/views.parquet" <<'PYTHON'
import sys

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

pq.write_table(pa.table({"a": pa.array(["x", "y"], pa.string_view())}), sys.argv[1])
table = pq.read_table(sys.argv[1])
print(f"pyarrow {pa.__version__}, column type {table.schema.field('a').type}")
attempts = {
    "take": lambda: table.take([0]),
    "filter by a mask": lambda: table.filter(pa.array([True, False])),
    "sort_by": lambda: table.sort_by("a"),
    "pc.equal": lambda: pc.equal(table["a"], "x"),
    "pc.is_in": lambda: pc.is_in(table["a"], pa.array(["x"])),
    "pc.utf8_length": lambda: pc.utf8_length(table["a"]),
    "to_pylist": lambda: table.to_pylist(),
    "cast": lambda: table["a"].cast(pa.string()),
    "unique": lambda: pc.unique(table["a"]),
}
works = set()
for name, attempt in attempts.items():
    try:
        attempt()
    except pa.ArrowException as error:
        print(f"{name}: {type(error).__name__}: {error}")
    else:
        works.add(name)
        print(f"{name}: works")
sys.exit(works != {"to_pylist", "cast", "unique"} or str(table.schema.field("a").type) != "string_view")
PYTHON
