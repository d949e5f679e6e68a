"""Completions that end in a loop, and those that only look like one."""

import random
import time

import pytest

from smallscale_ci.worker.loops import find, loops


def prose(words: int, seed: int = 0) -> str:
    """Text that never repeats itself for long."""
    drawn = random.Random(seed)
    letters = "abcdefghijklmnopqrst"
    made = ("".join(drawn.choices(letters, k=drawn.randint(2, 9))) for _ in range(words))
    return " ".join(made)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        (prose(300) + " Wait, let me check that again." * 60, "Wait, let me check that again."),
        (prose(50) + "".join(f"\nStep {n}: add {3 * n}." for n in range(80)), "Step 79: add 237."),
        (prose(200) + (" " + prose(150, 1)) * 9, None),  # longer than 120 characters
        ("a" * 5000, "aaaaaa"),
        ("\n" * 4000, ""),
        ("让我再想一想。" * 300, "让我再想一想。"),
        ("} " * 400, "}"),
        (prose(100) + " \\boxed{4}" * 200, "\\boxed{4}"),
        ("So x = 1, so x = 2, so x = 3, so x = 4, so x = 5, so x = 6, so x = 7, so x =", None),
    ],
    ids=lambda value: value and value[-20:].strip()[:20],
)
def test_a_loop_is_found_and_quoted_once(text: str, span: str | None) -> None:
    assert loops(text)
    found = find(text)
    assert found is not None
    assert found.times >= 3
    if span is not None:
        assert text[found.start : found.end].strip() == span


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Short.",
        prose(2000),
        prose(300) * 2,  # said twice is not said again and again
        ("Wait, let me check. " * 60) + prose(600),  # it found its way out
        prose(400) + "\n| 1 | 2 |\n| 3 | 4 |\n" + prose(400, 2),
    ],
)
def test_what_is_no_loop(text: str) -> None:
    assert not loops(text)
    assert find(text) is None


def test_time_is_linear_in_the_text() -> None:
    for text in (prose(24_000), prose(1000) + " Wait, let me check that again." * 4000):
        begin = time.process_time()
        loops(text)
        assert time.process_time() - begin < 3.0  # milliseconds; quadratic would be minutes
