"""What the parts of `bench_farm.py` share: models, suites, profiles, and runs of both kinds."""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import ROOT, Bench, Row, speed
from bench_gpu import yaml_arguments

from smallscale_ci.config.suite import SuiteConfig
from smallscale_ci.suite.prompts import Prompt

SLOTS = 256  # sequences at once of each rank
EQUAL = 512  # tokens of each answer: random weights never end one
WAVES = (
    4 * SLOTS
)  # problems of the suite whose answers are equal: no last wave that is nearly empty


def cpu_s() -> float:
    """Processor seconds of all processes that this one has started and that ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class Machine:
    """A folder of runs on one machine: its models, suites and profiles."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options, self.rehearse = options, options.rehearse
        self.ids: list[str] = options.ids or [str(gpu) for gpu in range(options.gpus)]
        self.gpus = len(self.ids)
        self.bench = Bench(options.out, str(options.model.resolve()), options.budget, "")
        self.patience = 9 if self.rehearse else 2.5
        self.large_model = self.bench.out / "made" / "random"
        self.equal = self.suite("equal", 1, 16 if self.rehearse else EQUAL, WAVES)
        self.uneven = self.suite("uneven", 2, 24 if self.rehearse else 1024)

    def suite(self, name: str, ask: int, max_tokens: int, limit: int | None = None) -> Path:
        """GSM8K's questions, all or the first of them; ``ask`` is the seed."""
        task: Row = {"from": "gsm8k", "source": str(self.options.gsm8k.resolve())}
        if limit or self.rehearse:
            task["limit"] = 12 if self.rehearse else limit
        sampling = {"temperature": 0.6, "top_p": 0.95, "max_tokens": max_tokens, "seed": ask}
        return self.bench.make(name, {"name": name, "sampling": sampling, "tasks": [task]})

    def profile(self, name: str, gpus: int, tp: int, **more: Any) -> Path:
        """Ranks of ``tp`` GPUs each on ``gpus`` GPUs."""
        base = "vllm-cpu" if self.rehearse else "vllm"
        arguments: dict[str, float] = {"max_num_seqs": 16 if self.rehearse else SLOTS}
        if not self.rehearse:
            arguments["max_model_len"] = 4096
        if self.options.beside:  # a fixed cache, and what must be free at the start
            arguments |= {"kv_cache_memory_bytes": 8 << 30, "gpu_memory_utilization": 0.06}
        ranks = gpus // tp
        changes = {"ranks": ranks, "max_in_flight": arguments["max_num_seqs"] * 5 // 4, **more}
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
        first: int = 0,
        more: tuple[str, ...] = (),
        **changes: Any,
    ) -> Path | None:
        """One run, and its row: speed, how far the ranks' ends are apart, CPU of the host.

        On ``gpus`` GPUs from the ``first``; ``changes`` are the profile's.
        """
        if not self.bench.has_time(step, need):
            return None
        profile = self.profile(step, gpus, tp, **changes)
        given = ["-s", str(suite), "-p", str(profile), "--runtime", "local"]
        given += ["--epochs", str(epochs), "--engine-python", str(self.options.vllm_python)]
        if not self.rehearse:
            given += ["--gpus", ",".join(self.ids[first : first + gpus])]
        command = "eval" if "--baseline" in more else "generate"
        before, began = cpu_s(), time.monotonic()
        found = self.bench.smallscale(
            step, command, model, *given, *more, timeout=self.patience * need
        )
        if found is not None:
            used = round(cpu_s() - before, 1)  # engines, worker and host together
            wall = round(time.monotonic() - began, 1)
            self.bench.add("runs", step=step, gpus=gpus, tp=tp, wall_s=wall, cpu_s=used,
                           **speed(found))  # fmt: skip
        return found

    def random_model(self) -> str:
        """The large model, made once on this machine."""
        if not (self.large_model / "config.json").is_file():
            script = ROOT / "benchmarks" / "gpu" / "random_model.py"
            command = [str(self.options.vllm_python), str(script), self.bench.model]
            command += [str(self.large_model), *(["--tiny"] if self.rehearse else [])]
            code = self.bench.call("random-model", command, 300)
            self.bench.add("made", code=code, said=self.bench.log("random-model")[-200:])
        return str(self.large_model)

    def job(self, name: str, model: str, suite: SuiteConfig, planned: Sequence[Prompt]) -> Path:
        """What the plain script reads, with the settings of `generate`."""
        base = yaml_arguments("vllm-cpu" if self.rehearse else "vllm")
        own = {"max_num_seqs": 16 if self.rehearse else SLOTS,
               "max_model_len": 1024 if self.rehearse else 4096}  # fmt: skip
        return self.bench.job(name, model, {**base, **own}, suite.sampling, planned)

    def bare(self, gpu: int, job: Path, step: str) -> Row | None:
        """What the plain script gives on a GPU."""
        command = [str(self.options.vllm_python), str(ROOT / "benchmarks" / "bare.py"), str(job)]
        place = {} if self.rehearse else {"CUDA_VISIBLE_DEVICES": self.ids[gpu]}
        return self.bench.result(step, command, self.patience * 150, place)
