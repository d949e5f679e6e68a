"""From the command to the verdict on a quick suite, builds in turn: `bench_verdict.py --build …`.

Each build (NAME=FOLDER, a checkout of this repository) first generates its own baseline, which
also warms the engine's caches, and then evaluates the same checkpoint against it, several times in
turn with the others. Seconds of the wall clock, and what each run's manifest says of its parts.

``--first`` measures something else: from the command to the first token on disk, the first build in
turn with the plain script; one problem, one token, the same engine settings without compilation.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from bench import MAIN, ROOT, VERDICTS, Bench, absolute, manifest
from bench_gpu import yaml_arguments

from smallscale_ci.config import folders, load
from smallscale_ci.config.suite import SuiteConfig
from smallscale_ci.suite import prompts
from smallscale_ci.suite.local import load_suite

PROBLEMS, TOKENS = 256, 256
PATIENCE_S = 240


class Verdicts:
    """The builds, on one machine with one model."""

    def __init__(self, bench: Bench, options: argparse.Namespace) -> None:
        self.bench, self.options = bench, options
        self.gpus = len(bench.gpus.split(","))
        limit = 8 if options.rehearse else PROBLEMS
        task = {"from": "gsm8k", "source": str(options.gsm8k.resolve()), "limit": limit}
        sampling = {
            "temperature": 0.6,
            "top_p": 0.95,
            "max_tokens": TOKENS // (32 if options.rehearse else 1),
        }
        self.suite = bench.make("quick", {"name": "quick", "sampling": sampling, "tasks": [task]})
        one, single = {**task, "limit": 1}, {**sampling, "max_tokens": 1}
        self.one = bench.make("one", {"name": "one", "sampling": single, "tasks": [one]})
        # One look, in words that both builds read.
        margins = {"accuracy": 0.06, "tokens": 0.10, "truncation": 0.02}
        self.gate = bench.make("look", {"name": "look", "margins": margins, "max_epochs": 1})
        base, arguments = "vllm", {"max_model_len": 4096}
        if options.rehearse:
            base, arguments = "vllm-cpu", {"max_num_seqs": 8, "max_model_len": 2048}
        self.profile = bench.profile(base, "quick-profile", arguments)
        self.arguments = {**arguments, "enforce_eager": True}
        self.base = base

    def run(self, build: str, folder: Path, step: str, *more: str) -> Path | None:
        """One command of a build, and its row."""
        runs = self.bench.out / "runs" / step
        command = "eval" if "--baseline" in more else "generate"
        given = self.command(folder, step, command, self.suite, self.profile)
        began = time.monotonic()
        code = self.bench.call(step, [*given, *more], PATIENCE_S)
        seconds = round(time.monotonic() - began, 2)
        found = sorted(runs.glob("*/manifest.json"))
        if code not in VERDICTS or not found:
            self.bench.add("failed", step=step, code=code, said=self.bench.log(step)[-2000:])
            return None
        told: dict[str, Any] = manifest(found[-1].parent)
        ranks = [rank.get("load_s") for rank in told["ranks"].values()]
        tokens = told["tokens"]["completion"]
        self.bench.add("runs", build=build, step=step, command=command, gpus=self.gpus,
                       seconds=seconds, code=code,
                       load_s=max(ranks), tokens=tokens, timings=told["timings"])  # fmt: skip
        return found[-1].parent

    def command(
        self, folder: Path, step: str, command: str, suite: Path, profile: Path
    ) -> list[str]:
        """A command of a build."""
        given = ["-s", str(suite), "-p", str(profile), "--runtime", "local", "-q"]
        given += ["--engine-python", str(self.options.vllm_python)]
        given += ["--runs", str(self.bench.out / "runs" / step)]
        if self.bench.gpus:
            given += ["--gpus", self.bench.gpus]
        script = f"import sys; sys.path.insert(0, {str(folder)!r}); {MAIN}"
        return [sys.executable, "-c", script, command, self.bench.model, *given]

    def first(self, folder: Path) -> None:
        """Seconds to the first token: ours, bare, bare, ours, after one start of each."""
        profile = self.bench.profile(self.base, "eager", self.arguments)
        suite = load.load(SuiteConfig, str(self.one), folders.default_roots(ROOT))
        planned = [*prompts.build(load_suite(suite, self.one.parent), range(1), 0)]
        arguments = {**yaml_arguments(self.base), **self.arguments}
        job = self.bench.job("one-job", self.bench.model, arguments, suite.sampling, planned)
        script = [str(self.options.vllm_python), str(ROOT / "benchmarks/bare.py"), str(job)]
        for turn, kind in enumerate(("bare", "ours", "ours", "bare", "bare", "ours")):
            step = f"first-{turn}-{kind}"
            if not self.bench.has_time(step, 45):
                return
            runs = self.bench.out / "runs" / step
            ours = self.command(folder, step, "generate", self.one, profile)
            place = {} if kind == "ours" else {"CUDA_VISIBLE_DEVICES": self.bench.gpus}
            began, said = time.monotonic(), None
            with ThreadPoolExecutor(1) as pool:
                done = pool.submit(self.bench.call, step, ours if kind == "ours" else script,
                                   PATIENCE_S, place)  # fmt: skip
                while said is None and not done.done():
                    told = "RESULT" in self.bench.log(step) if kind == "bare" else any(
                        path.stat().st_size for path in runs.glob("*/work/out/*.jsonl")
                    )  # fmt: skip
                    if told:
                        said = round(time.monotonic() - began, 2)
                    time.sleep(0.05)
            whole = round(time.monotonic() - began, 2)
            self.bench.add("first", step=step, first_s=said, whole_s=whole, code=done.result())

    def all(self) -> None:
        """Baselines, then the builds in turn; their order changes with every turn."""
        builds = [(name, Path(folder).resolve()) for name, _, folder in
                  (build.partition("=") for build in self.options.build)]  # fmt: skip
        known = {name: self.baseline(name, folder) for name, folder in builds}
        for turn in range(self.options.turns):
            for name, folder in builds if turn % 2 == 0 else builds[::-1]:
                step = f"{name}-{self.gpus}-{turn}"
                if known[name] is not None and self.bench.has_time(step, 60):
                    more = ("--baseline", str(known[name]), "-g", str(self.gate))
                    self.run(name, folder, step, *more)
        rows = [row for row in self.bench.rows.get("runs", []) if row["command"] == "eval"]
        means = {
            name: round(statistics.mean(row["seconds"] for row in rows
                                        if (row["build"], row["gpus"]) == (name, self.gpus)), 2)
            for name, _ in builds
            if any((row["build"], row["gpus"]) == (name, self.gpus) for row in rows)
        }  # fmt: skip
        self.bench.add("means", gpus=self.gpus, **means)

    def baseline(self, name: str, folder: Path) -> Path | None:
        """A build's own baseline, of an earlier call or made now."""
        known = sorted((self.bench.out / "runs" / f"{name}-baseline").glob("*/summary.json"))
        return known[-1].parent if known else self.run(name, folder, f"{name}-baseline")


def main() -> None:
    """Measure the builds that are named."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--build", nargs="+", required=True, help="NAME=FOLDER")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--first", action="store_true", help="seconds to the first token")
    parser.add_argument("--out", type=Path, default=Path("runs/bench-verdict"))
    parser.add_argument("--model", required=True)
    parser.add_argument("--gsm8k", type=Path, required=True, help="test_gsm8k.parquet")
    parser.add_argument("--vllm-python", type=absolute, required=True)
    parser.add_argument("--gpus", default="0", help="ids; one rank each")
    parser.add_argument("--budget", type=float, default=560)
    parser.add_argument("--rehearse", action="store_true")
    options = parser.parse_args()
    if options.rehearse:
        os.environ["VLLM_CPU_KVCACHE_SPACE"] = "1"
    model, gpus = str(Path(options.model).resolve()), "" if options.rehearse else options.gpus
    bench = Bench(options.out, model, options.budget, gpus)
    verdicts = Verdicts(bench, options)
    if options.first:
        verdicts.first(Path(options.build[0].partition("=")[2]).resolve())
        return
    verdicts.all()
    print(json.dumps(bench.rows.get("means", []), indent=1))


if __name__ == "__main__":
    main()
