"""The problems of ``smoke-train``, for making preference pairs with the default model.

The same kinds of problems as in ``smoke``, mental arithmetic and everyday knowledge, with other
numbers and other facts: no problem of one is in the other, exact or near (a test checks it with
``train.leakage``).
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from itertools import product
from typing import Any

SEED = 20261123
PER_TEMPLATE = 20
LETTERS = "ABCD"

CAPITALS = {
    "the Netherlands": "Amsterdam", "Switzerland": "Bern", "Bulgaria": "Sofia",
    "Serbia": "Belgrade", "Croatia": "Zagreb", "Iceland": "Reykjavik", "Latvia": "Riga",
    "Bangladesh": "Dhaka", "the Philippines": "Manila", "Taiwan": "Taipei",
    "Saudi Arabia": "Riyadh", "Jordan": "Amman", "Afghanistan": "Kabul", "Ghana": "Accra",
    "Senegal": "Dakar", "Sudan": "Khartoum", "Venezuela": "Caracas", "Uruguay": "Montevideo",
    "Ecuador": "Quito", "New Zealand": "Wellington",
}  # fmt: skip
CONTINENTS = {
    "Austria": "Europe", "Belgium": "Europe", "Denmark": "Europe", "Finland": "Europe",
    "Hungary": "Europe", "Ireland": "Europe", "Portugal": "Europe", "Indonesia": "Asia",
    "Iran": "Asia", "Malaysia": "Asia", "Mongolia": "Asia", "the Philippines": "Asia",
    "Sudan": "Africa", "Senegal": "Africa", "Zambia": "Africa", "Zimbabwe": "Africa",
    "Ecuador": "South America", "Paraguay": "South America", "Uruguay": "South America",
    "Venezuela": "South America",
}  # fmt: skip
PLURALS = {
    "cat": "cats", "child": "children", "box": "boxes", "city": "cities", "man": "men",
    "woman": "women", "foot": "feet", "tooth": "teeth", "mouse": "mice", "leaf": "leaves",
    "baby": "babies", "bus": "buses", "knife": "knives", "dog": "dogs", "wolf": "wolves",
    "story": "stories", "dish": "dishes", "goose": "geese", "potato": "potatoes", "key": "keys",
}  # fmt: skip
PASTS = {
    "go": "went", "run": "ran", "eat": "ate", "see": "saw", "write": "wrote", "take": "took",
    "make": "made", "come": "came", "drink": "drank", "sing": "sang", "swim": "swam",
    "think": "thought", "teach": "taught", "bring": "brought", "drive": "drove", "fly": "flew",
    "speak": "spoke", "sleep": "slept", "catch": "caught", "break": "broke",
}  # fmt: skip

Case = tuple[str, int]


def train_math_rows() -> list[dict[str, Any]]:
    """Mental arithmetic, shuffled; ``meta`` names the template."""
    rng = random.Random(f"{SEED} math")  # noqa: S311 - no secret
    rows = [
        _row(question, str(answer), name)
        for name, cases in _math_templates().items()
        for question, answer in rng.sample(cases, PER_TEMPLATE)
    ]
    rng.shuffle(rows)
    return rows


def train_mcq_rows() -> list[dict[str, Any]]:
    """Everyday knowledge with four options each; the gold letters are balanced."""
    rng = random.Random(f"{SEED} mcq")  # noqa: S311 - no secret
    rows = []
    for name, (known, question) in _MCQ_TEMPLATES.items():
        for thing, right in known.items():
            others = rng.sample(sorted({*known.values()} - {right}), len(LETTERS) - 1)
            rows.append({**_row(question.format(thing), right, name), "choices": others})
    rng.shuffle(rows)
    for index, row in enumerate(rows):
        place = index % len(LETTERS)
        row["choices"].insert(place, row["gold"])
        row["gold"] = LETTERS[place]
    return rows


_MCQ_TEMPLATES: dict[str, tuple[Mapping[str, str], str]] = {
    "capital": (CAPITALS, "What is the capital of {}?"),
    "continent": (CONTINENTS, "What is the continent of {}?"),
    "plural": (PLURALS, "What is the plural of {}?"),
    "past": (PASTS, "What is the past tense of {}?"),
}


def _math_templates() -> dict[str, list[Case]]:
    digits, tens, hundreds = range(2, 10), range(20, 100, 10), range(200, 1000, 100)
    return {
        "times-tens": [(f"What is {a} times {b}?", a * b) for a, b in product(tens, digits)],
        "times-hundreds": [
            (f"What is {a} times {b}?", a * b) for a, b in product(hundreds, digits)
        ],
        "add-hundreds": [(f"What is {a} + {b}?", a + b) for a, b in product(hundreds, hundreds)],
        "subtract-tens": [(f"What is {a} - {b}?", a - b) for a in tens for b in tens if b < a],
    }


def _row(question: str, gold: str, template: str) -> dict[str, Any]:
    return {"question": question, "gold": gold, "meta": {"template": template}}
