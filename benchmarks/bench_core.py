"""Start-up of the command line, and a run of 100,000 samples: `make bench`."""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from smallscale_ci.config.folders import default_roots
from smallscale_ci.config.load import load
from smallscale_ci.config.policy import GatePolicy
from smallscale_ci.gate.decide import decide
from smallscale_ci.gate.summary import summarise
from smallscale_ci.ids import file_hash
from smallscale_ci.run import tables
from smallscale_ci.run.folder import RunFolder


def seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


def startup(rounds: int) -> None:
    """Whole processes in turn, so that both see the same machine."""
    python = sys.executable
    ours = [str(Path(python).with_name("smallscale")), "--help"]
    theirs = [python, "-c", "import typer"]
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(rounds + 1)][1:]
    mine, typer = (statistics.median(values) for values in zip(*pairs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    print(f"smallscale --help    {mine:.3f} s (median of {rounds})")
    print(f"import typer         {typer:.3f} s")
    print(f"ratio                {ratio:.2f}   (target: at most 2)")


def stored_run(folder: Path, samples: int, seed: int) -> RunFolder:
    """A run folder of made-up outcomes, with texts, as ``eval`` would leave it."""
    rng = np.random.default_rng(seed)
    problems, epochs = samples // 4, 4
    ids = np.repeat([f"{number:016x}" for number in range(problems)], epochs)
    index = np.tile(np.arange(epochs, dtype=np.int32), problems)
    tokens = rng.lognormal(6, 0.8, samples).astype(np.int32)
    right = rng.random(samples) < np.repeat(rng.beta(1.6, 0.4, problems), epochs)
    folder.mkdir(parents=True)
    run = RunFolder(folder)
    run.manifest.write_text('{"status": "complete"}')
    text = "The answer is 12. " * 20
    generated = pa.table(
        {
            "problem_id": ids,
            "sample_index": index,
            "text": [text] * samples,
            "token_ids": pa.array([[1, 2, 3]] * samples, pa.list_(pa.int32())),
            "prompt_tokens": np.full(samples, 90, np.int32),
            "completion_tokens": tokens,
            "finish_reason": ["STOP"] * samples,
            "rank": np.zeros(samples, np.int32),
            "seconds": np.ones(samples),
            "error": [""] * samples,
        }
    )
    tables.write_table(run.generations, generated, "generations", "")
    judged = pa.table(
        {
            "problem_id": ids,
            "sample_index": index,
            "task": ["math"] * samples,
            "outcome": np.where(right, "CORRECT", "WRONG"),
            "extracted": ["12"] * samples,
            "judge": ["math/1"] * samples,
            "reason": ["equal"] * samples,
            "cluster": [""] * samples,
        }
    )
    tables.write_table(run.judgements, judged, "judgements", file_hash(run.generations))
    return run


def comparison(samples: int) -> None:
    policy = load(GatePolicy, "default", default_roots(Path.cwd()))
    with tempfile.TemporaryDirectory() as scratch:
        ours = stored_run(Path(scratch) / "candidate", samples, 1)
        theirs = stored_run(Path(scratch) / "baseline", samples, 2)
        began = time.perf_counter()
        candidate, baseline = ours.read_samples(), theirs.read_samples()
        loaded = time.perf_counter()
        summarise(candidate)
        summarise(baseline)
        summarised = time.perf_counter()
        verdict = decide(candidate, baseline, policy)
        decided = time.perf_counter()
    print(f"\n{samples:,} samples a side: {verdict.kind}")
    print(f"load                 {loaded - began:.2f} s")
    print(f"summarise            {summarised - loaded:.2f} s")
    print(f"compare              {decided - summarised:.2f} s")
    print(f"together             {decided - began:.2f} s   (target: under 2 at 100,000)")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--samples", type=int, default=100_000)
    options = parser.parse_args()
    startup(options.rounds)
    comparison(options.samples)


if __name__ == "__main__":
    main()
