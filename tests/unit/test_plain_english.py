"""English that readers trip over stays out of messages, help, docstrings and docs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLACES = ("smallscale_ci", "docs", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "configs")
SUFFIXES = {".py", ".md", ".yaml", ".html", ".js"}

# What is not to be written, and what to write instead.
PATTERNS = {
    r"\banew\b": "again",
    r"\bbegun\b": "started",
    r"\bby lot\b": "at random",
    r"\bcannot be had\b": "cannot be downloaded",
    r"\bfor ever\b(?! [a-z])": "forever",
    r"\bfor want of\b": "because there was no",
    r"\bgo(es|ing|ne)? on with (it|--|the (training|run|unfinished))": "resume, continue",
    r"\bin a way it should not\b": "internal error",
    r"\bimage of ours: it\b": "an upstream image",
    r"(?<!here )\bis no (folder|text|JSON|valid|number|answer|list)\b": "is not a",
    r"\b[Mm]ake room\b": "free disk space",
    r"\b[Mm]end the\b": "repair",
    r"\bshall (judge|end)\b": "an LLM judge",
    r"\b1 (epochs|margins|samples|problems)\b": "the singular",
    r"(?<![/%]) \d[\d.,]* %(?=[ ,.;:)\]|`]|$)(?! ?\d)": "59.0%",
    r"[fg]\} %(?![(\d])": "{value:.1f}%",
    r"\d pt\b": "pp",
    r"\b[Nn]obody (was|is) chosen by\b": "played no part in the choice",
    r"``None`` where\b": "``None`` if",
    r"\bRaises? ``\w+`` where\b": "Raises … if",
    r"\bempty where (it|there)\b": "empty if",
    r"\bwithout a word\b": "silently",
    r"\bbyte by byte\b": "byte for byte",
    r"\bgo(es|ing)? on (from|where)\b": "continue, resume",
    r"\bwhat takes (long|minutes|seconds)\b": "slow steps",
    r"\b(is|are|was|were) told (with|as)\b": "is reported with, as",
    r"\boutside of (a|the|its|GitHub)\b": "outside",
}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_nothing_reads_as_translated(pattern: str) -> None:
    wrong = re.compile(pattern)
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for place in PLACES
        for path in ((ROOT / place).rglob("*") if (ROOT / place).is_dir() else [ROOT / place])
        if path.suffix in SUFFIXES
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if wrong.search(line)
    ]
    assert not found, f"write {PATTERNS[pattern]!r} in\n" + "\n".join(found)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "judged anew",
            "at 59.0 % of",
            "{100 * x:.1f} % of",
            "12 pt",
            "1 epochs",
            "x is no folder.",
        ),
        *("``None`` where it is not known", "Raises ``DataError`` where it is damaged."),
        *(
            "samples that nobody was chosen by",
            "the step to go on from",
            "they are cut without a word",
            "a setting is told with these numbers",
        ),
    ],
)
def test_the_patterns_find_what_they_name(text: str) -> None:
    assert any(re.search(pattern, f"x {text}") for pattern in PATTERNS)
