"""What ``plan`` says of a small model that had a GPU to itself."""

from dataclasses import replace
from pathlib import Path

import pytest

from smallscale_ci.checkpoint.model import Checkpoint
from smallscale_ci.cli.power import idle_gpu
from smallscale_ci.run.manifest import COMPLETE, Engine, Machine, Manifest, SuiteId


@pytest.mark.parametrize(
    ("part", "change", "told"),
    [
        ("checkpoint", {"weights_bytes": 270_000_000}, True),
        ("checkpoint", {"weights_bytes": 15_000_000_000}, False),
        ("checkpoint", {"weights_bytes": 0}, False),  # a baseline of before the size was recorded
        ("machine", {"device": "cpu"}, False),
        ("runtime", {"ranks": 4}, False),
        ("engine", {"name": "sglang"}, False),
    ],
)
def test_a_small_model_alone_on_a_gpu_is_told_of(part, change, told):
    manifest = Manifest(
        run_id="r",
        status=COMPLETE,
        checkpoint=Checkpoint("m", Path("m"), "m", *"abcd", weights_bytes=270_000_000),
        suite=SuiteId("s"),
        profile="p",
        machine=Machine(device="NVIDIA H200"),
        engine=Engine("vllm"),
    )
    altered = replace(manifest, **{part: replace(getattr(manifest, part), **change)})
    assert ("vllm-shared" in idle_gpu(altered)) is told
