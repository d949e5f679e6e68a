"""Several GPUs of one machine: `make bench-farm ARGS="PART… --gpus 8 --model … …"`.

``shapes``   a model of 6.9 billion random parameters, its ranks of 1, 2, 4 … GPUs each
``scaling``  the same model, ranks of one GPU, on 1, 2, 4 … GPUs
``even``     answers of one length: the queue and a static contiguous split, in turn
``split``    lengths sorted by size: the queue against a static contiguous split
``large``    one run of the same model on the GPU ``--first``, with nothing in a cache yet
``pairs``    the same model: `generate` and the plain script in turn, on every GPU by itself
``repeat``   the same model with `deterministic: true`, the same samples on two GPUs
``kill``     a rank is killed in the middle; the samples must be those of an undisturbed run
``fill``     another process holds the last GPU's memory at the start; then the run is resumed
``train``    one recipe of 50 steps with ZeRO-3 on all GPUs

OUT/results.json has the results after every step; what the budget has no time for is left out,
and named. ``--rehearse`` runs all but ``repeat``, ``fill`` and ``train`` on the CPU with a tiny
model and two ranks.
"""

from __future__ import annotations

import argparse
import functools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from bench import MAIN, ROOT, absolute, identical, manifest, speed
from farm import Machine

from smallscale_ci.config import folders, load
from smallscale_ci.config.suite import SuiteConfig
from smallscale_ci.run import tables
from smallscale_ci.suite import prompts
from smallscale_ci.suite.local import load_suite
from smallscale_ci.suite.prompts import Prompt

PARTS = ("shapes", "scaling", "even", "split", "large", "pairs", "repeat", "kill", "fill", "train")
TURNS = ("ours", "bare", "bare", "ours", "ours", "bare")  # on every second GPU the other way round
HOG = """
import time, torch
free, _ = torch.cuda.mem_get_info()
held = torch.empty(free - (2 << 30), dtype=torch.uint8, device="cuda")
print("held", flush=True)
time.sleep(600)
"""


def halves(number: int) -> Iterator[int]:
    """``number``, its half, and so on down to one."""
    while number:
        yield number
        number //= 2


def read(suite: Path) -> SuiteConfig:
    """A suite's configuration."""
    return load.load(SuiteConfig, str(suite), folders.default_roots(ROOT))


