"""Cells that are never built: each way is told apart, and nothing is left running."""

import os
import sys
import time
from pathlib import Path

import pytest

from smallscale_ci.sandbox import cell
from smallscale_ci.sandbox.interface import Limits, SandboxUnavailable


def refused(*prefix: str) -> str:
    with pytest.raises(SandboxUnavailable) as caught:
        cell.run(prefix, "print(1)", b"", Limits(seconds=5), uid=0, built=True)
    return str(caught.value)


def test_what_the_builder_complains_of_is_the_reason() -> None:
    said = "bwrap: setting up uid map: Permission denied"
    assert refused("sh", "-c", f"echo '{said}' >&2; exit 1", "sh") == said
    assert refused("sh", "-c", "exit 0", "sh") == "it did not start in time"
    assert "none/unshare" in refused("/none/unshare")


def test_a_long_complaint_is_shown_by_its_end() -> None:
    found = refused(sys.executable, "-c", "import sys; sys.exit('x' * 9000 + ' the end')")
    assert len(found) <= 2000
    assert found.endswith("the end")


def test_one_that_neither_starts_nor_ends_is_ended_with_all_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cell, "_START_SECONDS", 0.05)
    pids = tmp_path / "pids"
    script = f"sleep 60 & echo $! > {pids}; wait"
    assert refused("sh", "-c", script, "sh") == "it did not start in time"
    until = time.monotonic() + 30
    for child in pids.read_text().split() if pids.exists() else ():  # a busy machine began none
        while runs(Path(f"/proc/{child}/stat")):
            assert time.monotonic() < until
            time.sleep(0.01)


def runs(stat: Path) -> bool:
    """Whether a process is there and not only waited for."""
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_no_descriptor_is_left_open() -> None:
    before = len([*Path("/proc/self/fd").iterdir()])
    for _ in range(3):
        refused("/none/unshare")
        refused("sh", "-c", "exit 1", "sh")
    assert len([*Path("/proc/self/fd").iterdir()]) == before


def test_a_tool_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    cell.need("sh")
    with pytest.raises(SandboxUnavailable, match="the program bwrap-x is not installed"):
        cell.need("sh", "bwrap-x")
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(SandboxUnavailable, match="no namespaces on darwin"):
        cell.need("sh")


def test_programs_of_root_become_somebody_whom_nothing_belongs_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert cell.own_uid() >= 1_000_000
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert cell.own_uid() == 0
