"""Several GPUs of one machine: `make bench-farm ARGS="PART… --gpus 8 --model … …"`.

``shapes``   a model of 6.9 billion random parameters, its ranks of 1, 2, 4 … GPUs each
``scaling``  the same model, ranks of one GPU, on 1, 2, 4 … GPUs
``split``    lengths sorted by size: the queue against a static contiguous split
``kill``     a rank is killed in the middle; the samples must be those of an undisturbed run
``train``    one recipe of 50 steps with ZeRO-3 on all GPUs

OUT/results.json has the results after every step; what the budget has no time for is left out,
and named. ``--rehearse`` runs all but ``train`` on the CPU with a tiny model and two ranks.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from bench import MAIN, ROOT, Bench, identical, manifest, speed
from bench_gpu import yaml_arguments

from smallscale_ci.config import folders, load
from smallscale_ci.config.models import SuiteConfig
from smallscale_ci.run import tables
from smallscale_ci.suite import prompts
from smallscale_ci.suite.local import load_suite

PARTS = ("shapes", "scaling", "split", "kill", "train")
SLOTS = 256  # sequences at once of each rank
EQUAL = 512  # tokens of each answer: random weights never end one


def halves(number: int) -> Iterator[int]:
    """``number``, its half, and so on down to one."""
    while number:
        yield number
        number //= 2


def cpu_s() -> float:
    """Processor seconds of all processes that this one has started and that ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class Farm:
    """The parts, on one machine."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options, self.rehearse = options, options.rehearse
        self.gpus: int = options.gpus
        self.bench = Bench(options.out, str(options.model.resolve()), options.budget, "")
        self.patience = 9 if self.rehearse else 2.5
        self.large = self.bench.out / "made" / "random"
        self.equal = self.suite("equal", 1, 16 if self.rehearse else EQUAL)
        self.uneven = self.suite("uneven", 2, 24 if self.rehearse else 1024)

    def suite(self, name: str, ask: int, max_tokens: int) -> Path:
        """GSM8K's questions, ``ask`` samples a GPU and problem at most."""
        tiny = {"limit": 12} if self.rehearse else {}
        task = {"from": "gsm8k", "source": str(self.options.gsm8k.resolve()), **tiny}
        sampling = {"temperature": 0.6, "top_p": 0.95, "max_tokens": max_tokens, "seed": ask}
        return self.bench.make(name, {"name": name, "sampling": sampling, "tasks": [task]})

    def profile(self, name: str, gpus: int, tp: int) -> Path:
        """Ranks of ``tp`` GPUs each on the first ``gpus`` of the machine."""
        base = "vllm-cpu" if self.rehearse else "vllm"
        arguments = {"max_num_seqs": 16 if self.rehearse else SLOTS}
        if not self.rehearse:
            arguments["max_model_len"] = 4096
        ranks = gpus // tp
        changes = {"ranks": ranks, "max_in_flight": arguments["max_num_seqs"] * 5 // 4}
        if not self.rehearse:
            changes["tensor_parallel"] = tp
        return self.bench.profile(base, name, arguments, **changes)

    def generate(
        self,
        step: str,
        model: str,
        suite: Path,
        gpus: int,
        tp: int = 1,
        *,
        need: float = 120,
        epochs: int = 1,
        more: tuple[str, ...] = (),
    ) -> Path | None:
        """One run, and its row: speed, how far the ranks' ends are apart, CPU of the host."""
        if not self.bench.has_time(step, need):
            return None
        given = ["-s", str(suite), "-p", str(self.profile(step, gpus, tp)), "--runtime", "local"]
        given += ["--epochs", str(epochs), "--engine-python", str(self.options.vllm_python)]
        if not self.rehearse:
            given += ["--gpus", ",".join(map(str, range(gpus)))]
        command = "eval" if "--baseline" in more else "generate"
        before = cpu_s()
        found = self.bench.smallscale(
            step, command, model, *given, *more, timeout=self.patience * need
        )
        if found is not None:
            used = round(cpu_s() - before, 1)  # engines, worker and host together
            self.bench.add("runs", step=step, gpus=gpus, tp=tp, cpu_s=used, **speed(found))
        return found

    def random_model(self) -> str:
        """The large model, made once on this machine."""
        if not (self.large / "config.json").is_file():
            script = ROOT / "benchmarks" / "gpu" / "random_model.py"
            command = [str(self.options.vllm_python), str(script), self.bench.model]
            command += [str(self.large), *(["--tiny"] if self.rehearse else [])]
            code = self.bench.call("random-model", command, 300)
            self.bench.add("made", code=code, said=self.bench.log("random-model")[-200:])
        return str(self.large)

    # -- the parts ---------------------------------------------------------------------------------

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
        if not self.bench.has_time("static split", 120):
            return
        jobs = self.parts_by_length(known)
        results: list[dict[str, Any]] = [{} for _ in jobs]
        threads = [
            threading.Thread(target=self.bare, args=(number, job, results))
            for number, job in enumerate(jobs)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if all(results):
            seconds = [found["seconds"] for found in results]
            tokens = sum(found["tokens"] for found in results)
            self.bench.add("static split", tokens=tokens, seconds=max(seconds),
                           tokens_per_s=round(tokens / max(seconds)),
                           ends_apart_s=round(max(seconds) - min(seconds), 2))  # fmt: skip

    def parts_by_length(self, known: Path) -> list[Path]:
        """Jobs of the plain script: the run's samples sorted by length, in contiguous parts."""
        config = load.load(SuiteConfig, str(self.uneven), folders.default_roots(ROOT))
        suite = load_suite(config, self.uneven.parent)
        length = {
            (row["problem_id"], row["sample_index"]): row["completion_tokens"]
            for row in tables.rows(known / "generations.parquet", tables.GENERATIONS)
        }
        planned = sorted(
            prompts.build(suite, range(2), config.sampling.seed),
            key=lambda prompt: -length[prompt.problem_id, prompt.sample_index],
        )
        base = yaml_arguments("vllm-cpu" if self.rehearse else "vllm")
        size = -(-len(planned) // self.gpus)
        paths = []
        for number in range(self.gpus):
            part = planned[number * size : (number + 1) * size]
            job = {
                "model": self.bench.model,
                "arguments": {**base, "max_num_seqs": 16 if self.rehearse else SLOTS,
                              "max_model_len": 1024 if self.rehearse else 4096},
                "sampling": config.sampling.model_dump(),
                "chats": [prompt.messages for prompt in part],
                "seeds": [prompt.seed for prompt in part],
            }  # fmt: skip
            paths.append(self.bench.out / "made" / f"part-{number}.json")
            paths[-1].write_text(json.dumps(job))
        return paths

    def bare(self, number: int, job: Path, results: list[dict[str, Any]]) -> None:
        """The plain script on GPU ``number``; its result goes to ``results``."""
        command = [str(self.options.vllm_python), str(ROOT / "benchmarks" / "bare.py"), str(job)]
        place = {} if self.rehearse else {"CUDA_VISIBLE_DEVICES": str(number)}
        self.bench.call(f"split-{number}", command, self.patience * 150, place)
        said = self.bench.log(f"split-{number}").splitlines()
        for line in said:
            if line.startswith("RESULT"):
                results[number] = json.loads(line.removeprefix("RESULT"))
        if not results[number]:
            self.bench.add("failed", step=f"split-{number}", said="\n".join(said)[-3000:])

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
    parser.add_argument("--out", type=Path, default=Path("runs/bench-farm"))
    parser.add_argument("--model", type=Path, required=True, help="a small checkpoint's folder")
    parser.add_argument("--gsm8k", type=Path, required=True, help="test_gsm8k.parquet")
    parser.add_argument("--vllm-python", type=Path, required=True)
    parser.add_argument("--train-python", type=Path)
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
