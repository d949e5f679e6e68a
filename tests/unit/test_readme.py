"""What the README shows is what the program and the repository have."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def block(heading: str) -> list[str]:
    """The lines of the first code block under ``heading``."""
    after = README.partition(f"\n## {heading}\n")[2]
    return after.split("```\n")[1].splitlines()


def help_of_the_program() -> list[str]:
    environment = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1", "TERM": "dumb"}
    done = subprocess.run(
        [sys.executable, "-m", "smallscale_ci", "--help"],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    return done.stdout.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()


def test_the_commands_are_those_of_help():
    shown = help_of_the_program()
    assert len(shown) > 20
    assert block("Commands") == shown
    assert not [line for line in shown if line.endswith("...")]  # typer cuts what is too long


def tracked() -> list[str]:
    done = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip("not a checkout")
    return done.stdout.splitlines()


def test_the_tree_has_a_line_for_each_folder():
    rooms = {path.split("/")[1] for path in tracked() if re.match(r"smallscale_ci/\w+/", path)}
    tops = {path.split("/")[0] for path in tracked() if "/" in path and not path.startswith(".")}
    named = [line.split("/ ")[0] for line in block("The tree")]
    assert sorted(name.strip() for name in named if name.startswith("  ")) == sorted(rooms)
    assert [name for name in named if not name.startswith(" ")] == sorted(tops)
    assert all(re.search(r"/ +\w", line) and len(line) <= 100 for line in block("The tree"))


def test_the_tree_is_the_last_heading():
    assert re.findall(r"^## (.*)$", README, re.M)[-1] == "The tree"


def test_the_changelog_names_each_change_once():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    starts = re.findall(r"^- (.{1,40})", text, re.M)
    assert sorted(starts) == sorted(set(starts))
    for part in re.split(r"^## ", text, flags=re.M)[1:]:
        headings = re.findall(r"^### .*$", part, re.M)
        assert len(headings) == len(set(headings))
