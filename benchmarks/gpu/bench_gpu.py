"""The measurements of docs/benchmarks on a GPU: `make bench-gpu ARGS="…"`.

``throughput``   `generate` with vLLM against the plain script, in turn (ours, bare, bare, ours)
``ranks``        several ranks on the GPU, each number twice; after ``throughput``
``determinism``  the same checkpoint twice with `deterministic: true`, on one rank and on several
``sglang``       the same prompts with SGLang: tokens/s, finish reasons, token rule
``gate``         a baseline of 8 epochs, unchanged and damaged checkpoints, the tests of tests/gpu

OUT/results.json has the results after every step. ``--rehearse`` runs all but SGLang on the CPU,
on a few problems.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from bench import ROOT, Bench, absolute, identical, manifest, speed

from smallscale_ci.config import folders, load
from smallscale_ci.config.suite import SuiteConfig
from smallscale_ci.run import tables
from smallscale_ci.suite import prompts
from smallscale_ci.suite.local import load_suite

GIB = 1 << 30
GATE = {
    "name": "bench",
    "margins": {"accuracy": 0.06, "tokens": 0.10, "truncation": 0.02},
    "max_epochs": 4,
}
NOISE = (0.05, 0.1, 0.2)
RAMBLE = 0.8
SEEDS = (101, 102, 103)  # of the fresh unchanged runs
POOL = 24  # epochs of one more unchanged run, to be taken apart into candidates


class Measurements:
    """The parts, on one machine with one model."""

    def __init__(self, bench: Bench, options: argparse.Namespace) -> None:
        self.bench, self.options, self.rehearse = bench, options, options.rehearse
        self.epochs, self.patience = (1, 9) if self.rehearse else (2, 2.5)
        tiny = {"limit": 12} if self.rehearse else {}
        task = {"from": "gsm8k", "source": str(options.gsm8k.resolve()), **tiny}
        limit = 24 if self.rehearse else 1024
        sampling = {"temperature": 0.6, "top_p": options.top_p, "max_tokens": limit}
        self.suite = bench.make("gsm8k-short", {"name": "gsm8k-short", "sampling": sampling,
                                                "tasks": [task]})  # fmt: skip
        self.gate = bench.make("bench", GATE)

    # -- vLLM --------------------------------------------------------------------------------------

    def arguments(self, slots: int, ranks: int) -> dict[str, Any]:
        """vLLM's engine arguments: a fixed cache for each of ``ranks`` lets them load together."""
        if self.rehearse:
            return {"max_num_seqs": slots}
        return {
            "max_model_len": 4096,  # the profile's 36,864 are more than this model has
            "max_num_seqs": slots,
            "kv_cache_memory_bytes": min(32, 56 // ranks) * GIB,
            "gpu_memory_utilization": 0.05,  # with a fixed cache: what must be free at the start
        }

    def vllm(self, name: str, slots: int, ranks: int, **changes: Any) -> Path:
        """The profile `vllm` with so many ranks on the GPU, each of ``slots`` sequences at once."""
        changes = {"ranks_per_gpu": ranks, "max_in_flight": slots + 64, **changes}
        changes["ranks"] = changes["ranks_per_gpu"]
        more = changes.pop("engine_args", {})
        base = "vllm-cpu" if self.rehearse else "vllm"
        return self.bench.profile(base, name, {**self.arguments(slots, ranks), **more}, **changes)

    def run(
        self, step: str, profile: Path, *more: str, need: float, part: str = "throughput"
    ) -> Path | None:
        """One run of GSM8K, and its row."""
        if not self.bench.has_time(step, need):
            return None
        command = "eval" if "--baseline" in more else "generate"
        python = self.options.sglang_python if part == "sglang" else self.options.vllm_python
        given = ["-s", str(self.suite), "-p", str(profile), "--epochs", str(self.epochs)]
        given += ["--runtime", "local", "--engine-python", str(python)]
        found = self.bench.smallscale(
            step, command, self.bench.model, *given, *more, timeout=self.patience * need
        )
        if found is not None:
            kind = manifest(found)
            self.bench.add(part, step=step, ranks=int(kind["runtime"]["ranks"]), **speed(found))
        return found

    def bare(self, step: str, slots: int, need: float) -> None:
        """The plain script on the same prompts with the same seeds."""
        if not self.bench.has_time(step, need):
            return
        config = load.load(SuiteConfig, str(self.suite), folders.default_roots(ROOT))
        suite = load_suite(config, self.suite.parent)
        planned = list(prompts.build(suite, range(self.epochs), config.sampling.seed))
        base = yaml_arguments("vllm-cpu" if self.rehearse else "vllm")
        arguments = {**base, **self.arguments(slots, 1)}
        path = self.bench.job(step, self.bench.model, arguments, config.sampling, planned)
        found = self.result(step, self.options.vllm_python, ROOT / "benchmarks/bare.py", path, need)
        if found:
            rate = round(found["tokens"] / found["seconds"])
            self.bench.add("throughput", step=step, ranks=1, tokens_per_s=rate, **found)

    def result(
        self, step: str, python: Path, script: Path, *arguments: Path | str | float
    ) -> dict[str, Any] | None:
        """The RESULT of a script in an engine's Python; the last argument is the time it needs."""
        *given, need = arguments
        command = [str(python), str(script), *map(str, given)]
        return self.bench.result(step, command, self.patience * float(need))

    def throughput(self) -> None:
        """One rank against the plain script, in turn; then several ranks on the GPU."""
        slots = 64 if self.rehearse else 1024
        one, asked = self.vllm("vllm-1", slots, 1), self.epochs
        self.epochs = 1
        self.bare("bare-cold", slots, 100)
        self.epochs, first = self.options.epochs, None
        for number, kind in enumerate(["ours", "bare", "bare", "ours"] * self.options.fours):
            if kind == "bare":
                self.bare(f"bare-{number}", slots, 100)
            else:
                first = self.run(f"ours-{number}", one, need=100) or first
        self.ratio()
        self.epochs = asked

    def ranks(self) -> None:
        """Several ranks on the GPU, each number twice; the second time longest first."""
        slots = 64 if self.rehearse else 1024
        known = sorted(self.bench.out.glob("runs/ours-0/*/manifest.json"))
        more = ("--max-epochs", str(self.epochs), "-g", str(self.gate))
        more += ("--baseline", str(known[0].parent)) if known else ()
        for ranks in self.options.ranks:
            path = self.vllm(f"vllm-{ranks}", max(slots // ranks, 128), ranks)
            found = self.run(f"ours-cold-{ranks}-ranks", path, need=75)
            if known:
                self.same(f"ours-cold-{ranks}-ranks", known[0].parent, found)
                self.run(f"ours-warm-{ranks}-ranks-longest-first", path, *more, need=60)

    def ratio(self) -> None:
        """The mean of the runs of one rank against that of the plain script's."""
        rows = [row for row in self.rows("throughput") if row["step"] != "bare-cold"]
        ours, bare = (
            [row["tokens_per_s"] for row in rows if row["step"].startswith(name)]
            for name in ("ours", "bare")
        )
        if ours and bare:
            ratio = statistics.mean(ours) / statistics.mean(bare)
            self.bench.add("ratio", ours=ours, bare=bare, ratio=round(ratio, 3))

    def rows(self, part: str) -> list[dict[str, Any]]:
        return self.bench.rows.get(part, [])

    def same(self, step: str, one: Path | None, other: Path | None) -> None:
        """The share of samples that came out alike."""
        if one is not None and other is not None:
            alike, of = identical(one, other)
            self.bench.add("identical", step=step, alike=alike, of=of)

    def determinism(self) -> None:
        """Plain, then twice with batch-invariant kernels, on one rank and on several."""
        slots, self.epochs = (64, 1) if self.rehearse else (1024, 1)
        most = self.options.ranks[-1] if self.rehearse else 4
        self.run("plain-1", self.vllm("plain-1", slots, 1), need=50, part="determinism")
        one = self.vllm("deterministic-1", slots, 1, deterministic=True)
        first = self.run("deterministic-1", one, need=125, part="determinism")
        if first is None:
            return
        step = f"deterministic-{most}-ranks"
        several = self.vllm(step, max(slots // most, 128), most, deterministic=True)
        more = ("--baseline", str(first), "--max-epochs", str(self.epochs), "-g", str(self.gate))
        again = self.run(step, several, *more, need=65, part="determinism")
        self.same(step, first, again)
        self.verdict(step, again)

    def verdict(self, step: str, run: Path | None) -> None:
        """A row of what the gate said."""
        if run is None or not (run / "verdict.json").is_file():
            return
        value = json.loads((run / "verdict.json").read_text())
        found = manifest(run)
        checks = {
            f"{check['task']} {check['metric']}": [
                round(check["estimate"][key], 4) for key in ("value", "low", "high")
            ]
            for check in value["checks"]
        }
        self.bench.add("verdicts", step=step, kind=value["kind"], epochs=found["epochs"],
                       tokens=found["tokens"]["completion"], reasons=value["reasons"],
                       checks=checks)  # fmt: skip

    # -- SGLang ------------------------------------------------------------------------------------

    def sglang_profile(self, name: str, *, deterministic: bool) -> Path:
        """The profile `sglang`, with kernels that need nothing but Triton and PyTorch."""
        arguments = {
            "context_length": 4096,
            "max_running_requests": 1024,
            "mem_fraction_static": 0.6,
            "attention_backend": "triton",
            "sampling_backend": "pytorch",
            "grammar_backend": "none",
        }
        changes = {"deterministic": deterministic, "max_in_flight": 1024 + 64}
        return self.bench.profile("sglang", name, arguments, **changes)

    def sglang(self) -> None:
        """One epoch deterministic, one plain; the repetition runs beside the gate's runs."""
        self.epochs = 1
        for step, deterministic in (("sglang-deterministic", True), ("sglang-plain", False)):
            path = self.sglang_profile(step, deterministic=deterministic)
            found = self.run(step, path, need=90, part="sglang")
            if found is not None:
                self.count(step, self.options.sglang_python, found)

    def sglang_again(self) -> None:
        """The deterministic run once more, in a new engine and in other company."""
        before = sorted((self.bench.out / "runs/sglang-deterministic").glob("*"))
        if not before or self.options.sglang_python is None:
            return
        self.epochs = 1
        path = self.sglang_profile("sglang-again", deterministic=True)
        more = ("--baseline", str(before[-1]), "--max-epochs", "1", "-g", str(self.gate))
        again = self.run("sglang-again", path, *more, need=120, part="sglang")
        self.same("sglang-again", before[-1], again)
        self.verdict("sglang-again", again)

    def count(self, step: str, python: Path, run: Path) -> None:
        """The token rule, seen from the tokeniser."""
        script, name = ROOT / "benchmarks/gpu/counted.py", f"{step}-counted"
        rows = self.bench.out / "made" / f"{step}.json"
        given = tables.rows(run / "generations.parquet", tables.GENERATIONS)
        rows.write_text(json.dumps(list(given)))
        if found := self.result(name, python, script, self.bench.model, rows, 30):
            self.bench.add("counted", step=step, **found)

    # -- the gate ----------------------------------------------------------------------------------

    def gated(self) -> None:
        """Baseline, then unchanged and damaged checkpoints side by side: nothing here is timed."""
        path = self.vllm("gate", 64 if self.rehearse else 256, 24,
                         **({} if self.rehearse else {"engine_args": {"enforce_eager": True}}),
                         ranks_per_gpu=1)  # fmt: skip
        suite = ["-s", str(self.small_suite()), "-p", str(path), "--runtime", "local"]
        suite += ["--engine-python", str(self.options.vllm_python)]
        damaged = {f"noise-{s}": ("--noise", str(s)) for s in NOISE}
        damaged["ramble"] = ("--ramble", str(RAMBLE))
        if self.rehearse:
            damaged = {"noise-0.2": damaged["noise-0.2"]}
        epochs = "2" if self.rehearse else "8"
        tool, baseline = ROOT / "tests/tools/damage.py", []

        def make(name: str) -> None:
            target = self.bench.out / "made" / name
            command = [str(self.options.vllm_python), str(tool), str(target)]
            self.bench.call(name, [*command, "--source", self.bench.model, *damaged[name]], 400)

        def record() -> None:
            found = self.bench.smallscale(
                "baseline",
                "generate",
                self.bench.model,
                *suite,
                "--epochs",
                epochs,
                timeout=150 * self.patience,
            )
            baseline.extend([found] if found else [])

        self.bench.together([record, *(partial(make, name) for name in damaged)])
        if not baseline:
            return

        def judged(step: str, model: str, seed: int) -> None:
            more = ("--baseline", str(baseline[0]), "-g", str(self.gate), "--seed", str(seed))
            found = self.bench.smallscale(
                step, "eval", model, *suite, *more, timeout=150 * self.patience
            )
            self.verdict(step, found)

        candidates = [(f"unchanged-{seed}", self.bench.model, seed) for seed in SEEDS]
        made = self.bench.out / "made"
        candidates += [(name, str(made / name), 200 + at) for at, name in enumerate(damaged)]
        pool = ("--epochs", "2" if self.rehearse else str(POOL), "--seed", "999")
        steps = [partial(judged, *each) for each in candidates]
        steps += [partial(self.bench.smallscale, "pool", "generate", self.bench.model, *suite,
                          *pool, timeout=150 * self.patience)]  # fmt: skip
        if self.rehearse:  # a laptop holds one engine
            for step in (steps[0], steps[3]):
                step()
        else:
            self.bench.together([*steps, self.sglang_again, self.tests])

    def small_suite(self) -> Path | str:
        """The suite `smoke`, or a few of its problems."""
        if not self.rehearse:
            return "smoke"
        tasks = [{"from": f"smoke/{name}", "limit": 10} for name in ("math", "mcq")]
        sampling = {"temperature": 0.6, "top_p": 0.95, "max_tokens": 64}
        return self.bench.make("few", {"name": "few", "sampling": sampling, "tasks": tasks})

    def tests(self) -> None:
        """`make test-gpu`, for each engine in the Python that has it."""
        for engine in ("vllm", "sglang"):
            python = getattr(self.options, f"{engine}_python")
            if python is None:
                continue
            found = {"SMALLSCALE_MODEL": self.bench.model, "SMALLSCALE_ENGINE_PYTHON": str(python)}
            command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "-k", engine]
            self.bench.call(f"tests-{engine}", [*command, str(ROOT / "tests/gpu")], 300, found)
            said = self.bench.log(f"tests-{engine}").splitlines()
            self.bench.add("tests", engine=engine, said="\n".join(said[-4:]))


def yaml_arguments(profile: str) -> dict[str, Any]:
    """The engine arguments of one of our profiles."""
    import yaml

    value = yaml.safe_load((ROOT / "configs" / "engines" / f"{profile}.yaml").read_text())
    return dict(value["engine_args"])


def main() -> None:
    """Run the parts that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "parts", nargs="+", choices=["throughput", "ranks", "determinism", "sglang", "gate"]
    )
    parser.add_argument("--out", type=Path, default=Path("runs/bench-gpu"))
    parser.add_argument("--model", required=True, help="a checkpoint folder")
    parser.add_argument("--gsm8k", type=Path, required=True, help="test_gsm8k.parquet")
    parser.add_argument("--vllm-python", type=absolute, required=True)
    parser.add_argument("--sglang-python", type=absolute)
    parser.add_argument("--fours", type=int, default=1, help="times ours, bare, bare, ours")
    parser.add_argument("--epochs", type=int, default=3, help="samples a problem in these runs")
    parser.add_argument("--top-p", type=float, default=0.95)
    parser.add_argument("--ranks", type=int, nargs="+", default=[4, 8])
    parser.add_argument("--budget", type=float, default=3600, help="seconds; later steps give way")
    parser.add_argument("--rehearse", action="store_true")
    options = parser.parse_args()
    if options.rehearse:
        os.environ["VLLM_CPU_KVCACHE_SPACE"] = "1"
    gpus = "" if options.rehearse else "0"
    bench = Bench(options.out, str(Path(options.model).resolve()), options.budget, gpus)
    measurements = Measurements(bench, options)
    for part in options.parts:
        getattr(measurements, {"gate": "gated"}.get(part, part))()


if __name__ == "__main__":
    main()
