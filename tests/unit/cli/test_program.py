"""How this program was started: the first word of every command in a remedy."""

import sys

import pytest

from smallscale_ci.cli import program
from smallscale_ci.cli.main import app

COMMANDS = [
    *(command.name for command in app.registered_commands),
    *(group.name for group in app.registered_groups),
]


@pytest.fixture
def started(tmp_path, monkeypatch):
    """Starts the program as one of the ways in which it can be; returns its first word."""

    def start(how):
        bin_ = tmp_path / "venv" / "bin"
        bin_.mkdir(parents=True)
        for name in ("python", "smallscale"):
            (bin_ / name).write_text("")
            (bin_ / name).chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(bin_ / "python"))
        module = "/x/smallscale_ci/__main__.py"
        monkeypatch.setattr(sys, "argv", [module if how == "module" else str(bin_ / "smallscale")])
        monkeypatch.setenv("PATH", str(bin_) if how == "found" else "/nowhere")
        (tmp_path / "other").mkdir()
        where = {"below": tmp_path, "beside": bin_}
        monkeypatch.chdir(where.get(how, tmp_path / "other"))
        return program.program.__wrapped__()

    return start


@pytest.mark.parametrize(
    ("how", "word"),
    [
        ("found", "smallscale"),
        ("below", "venv/bin/smallscale"),
        ("beside", "./smallscale"),
        ("elsewhere", "{}/venv/bin/smallscale"),
        ("module", "{}/venv/bin/python -m smallscale_ci"),
    ],
)
def test_it_is_what_a_shell_would_find_here(started, tmp_path, how, word):
    assert started(how) == word.format(tmp_path)


def test_only_commands_are_made_runnable(monkeypatch):
    monkeypatch.setattr(program, "program", lambda: "./ss")
    for name in COMMANDS:
        assert program.runnable(f"Run `smallscale {name} x`.") == f"Run `./ss {name} x`."
    for text in (
        "smallscale is pinned.",
        "my-smallscale eval x",
        "/opt/smallscale eval x",
        "smallscale evaluates",
        "smallscale-ci eval",
    ):
        assert program.runnable(text) == text