class Farm(Machine):
    """The parts, on one machine."""

    def shapes(self) -> None:
        """N ranks of one GPU, half as many of two, and so on; in a rehearsal one shape."""
        for ranks in halves(self.gpus):
            if not (self.rehearse and ranks < self.gpus):
                tp = self.gpus // ranks
                epochs = 1 if self.rehearse else max(1, self.gpus // 2)
                self.generate(f"{ranks}-ranks-of-{tp}", self.random_model(), self.equal,
                              self.gpus, tp, epochs=epochs)  # fmt: skip

    def scaling(self) -> None:
        """The same work for each GPU, on fewer and fewer of them."""
        rates: dict[int, float] = {}
        for gpus in halves(self.gpus):
            epochs = 1 if self.rehearse else max(1, gpus // 2)
            step = f"scaling-{gpus}"
            found = self.generate(step, self.random_model(), self.equal, gpus, epochs=epochs)
            if found is not None:
                rates[gpus] = speed(found)["tokens_per_s"]
        if 1 in rates:
            times = {gpus: round(rate / rates[1], 2) for gpus, rate in rates.items()}
            self.bench.add("scaling", times=times)

    def split(self) -> None:
        """Longest first from one queue, and the same rows cut into contiguous parts by length."""
        known = self.generate("lengths", self.bench.model, self.uneven, self.gpus, epochs=2)
        if known is None:
            return
        more = ("--baseline", str(known), "--max-epochs", "2")
        self.generate("longest-first", self.bench.model, self.uneven, self.gpus,
                      epochs=2, more=more)  # fmt: skip
        if self.bench.has_time("static split", 120):
            self.static("static split", self.bench.model, self.uneven, self.by_length(known))

    def even(self) -> None:
        """Where no answer is longer than another, a static split loses nothing."""
        model, epochs = self.random_model(), 1 if self.rehearse else self.gpus
        for turn, kind in enumerate(("ours", "static", "static", "ours")):
            step = f"even-{turn}-{kind}"
            if kind == "ours":
                self.generate(step, model, self.equal, self.gpus, epochs=epochs)
            elif self.bench.has_time(step, 120):
                self.static(step, model, self.equal, self.planned(self.equal, epochs))

    def static(self, step: str, model: str, suite: Path, planned: Sequence[Prompt]) -> None:
        """The plain script on every GPU at once, each with its contiguous part of the prompts."""
        config = read(suite)
        size = -(-len(planned) // self.gpus)
        jobs = [
            self.job(f"{step}-{gpu}", model, config, planned[gpu * size : (gpu + 1) * size])
            for gpu in range(self.gpus)
        ]
        steps = [f"{step}-{gpu}" for gpu in range(self.gpus)]
        with ThreadPoolExecutor(self.gpus) as pool:
            results = list(pool.map(self.bare, range(self.gpus), jobs, steps))
        found = [result for result in results if result is not None]
        if len(found) == self.gpus:
            seconds = [result["seconds"] for result in found]
            tokens = sum(result["tokens"] for result in found)
            self.bench.add("static", step=step, tokens=tokens, seconds=max(seconds),
                           tokens_per_s=round(tokens / max(seconds)),
                           ends_apart_s=round(max(seconds) - min(seconds), 2))  # fmt: skip

    def large(self) -> None:
        """What a first start costs."""
        self.generate("large", self.random_model(), self.equal, 1, first=self.options.first)

    def pairs(self) -> None:
        """Tokens/s of `generate` and of the plain script, neighbours in time, on every GPU."""
        model = self.random_model()
        places = range(1 if self.rehearse else self.gpus)
        self.bench.together([functools.partial(self.turns, gpu, model) for gpu in places])
        for gpu in places:
            rows = [*self.bench.rows.get("runs", []), *self.bench.rows.get("bare", [])]
            rates = {row["step"]: row["tokens_per_s"] for row in rows
                     if row["step"].startswith(f"pair-{gpu}-")}  # fmt: skip
            ours, bare = ([rate for step, rate in rates.items() if step.endswith(kind)]
                          for kind in ("ours", "bare"))  # fmt: skip
            self.bench.add("pairs", gpu=gpu, ours=ours, bare=bare)

    def turns(self, gpu: int, model: str) -> None:
        """The runs of one GPU; the first two runs of ours are compared by their tokens."""
        kinds = TURNS[: 2 if self.rehearse else self.options.turns]
        found: list[Path] = []
        if not self.rehearse:  # the first start on a machine compiles kernels
            few = ("--limit", "64")
            self.generate(f"warm-{gpu}", model, self.equal, 1, need=100, first=gpu, more=few)
        for turn, kind in enumerate(kinds if gpu % 2 == 0 else reversed(kinds)):
            step = f"pair-{gpu}-{turn}-{kind}"
            if kind == "ours":
                run = self.generate(step, model, self.equal, 1, need=75, first=gpu)
                found += [run] if run is not None else []
            elif self.bench.has_time(step, 75):
                result = self.bare(gpu, self.whole_job(step, model, self.equal), step)
                if result is not None:
                    rate = round(result["tokens"] / result["seconds"])
                    self.bench.add("bare", step=step, tokens_per_s=rate, **result)
        if len(found) > 1:
            alike, of = identical(found[0], found[1])
            self.bench.add("identical", step=f"plain, GPU {gpu} twice", alike=alike, of=of)

    def planned(self, suite: Path, epochs: int) -> list[Prompt]:
        """All prompts of a suite, in its order."""
        config = read(suite)
        return list(
            prompts.build(load_suite(config, suite.parent), range(epochs), config.sampling.seed)
        )

    def whole_job(self, name: str, model: str, suite: Path) -> Path:
        """All prompts of a suite for the plain script."""
        return self.job(name, model, read(suite), self.planned(suite, 1))

    def repeat(self) -> None:
        """`deterministic: true` on two GPUs at once: whether tokens agree, and what it costs."""
        if self.rehearse or not self.bench.has_time("repeat", 120):
            return
        model, few = self.random_model(), ("--limit", "512")
        found: dict[int, Path | None] = {}

        def run(gpu: int) -> None:
            found[gpu] = self.generate(f"deterministic-{gpu}", model, self.equal, 1, first=gpu,
                                       more=few, deterministic=True)  # fmt: skip

        places = range(min(2, self.gpus))
        self.bench.together([functools.partial(run, gpu) for gpu in places])
        one, other = found.get(0), found.get(1)
        if one is not None and other is not None:
            alike, of = identical(one, other)
            self.bench.add("identical", step="deterministic, two GPUs", alike=alike, of=of)

    def by_length(self, known: Path) -> list[Prompt]:
        """The prompts of two epochs, those first whose answers were longest in a run."""
        length = {
            (row["problem_id"], row["sample_index"]): row["completion_tokens"]
            for row in tables.rows(known / "generations.parquet", tables.GENERATIONS)
        }
        return sorted(
            self.planned(self.uneven, 2),
            key=lambda prompt: -length[prompt.problem_id, prompt.sample_index],
        )

    def kill(self) -> None:
        """A rank dies when half of the answers are there; the run goes on without losing one."""
        step, model = "killed", self.bench.model
        whole = self.generate("undisturbed", model, self.uneven, self.gpus)
        if whole is None:
            return
        total = manifest(whole)["planned"]
        killer = threading.Thread(target=self.kill_rank, args=(step, total // 2), daemon=True)
        killer.start()
        found = self.generate(step, model, self.uneven, self.gpus)
        if found is not None:
            alike, of = identical(whole, found)
            self.bench.add("kill", planned=total, present=of, alike=alike,
                           warnings=manifest(found)["warnings"])  # fmt: skip

    def kill_rank(self, step: str, after: int) -> None:
        """SIGKILL to the last rank's worker once ``after`` answers are on disk."""
        rank, lines, deadline = str(self.gpus - 1), 0, time.monotonic() + 900
        while time.monotonic() < deadline:
            lines = sum(
                path.read_bytes().count(b"\n")
                for path in (self.bench.out / "runs" / step).glob("*/work/out/*.jsonl")
            )
            if lines >= after:
                break
            time.sleep(0.1)
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = entry.read_bytes().decode(errors="replace").split("\0")
            except OSError:
                continue  # it has ended
            if any(f"/runs/{step}/" in word for word in words) and rank in words:
                os.kill(int(entry.parent.name), signal.SIGKILL)
                self.bench.add("killed", rank=rank, after=lines)
                return

    def fill(self) -> None:
        """The last GPU has no memory left when the engines start; then it has, and all is there."""
        if self.rehearse or not self.bench.has_time("fill", 150):
            return
        step = "filled"
        place = {**os.environ, "CUDA_VISIBLE_DEVICES": self.ids[-1]}
        command = [str(self.options.vllm_python), "-c", HOG]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=place) as hog:
            try:
                held = hog.stdout is not None and "held" in hog.stdout.readline()
                found = self.generate(step, self.bench.model, self.uneven, self.gpus)
            finally:
                hog.kill()
        self.tell(step, found, held=held, said=self.bench.log(step)[-2500:])
        begun = sorted((self.bench.out / "runs" / step).glob("*/config.yaml"))
        if begun and found is None:
            resumed = self.bench.smallscale("filled-resumed", "generate", "--resume",
                                            str(begun[-1].parent), timeout=200)  # fmt: skip
            self.tell("filled-resumed", resumed or begun[-1].parent)

    def tell(self, step: str, run: Path | None, **more: Any) -> None:
        """What a run that was disturbed came to."""
        found = manifest(run) if run is not None and (run / "manifest.json").is_file() else {}
        kept = {key: found.get(key) for key in ("status", "planned", "warnings", "outcomes")}
        self.bench.add("fill", step=step, **kept, **more)

    def train(self) -> None:
        """ZeRO-3 on all GPUs; pairs from samples that are drawn here."""
        if self.options.train_python is None or not self.bench.has_time("train", 200):
            return
        runs = self.generate("sampled", self.bench.model, self.uneven, self.gpus, epochs=8)
        if runs is None:
            return
        pairs = self.bench.out / "pairs"
        for step, *command in (
            ("pairs", "pairs", str(runs), "--out", str(pairs)),
            ("train", "train", self.bench.model, str(pairs), "--recipe", self.options.recipe,
             "--ranks", str(self.gpus), "--train-python", str(self.options.train_python),
             "--out", str(self.bench.out / "trained")),
        ):  # fmt: skip
            began = time.monotonic()
            code = self.bench.call(step, [sys.executable, "-c", MAIN, *command], 300)
            self.bench.add("train", step=step, code=code, seconds=round(time.monotonic() - began),
                           said=self.bench.log(step)[-500:])  # fmt: skip


def main() -> None:
    """Run the parts that are named."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="+", choices=PARTS)
    parser.add_argument("--gpus", type=int, default=8)
    parser.add_argument("--ids", nargs="+", help="GPUs in this order, instead of the first --gpus")
    parser.add_argument("--beside", action="store_true",
                        help="other work is on the GPUs: take little memory")  # fmt: skip
    parser.add_argument("--first", type=int, default=0, help="place of the GPU of `large`")
    parser.add_argument("--turns", type=int, default=len(TURNS), help="runs a GPU of `pairs`")
    parser.add_argument("--out", type=Path, default=Path("runs/bench-farm"))
    parser.add_argument("--model", type=Path, required=True, help="a small checkpoint's folder")
    parser.add_argument("--gsm8k", type=Path, required=True, help="test_gsm8k.parquet")
    parser.add_argument("--vllm-python", type=absolute, required=True)
    parser.add_argument("--train-python", type=absolute)
    parser.add_argument("--recipe", default="lcpo")
    parser.add_argument("--budget", type=float, default=560, help="seconds; later steps give way")
    parser.add_argument("--rehearse", action="store_true")
    options = parser.parse_args()
    if options.rehearse:
        os.environ["VLLM_CPU_KVCACHE_SPACE"] = "1"
    farm = Farm(options)
    for part in options.parts:
        getattr(farm, part)()


if __name__ == "__main__":
    main()
