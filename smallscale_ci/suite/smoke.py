"""Makes the data of ``smoke``, ``smoke-code`` and ``smoke-train`` from templates and a seed.

``python -m smallscale_ci.suite.smoke [OUT_DIR]`` rewrites the shipped Parquet files, byte for byte
the same with the same pyarrow. The templates are those on which a model of 135 million parameters
is right between a fifth and all of the time (measured in docs/suites.md), so that a gate has
something to lose.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Mapping, Sequence
from itertools import combinations_with_replacement, product
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from smallscale_ci.suite import smoke_facts as facts
from smallscale_ci.suite.rows import SCHEMA
from smallscale_ci.suite.smoke_code import code_rows
from smallscale_ci.suite.smoke_train import train_math_rows, train_mcq_rows

SEED = 20260101
PER_MATH_TEMPLATE = 30
LETTERS = "ABCD"
_NAMES = ("Tom", "Mia", "Sam", "Lily", "Ben", "Zoe", "Max", "Eva")
_THINGS = ("apples", "books", "coins", "stamps", "marbles", "shells", "pencils", "cards")
_BOXES = ("box", "bag", "basket", "shelf", "crate", "drawer", "jar", "pack")


def main(folder: Path) -> None:
    """Write the five files into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        "math": math_rows,
        "mcq": mcq_rows,
        "code": code_rows,
        "train-math": train_math_rows,
        "train-mcq": train_mcq_rows,
    }
    for name, rows in files.items():
        pq.write_table(table(rows()), folder / f"smoke-{name}.parquet", compression="zstd")


def table(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Rows as the table of a suite's file; missing columns are null."""
    full = [{"gold": "", "cluster": "", **row, "meta": json.dumps(row["meta"])} for row in rows]
    return pa.Table.from_pylist(full, schema=SCHEMA)


def math_rows() -> list[dict[str, Any]]:
    """Mental arithmetic, shuffled; ``meta`` names the template."""
    rng = random.Random(f"{SEED} math")  # noqa: S311 - no secret
    rows = []
    for name, cases in _math_templates(rng).items():
        picked = rng.sample(sorted(set(cases)), PER_MATH_TEMPLATE)
        rows += [_row(question, str(answer), name) for question, answer in picked]
    rng.shuffle(rows)
    return rows


def mcq_rows() -> list[dict[str, Any]]:
    """Everyday knowledge with four options each; the gold letters are balanced."""
    rng = random.Random(f"{SEED} mcq")  # noqa: S311 - no secret
    rows = []
    for name, cases in _mcq_templates().items():
        for question, right, others in cases:
            wrong = rng.sample(sorted(set(others) - {right}), len(LETTERS) - 1)
            rows.append({**_row(question, right, name), "choices": wrong})
    rng.shuffle(rows)
    for index, row in enumerate(rows):
        letter = LETTERS[index % len(LETTERS)]
        row["choices"].insert(LETTERS.index(letter), row["gold"])
        row["gold"] = letter
    rng.shuffle(rows)
    return rows


Case = tuple[str, int]


def _math_templates(rng: random.Random) -> dict[str, list[Case]]:
    digits, small, teens = range(2, 10), range(1, 10), range(10, 20)
    pairs = list(combinations_with_replacement(small, 2))
    words = [(name, thing) for name in _NAMES for thing in _THINGS]
    ordered = list(product(digits, digits))
    return {
        "add": [(f"What is {a} + {b}?", a + b) for a, b in pairs],
        "add-teen": [(f"What is {a} + {b}?", a + b) for a, b in product(teens, digits)],
        "subtract": [(f"What is {a} - {b}?", a - b) for a in range(3, 11) for b in range(1, a)],
        "add-tens": [(f"What is {a}0 + {b}0?", 10 * (a + b)) for a, b in pairs],
        "times": [
            (f"What is {a} times {b}?", a * b) for a, b in combinations_with_replacement(digits, 2)
        ],
        "times-teen": [(f"What is {a} times {b}?", a * b) for a, b in product(teens, digits)],
        "divide": [(f"What is {a * b} divided by {b}?", a) for a, b in ordered],
        "half": [(f"What is half of {2 * a}?", a) for a in range(2, 51)],
        "word-add": [_word_add(rng.choice(words), a, b) for a, b in ordered],
        "word-times": [_word_times(rng, a, b) for a, b in ordered],
    }


def _word_add(who: tuple[str, str], a: int, b: int) -> Case:
    name, thing = who
    question = (
        f"{name} has {a} {thing} and Ann has {b} {thing}. How many {thing} do they have together?"
    )
    return question, a + b


def _word_times(rng: random.Random, a: int, b: int) -> Case:
    box, thing = rng.choice(_BOXES), rng.choice(_THINGS)
    plural = {"box": "boxes", "shelf": "shelves"}.get(box, f"{box}s")
    return f"Each {box} holds {a} {thing}. How many {thing} are in {b} {plural}?", a * b


McqCase = tuple[str, str, list[str]]


def _mcq_templates() -> dict[str, list[McqCase]]:
    sums = list(combinations_with_replacement(range(1, 10), 2))
    products = list(combinations_with_replacement(range(2, 10), 2))
    return {
        "opposite": _facts(facts.OPPOSITES, "What is the opposite of {}?"),
        "capital": _facts(facts.CAPITALS, "What is the capital of {}?"),
        "continent": _facts(facts.CONTINENTS, "What is the continent of {}?"),
        "language": _facts(facts.LANGUAGES, "What is the main language of {}?"),
        "color": _facts(facts.COLORS, "What is the color of {}?"),
        "job": _facts(facts.JOBS, "What is the job of a person who {}?"),
        "sum": [_numbers(f"What is {a} + {b}?", a + b, 1) for a, b in sums],
        "product": [_numbers(f"What is {a} times {b}?", a * b, a) for a, b in products],
    }


def _facts(known: Mapping[str, str], template: str) -> list[McqCase]:
    answers = set(known.values())
    return [
        (template.format(thing), answer, sorted(answers - {thing}))
        for thing, answer in known.items()
    ]


def _numbers(question: str, answer: int, step: int) -> McqCase:
    near = [answer + step * k for k in range(-5, 6)]
    return question, str(answer), [str(value) for value in near if value > 0]


def _row(question: str, gold: str, template: str) -> dict[str, Any]:
    return {"question": question, "gold": gold, "meta": {"template": template}}


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "data")
