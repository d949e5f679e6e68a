"""The manifest of a run whose engine has reported."""

from datetime import UTC, datetime
from pathlib import Path

from smallscale_ci.checkpoint.model import Checkpoint
from smallscale_ci.records import SamplingSpec
from smallscale_ci.run import manifest as provenance
from smallscale_ci.run.manifest import Engine, Manifest, Runtime, SuiteId


def manifest(tmp_path: Path) -> Manifest:
    started = provenance.begin(
        run_id="r",
        now=datetime(2026, 1, 31, tzinfo=UTC),
        checkpoint=Checkpoint("m", Path("/models/m"), "m", "a", "b", "c", "d"),
        suite=SuiteId("s", "h"),
        sampling=SamplingSpec(0.6, 0.95, 0, 0.0, 64, 0, ("END",)),
        judges={"t": "math/1 boxed"},
        engine=Engine("vllm"),
        profile="p",
        runtime=Runtime("local"),
        repository=tmp_path,
    )
    info = {
        "version": "0.31.0",
        "torch": "2.13",
        "device": "cpu",
        "settings": {"dtype": "bfloat16", "max_model_len": 1024, "max_num_seqs": 8},
    }
    return provenance.with_engine(started, info)
