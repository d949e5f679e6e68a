"""Every command that a message, a docstring or a page names exists, with the options named."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from smallscale_ci.cli.main import app

ROOT = Path(__file__).resolve().parents[3]
SOURCES = sorted(ROOT.glob("smallscale_ci/**/*.py"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/**/*.md"))]
_MAIN = typer.main.get_command(app)


def texts(source: Path) -> Iterator[str]:
    """The strings of a module; what an f-string fills in is ``X``."""
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            yield "".join(
                part.value if isinstance(part, ast.Constant) else "X" for part in node.values
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def named(text: str) -> Iterator[tuple[str, list[str]]]:
    """Commands in ``text`` with their words, up to the end of the line, quote or sentence."""
    names = "|".join(_MAIN.commands)
    for found in re.finditer(rf"(?<![\w./-])smallscale ((?:{names})\b[^\n`|#;…\"]*)", text):
        line = re.split(r"\\$|,? or | and |, |[.:)](?: |$)| (?:is|shows?|sets?|names?) ", found[1])
        yield found[0], line[0].split()


def wrong(text: str) -> list[str]:
    """What is wrong with the commands that ``text`` names."""
    problems = []
    for shown, words in named(text):
        command = _MAIN.commands[words.pop(0)]
        if hasattr(command, "commands"):
            if words[:1] in ([], ["X"]):
                continue  # the name of a group, or one of its commands is filled in
            if words[0] not in command.commands:
                problems.append(shown)
                continue
            command = command.commands[words.pop(0)]
        known = {name for parameter in command.params for name in parameter.opts}
        known |= {name for parameter in command.params for name in parameter.secondary_opts}
        given = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
        problems += [f"{shown}: {name}" for name in given - known - {"--help", "-h"}]
    return problems


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_of_pages(page):
    assert wrong(page.read_text(encoding="utf-8")) == []


def test_commands_of_messages():
    found = [(source.name, text) for source in SOURCES for text in texts(source)]
    assert sum(1 for _, text in found for _ in named(text)) > 60
    problems = [(name, problem) for name, text in found for problem in wrong(text)]
    assert problems == []


def test_a_wrong_one_is_found():
    assert wrong("Run `smallscale judge X --nope`, then smallscale image fly.") == [
        "smallscale judge X --nope: --nope",
        "smallscale image fly.",
    ]
