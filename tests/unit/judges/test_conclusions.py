"""What is read only where nothing is stated; whole answers are in ``data/mcq_corpus.jsonl``."""

from __future__ import annotations

import pytest

from smallscale_ci.judges.claims import claim
from smallscale_ci.judges.options import Options

METALS = Options(tuple("ABCD"), ("copper", "iron", "gold", "silver"))


def place(text: str) -> int | None:
    found = claim(text, METALS)
    return found.named.place if found else None


@pytest.mark.parametrize(
    "text",
    [
        "A: no\nB: yes\nC: no\nD: no",
        "(A) No. (B) Yes. (C) No. (D) No.",
        "copper: wrong\niron: right\ngold: wrong\nsilver: wrong",
        "| A | ✗ |\n| B | ✓ |\n| C | ✗ |\n| D | ✗ |",
        "| Question | Answer |\n|---|---|\n| 1 | B |",
        "|Answer|B|\n|---|---|",
        "Only B is attracted by magnets.",
        "The second option is correct.",
        "A magnet attracts iron (option B), as it is ferromagnetic.",
        "26 protons, so iron → B",
        "The metal that magnets attract is iron.",
        "Copper is not magnetic, but the metal that rusts is iron.",
        "**B** – rust is red.",
    ],
)
def test_the_form_of_an_answer_names_an_option(text: str) -> None:
    assert place(text) == 1


@pytest.mark.parametrize(
    "text",
    [
        "A: yes\nB: yes\nC: no\nD: no",
        "A: no\nB: no",
        "| A | copper |\n| B | iron |",
        "Only B?",
        "It may be iron.",
        "We can exclude iron.",
        "A common misconception is iron.",
        "Group B contains iron.",
        "Therefore, we can exclude (B).",
        "(B) is out.",
        "The metals are copper and iron.",
        "Options: (A) copper (B) iron (C) gold (D) silver",
    ],
)
def test_what_is_only_mentioned_is_no_answer(text: str) -> None:
    assert place(text) is None


def test_what_is_taken_back_does_not_count() -> None:
    assert place("The answer is C. No, wait, gold does not rust, so it's B.") == 1
    assert place("The answer is B. Wait, let me check. Iron rusts, yes.") == 1
