#!/usr/bin/env bash
# datasets 5.2.0, JSON Lines whose column holds strings and one value of another type: the column
# gets the type Json, and strings that look like a JSON value are not strings any more. "4" is 4,
# "007" is 7, "1e3" is 1000.0, "[1, 2]" is a list, "true" is True and "null" is None; "four" stays.
# to_parquet keeps it so: the file has the text 007, which is no JSON, and the text "four" with its
# quotes. Without the one other value all of them stay strings. Reference answers of a test set
# change so when a single row gives a number.
#
# Prints both readings and the file's texts; exits 1 where that is no longer so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" --quiet install datasets==5.2.0
"$folder/env/bin/python" - "$folder" <<'PYTHON' 2>/dev/null
import json
import sys
from pathlib import Path

import datasets
import pyarrow.parquet as pq

folder = Path(sys.argv[1])
STRINGS = ["4", "007", "1e3", "[1, 2]", "true", "null", "four"]


def load(name, answers):
    path = folder / f"{name}.jsonl"
    path.write_text("".join(json.dumps({"answer": answer}) + "\n" for answer in answers))
    found = datasets.load_dataset("json", data_files=str(path), cache_dir=str(folder / name))
    return found["train"]


alone, mixed = load("alone", STRINGS), load("mixed", [*STRINGS, 4])
mixed.to_parquet(str(folder / "mixed.parquet"))
stored = pq.read_table(folder / "mixed.parquet")["answer"]
print(f"datasets {datasets.__version__}")
print("strings alone: ", alone.features["answer"], alone["answer"][:])
print("and one number:", mixed.features["answer"], mixed["answer"][:])
print("in Parquet:    ", stored.type, stored.to_pylist())
same = (
    alone["answer"][:] == STRINGS
    and mixed["answer"][:] == [4, 7, 1000.0, [1, 2], True, None, "four", 4]
    and stored.to_pylist() == ["4", "007", "1e3", "[1, 2]", "true", "null", '"four"', "4"]
)
sys.exit(not same)
PYTHON
