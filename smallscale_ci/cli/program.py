"""How this program was started: the first word of every command in a remedy."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from functools import cache
from pathlib import Path


@cache
def program() -> str:
    """What to type to start this program again from the current folder.

    ``smallscale`` if a shell finds this very program by that name, else its path, else the
    interpreter with ``-m smallscale_ci``.
    """
    python = Path(sys.executable)
    script = python.with_name("smallscale")
    started_as_module = Path(sys.argv[0]).parts[-2:] == ("smallscale_ci", "__main__.py")
    if not script.is_file() or started_as_module:
        return f"{_typed(python, 'python')} -m smallscale_ci"
    return _typed(script, "smallscale")


def runnable(text: str) -> str:
    """``text`` with every smallscale command in a form that can be pasted here."""
    word = program()
    return text if word == "smallscale" else _command().sub(lambda _: word, text)


def _typed(file: Path, name: str) -> str:
    found = shutil.which(name)
    if found and Path(found).resolve().parent == file.parent.resolve():
        return name
    if file.parent == Path.cwd():
        return f"./{shlex.quote(file.name)}"  # a shell looks for a bare name elsewhere
    if file.is_relative_to(Path.cwd()):
        return shlex.quote(str(file.relative_to(Path.cwd())))
    return shlex.quote(str(file))


@cache
def _command() -> re.Pattern[str]:
    """Matches ``smallscale`` before one of its commands, but not the name in a sentence."""
    from smallscale_ci.cli.main import app

    names = [command.name for command in app.registered_commands]
    names += [group.name for group in app.registered_groups]
    words = "|".join(re.escape(str(name)) for name in names)
    return re.compile(rf"(?<![\w./-])smallscale(?= (?:{words})\b)")
