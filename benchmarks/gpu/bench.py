"""What the parts of `bench_gpu.py` share: profiles and suites made from ours, runs, results."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import yaml

if TYPE_CHECKING:
    from smallscale_ci.config.suite import SamplingConfig
    from smallscale_ci.suite.prompts import Prompt

ROOT = Path(__file__).resolve().parents[2]
MAIN = "from smallscale_ci.cli.main import main; main()"
VERDICTS = {0, 1, 4, 5}  # exit codes of a run that came to an end
SHOWN = 1200  # characters of a row that are printed
Row = dict[str, Any]


def absolute(path: str) -> Path:
    """An interpreter's path from any folder; its links are what makes it an environment's."""
    return Path(path).absolute()


@dataclass
class Bench:
    """A folder of runs, and the rows that they gave."""

    out: Path
    model: str
    budget_s: float
    gpus: str = "0"
    rows: dict[str, list[Row]] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)
    lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self.out = self.out.resolve()
        for name in ("made", "runs", "logs"):
            (self.out / name).mkdir(parents=True, exist_ok=True)
        known = self.out / "results.json"  # parts may come in several calls
        self.rows = json.loads(known.read_text())["rows"] if known.is_file() else {}

    # -- what is made for the runs -----------------------------------------------------------------

    def profile(self, base: str, name: str, arguments: Mapping[str, Any], **changes: Any) -> Path:
        """A copy of one of our profiles with other engine arguments (``None`` takes one out)."""
        value = yaml.safe_load((ROOT / "configs" / "engines" / f"{base}.yaml").read_text())
        merged = {**value.get("engine_args", {}), **arguments}
        kept = {key: item for key, item in merged.items() if item is not None}
        return self.make(name, {**value, "name": base, "engine_args": kept, **changes})

    def make(self, name: str, value: Mapping[str, Any]) -> Path:
        """A configuration file."""
        path = self.out / "made" / f"{name}.yaml"
        path.write_text(yaml.safe_dump(dict(value), sort_keys=False))
        return path

    # -- runs --------------------------------------------------------------------------------------

    def smallscale(self, step: str, *arguments: str, timeout: float) -> Path | None:
        """Run the command line; the run folder that it made, or ``None`` where it failed."""
        runs = self.out / "runs" / step
        command = [sys.executable, "-c", MAIN, *arguments, "--runs", str(runs), "-q"]
        if self.gpus:
            command += ["--gpus", self.gpus]
        code = self.call(step, command, timeout)
        found = sorted(runs.glob("*/manifest.json"))
        if code not in VERDICTS or not found:
            self.add("failed", step=step, code=code, said=self._tail(step))
            return None
        return found[-1].parent

    def call(
        self,
        step: str,
        command: Sequence[str],
        timeout: float,
        more: Mapping[str, str] = MappingProxyType({}),
    ) -> int:
        """Run ``command`` with its output in a log; its exit code, 124 after ``timeout`` s."""
        modules = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        places = {"PYTHONPATH": modules, "SMALLSCALE_CACHE": str(self.out / "cache")}
        environment = {**os.environ, **places, **more}
        with (self.out / "logs" / f"{step}.log").open("ab") as log:
            process = subprocess.Popen(
                command, cwd=self.out, env=environment, stdout=log, stderr=subprocess.STDOUT
            )
            try:
                return process.wait(timeout)
            except subprocess.TimeoutExpired:
                process.terminate()  # smallscale ends its engines
                try:
                    process.wait(15)
                except subprocess.TimeoutExpired:
                    process.kill()
                return 124

    def result(
        self,
        step: str,
        command: Sequence[str],
        timeout: float,
        more: Mapping[str, str] = MappingProxyType({}),
    ) -> Row | None:
        """The last RESULT that a script printed; a row of failure where there is none."""
        code = self.call(step, command, timeout, more)
        lines = [line for line in self.log(step).splitlines() if line.startswith("RESULT")]
        if code or not lines:
            self.add("failed", step=step, code=code, said=self.log(step)[-3000:])
            return None
        return dict(json.loads(lines[-1].removeprefix("RESULT")))

    def job(
        self,
        name: str,
        model: str,
        arguments: Mapping[str, Any],
        sampling: SamplingConfig,
        planned: Sequence[Prompt],
    ) -> Path:
        """The file that the plain script, `bare.py`, reads."""
        job = {
            "model": model,
            "arguments": dict(arguments),
            "sampling": sampling.model_dump(),
            "chats": [prompt.messages for prompt in planned],
            "seeds": [prompt.seed for prompt in planned],
        }
        path = self.out / "made" / f"{name}.json"
        path.write_text(json.dumps(job))
        return path

    def log(self, step: str) -> str:
        """What a step printed."""
        path = self.out / "logs" / f"{step}.log"
        return path.read_text(errors="replace") if path.is_file() else ""

    def _tail(self, step: str) -> str:
        engine = sorted((self.out / "runs" / step).glob("*/work/log/0.log"))
        text = self.log(step) + (engine[-1].read_text(errors="replace") if engine else "")
        return text[-3000:]

    # -- steps and results -------------------------------------------------------------------------

    @property
    def elapsed(self) -> float:
        """Seconds since this call began."""
        return time.monotonic() - self.began

    def has_time(self, step: str, seconds: float) -> bool:
        """Whether the budget leaves ``seconds``; a step that is left out is told."""
        if self.elapsed + seconds <= self.budget_s:
            return True
        self.add("left out", step=step, needs_s=seconds)
        return False

    def add(self, part: str, **row: Any) -> None:
        """One more row of a table, on disk at once."""
        told = json.dumps(row, default=str)
        with self.lock:  # steps may run side by side
            self.rows.setdefault(part, []).append(row)
            # the file has it all
            print(f"[{self.elapsed:4.0f} s] {part}: {told[:SHOWN]}", flush=True)
            value = {"rows": self.rows}
            (self.out / "results.json").write_text(json.dumps(value, indent=1, default=str))

    def together(self, steps: Sequence[Callable[[], object]]) -> None:
        """Run steps side by side: where nothing is timed."""
        with ThreadPoolExecutor(len(steps)) as pool:
            for done in [pool.submit(step) for step in steps]:
                done.result()


def manifest(run: Path) -> Row:
    """The manifest of a run."""
    return dict(json.loads((run / "manifest.json").read_text()))


def speed(run: Path) -> Row:
    """What a run's manifest says of its speed; ``ends_apart_s`` between its ranks."""
    found = manifest(run)
    timings, ranks = found["timings"], found["ranks"].values()
    waits = [rank["waiting_s"] for rank in ranks]
    return {
        "tokens": found["tokens"]["completion"],
        "seconds": timings["generate_s"],
        "tokens_per_s": round(timings["tokens_per_s"]),
        "ranks_sum": round(sum(rank["tokens_per_s"] for rank in ranks)),
        "busy_share": timings["busy_share"],
        "ends_apart_s": round(max(waits) - min(waits), 2),
        "load_s": round(max(rank["load_s"] for rank in ranks), 1),
        "gpu_s": timings["gpu_s"],
    }


def identical(one: Path, other: Path) -> tuple[int, int]:
    """How many samples that both runs have came out with the same tokens, and of how many."""
    keys = ["problem_id", "sample_index", "token_ids"]
    tables = [pq.read_table(run / "generations.parquet", columns=keys) for run in (one, other)]
    first, second = (
        {(row["problem_id"], row["sample_index"]): row["token_ids"] for row in table.to_pylist()}
        for table in tables
    )
    shared = first.keys() & second.keys()
    return sum(first[key] == second[key] for key in shared), len(shared)
