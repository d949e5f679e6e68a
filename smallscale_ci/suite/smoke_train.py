"""The problems of ``smoke-train``: what preference pairs for the default model are made from.

The same kind of mental arithmetic as in ``smoke``, with other templates and other numbers: no
problem of one is in the other, exact or near (a test checks it with ``train.leakage``).
"""

from __future__ import annotations

import random
from itertools import product
from typing import Any

SEED = 20261123
PER_TEMPLATE = 24
_THINGS = ("pens", "balloons", "eggs", "cookies", "tickets", "flowers", "chairs", "toys")
_COLORS = ("red", "blue", "green", "yellow", "white", "black")
_ANIMALS = {"dogs": 4, "birds": 2, "ants": 6, "cats": 4, "spiders": 8, "chickens": 2}

Case = tuple[str, int]


def train_rows() -> list[dict[str, Any]]:
    """240 problems, shuffled; ``meta`` names the template."""
    rng = random.Random(f"{SEED} train")  # noqa: S311 - no secret
    rows = []
    for name, cases in _templates(rng).items():
        picked = rng.sample(sorted(set(cases)), PER_TEMPLATE)
        rows += [
            {"question": question, "gold": str(answer), "meta": {"template": name}}
            for question, answer in picked
        ]
    rng.shuffle(rows)
    return rows


def _templates(rng: random.Random) -> dict[str, list[Case]]:
    digits, tens = range(2, 10), range(20, 100, 10)
    sums = list(product(range(2, 13), digits))
    return {
        "add-two-digits": [
            (f"What is {a} + {b}?", a + b) for a, b in product(range(21, 60), digits)
        ],
        "add-ten": [(f"Add 10 to {a}. What do you get?", a + 10) for a in range(11, 90)],
        "subtract-teen": [
            (f"What is {a} - {b}?", a - b) for a, b in product(range(11, 20), digits)
        ],
        "subtract-tens": [
            (f"What is {a} minus {b}?", a - b) for a, b in product(tens, tens) if b < a
        ],
        "times-tens": [(f"What is {a} times {b}?", a * b) for a, b in product(tens, digits)],
        "double": [(f"What do you get when you double {a}?", 2 * a) for a in range(3, 51)],
        "next": [(f"Which whole number comes right after {a}?", a + 1) for a in range(10, 120)],
        "legs": [
            (f"How many legs do {a} {animal} have in all?", a * legs)
            for a, (animal, legs) in product(range(2, 10), _ANIMALS.items())
        ],
        "colors": [_colors(rng, a, b) for a, b in sums],
        "sold": [_sold(rng, a + b, b) for a, b in sums],
    }


def _colors(rng: random.Random, a: int, b: int) -> Case:
    one, other = rng.sample(_COLORS, 2)
    thing = rng.choice(_THINGS)
    return f"A table has {a} {one} {thing} and {b} {other} {thing} on it. How many in total?", a + b


def _sold(rng: random.Random, a: int, b: int) -> Case:
    thing = rng.choice(_THINGS)
    return f"A shop had {a} {thing} and sold {b} of them. How many {thing} are left?", a - b
