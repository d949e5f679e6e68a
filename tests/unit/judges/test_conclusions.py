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
    ("text", "options", "expected"),
    [
        ("All of the above are metals.", ("tin", "zinc", "All of the above"), 2),
        ("Neither tin nor zinc is magnetic.", ("Only tin", "Only zinc", "Neither tin nor zinc"), 2),
        ("So there are 6 such pairs.", ("4", "6", "8"), 1),
        ("A whale is large.", ("whale", "shark", "trout"), None),
        ("In 6 steps we are there.", ("4", "6", "8"), None),
        ("All of the above might be metals.", ("tin", "zinc", "All of the above"), None),
        ("The converse of p → q is q → p.", ("p → q", "q → p", "p ∧ q"), 1),
        (r"Hence $\neg q \to \neg p$.", ("q → p", "¬q → ¬p", "p → q"), 1),
        ("We compare tin and zinc.", ("tin", "zinc", "lead"), None),
        ("It's a simile, not a metaphor.", ("metaphor", "simile", "irony"), 1),
        ("It's a simile, not a metaphor.", ("simile and irony", "metaphor", "irony"), None),
        ("So no, it does not follow.", ("yes", "no"), 1),
        ("Water boils at 100 degrees Celsius.", ("0 °C", "32 °C", "100 °C"), 2),
        ("- tin: a metal\n- salt: no metal\n- lead: heavy ✓", ("tin", "salt", "lead"), 2),
        ("- tin: a metal ✓\n- salt: white\n- lead: heavy ✓", ("tin", "salt", "lead"), None),
        ("Tin and zinc are metals: all of these.", ("tin", "zinc", "All of these"), 2),
        ("cos 36° = √5/2", ("1", r"$\frac{\sqrt{5}}{2}$", "2"), 1),
        ("6.6e-34 J s", ("6.6 × 10^-34 J s", "6.6 × 10^34 J s"), 0),
        ("Final answer: b) zinc", ("tin", "zinc", "lead"), 1),
        ("Donc, réponse B.", ("étain", "zinc", "plomb"), 1),
        ("Option 3", ("tin", "zinc", "lead"), 2),
        ("Rhine Falls", ("Danube", "Rhine", "Elbe"), 1),
    ],
)
def test_sentences_of_other_questions(
    text: str, options: tuple[str, ...], expected: int | None
) -> None:
    found = claim(text, Options(tuple("ABCDE"[: len(options)]), options))
    assert (found.named.place if found else None) == expected


@pytest.mark.parametrize(
    "text",
    [
        "A: yes\nB: yes\nC: no\nD: no",
        "A: no\nB: no",
        "| A | copper |\n| B | iron |",
        "Only B?",
        "It may be iron.",
        "We can exclude iron.",
        "This contradicts iron.",
        "The evidence speaks against iron.",
        "That is often confused with iron.",
        "One of the metals is iron.",
        "The question mentions iron.",
        "Many students would say iron.",
        "We should avoid iron.",
        "Compare with iron.",
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
