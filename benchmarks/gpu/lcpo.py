"""Shorter answers by training, on a GPU: LCPO beside other objectives and a mere prompt.

``run``    answers of the model to `smoke-train`, pairs from them, a training for each recipe, and
           parent, candidates and prompts on held-out problems: those of `smoke`, with its prompt
           and with that of `smoke-train` (tasks ``…-mixed``)
``table``  what came out, from the folder of a run: Markdown, and JSON beside it

After every step the runs without their weights are packed into PACKED/runs.tar.gz, so that a
machine that goes away takes little with it. ``--rehearse`` does all of it on a CPU, in miniature.
"""

from __future__ import annotations

import argparse
import json
import sys
import tarfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import yaml
from bench import MAIN, ROOT, Bench, absolute, speed
from lcpo_table import LIMIT, answers, brief, places, table

EPOCHS, SAMPLES, PAIRS = 4, 16, 800
STORED = ROOT / "tests/data/smoke-train"  # answers that are there where none can be sampled
# The authors take problems solved 16 of 16. A small model has few, with answers of one length.
POLICY = ("easy_from=0.5", "per_problem=8", "min_ratio=1.2")
COMMON = 2e-5  # learning rate of the arms that are compared; `shipped` ones keep the recipe's
CONCISE = {
    "": {"system": "You are a helpful assistant. Be concise: answer as briefly as you can."},
    "-asked": {"user": "\nBe concise."},
}
PACKED = (".json", ".jsonl", ".yaml", ".log", ".parquet", ".svg", ".md", ".html")
HEAVY = {"checkpoints", "cache", "model", "work", "report"}


@dataclass(frozen=True)
class Arm:
    """One training: a recipe of ours with a learning rate (``None``: its own)."""

    name: str
    recipe: str
    rate: float | None = COMMON
    deepspeed: str = "none"


# In the order of what matters. ZeRO-3 on one rank is the same training, with more overhead.
ARMS = (
    Arm("lcpo-zero3", "lcpo", deepspeed="zero3"),
    Arm("lcpo", "lcpo"),
    Arm("sft-shortest", "sft-shortest"),
    Arm("dpo", "dpo"),
    Arm("simpo", "simpo"),
    Arm("orpo", "orpo"),
    *(Arm(f"{n}-shipped", n, None) for n in ("lcpo", "dpo", "simpo", "orpo", "sft-shortest")),
)


class Loop:
    """The steps, on one machine with one model."""

    def __init__(self, bench: Bench, options: argparse.Namespace) -> None:
        self.bench, self.options, self.rehearse = bench, options, options.rehearse
        self.lock = threading.Lock()
        self.training = threading.Semaphore(1 if self.rehearse else 6)
        self.serving = threading.Semaphore(1 if self.rehearse else 7)
        self.epochs = 1 if self.rehearse else EPOCHS
        self.held_out = bench.make("held-out", suite("held-out", self._tasks([("", {})])))
        self.concise = bench.make("concise", suite("concise", self._tasks(list(CONCISE.items()))))
        self.profile = self._profile()
        self.folder = bench.out / "candidate"

    def _tasks(self, prompts: list[tuple[str, dict[str, str]]]) -> list[dict[str, Any]]:
        limit = {"limit": 3} if self.rehearse else {}
        tasks = []
        for suffix, change in prompts:
            for origin, kind in (("smoke", ""), ("smoke-train", "-mixed")):
                told = yaml.safe_load((ROOT / f"configs/suites/{origin}.yaml").read_text())
                for task in told["tasks"]:
                    prompt = dict(task["prompt"])
                    prompt["user"] += change.get("user", "")
                    prompt |= {key: text for key, text in change.items() if key != "user"}
                    name = task["name"]
                    source = {"source": f"package:smoke-{name}.parquet"}
                    named = {"name": f"{name}{kind}{suffix}", "judge": task["judge"]}
                    tasks.append({**named, **source, "prompt": prompt, **limit})
        return tasks

    def _profile(self) -> Path:
        if self.rehearse:
            return self.bench.profile("vllm-cpu", "small", {"max_num_seqs": 32})
        arguments = {
            "max_model_len": 2048,
            "max_num_seqs": 512,
            "kv_cache_memory_bytes": 2 << 30,  # fixed: engines may then start side by side
            "gpu_memory_utilization": 0.03,  # what must be free at the start
            "enforce_eager": True,
        }
        return self.bench.profile("vllm", "small", arguments, max_in_flight=576, ranks=1,
                                  ranks_per_gpu=1)  # fmt: skip

    # -- steps -------------------------------------------------------------------------------------

    def run(self) -> None:
        """Everything; the parent and the prompts are evaluated while the candidates train."""
        arms = [arm for arm in ARMS if arm.name in self.options.arms]
        with ThreadPoolExecutor(16) as pool:
            aside: list[Future[Any]] = []
            if not self.rehearse:
                parent = self.bench.model
                aside = [pool.submit(self.evaluate, "parent", parent),
                         pool.submit(self.evaluate, "concise", parent, self.concise)]  # fmt: skip
            pairs = self.pairs(arms[0])
            if pairs is not None:
                aside += [pool.submit(self.arm, arm, pairs) for arm in arms]
            for done in aside:
                done.result()
        if self.rehearse:
            self.evaluate("parent", self.bench.model)
        if pairs is not None:
            self.verdict()
        self.pack()

    def pairs(self, first: Arm) -> Path | None:
        """Sample and make pairs, as the first steps of the loop; the folder of the pairs."""
        recipe = self.recipe(first)
        policy = [f"--set=pairs.{value}" for value in (*POLICY, f"max_pairs={PAIRS}")]
        limits = [*policy, "--samples", str(SAMPLES)]
        given = ["--suite", "smoke-train", "--eval-suite", str(self.held_out), *limits]
        given += [
            "--eval-epochs",
            str(self.epochs),
            "--recipe",
            str(recipe),
            "-p",
            str(self.profile),
        ]
        given += ["--engine-python", str(self.options.vllm_python), *self._trainer()]
        given += ["--train-ranks", "1"]
        stored = ["--sample", str(STORED)]
        tries: list[list[str]] = [stored] if self.rehearse else [[], stored]
        for more in tries:
            command = ["candidate", self.bench.model, *given, *more, "--until", "pairs"]
            code = self.smallscale("pairs", [*command, "--out", str(self.folder)], 130)
            made = self.folder / "pairs"
            if code == 0:
                counts = json.loads((made / "pairs.json").read_text())
                self.add("pairs", **counts["counts"], lengths=counts["lengths"], stored=bool(more))
                return made
            self.add("failed", step="pairs", code=code, said=self.bench.log("pairs")[-2500:])
            self.folder = self.folder.with_name("candidate-stored")
        return None

    def arm(self, arm: Arm, pairs: Path) -> None:
        """Train one candidate and evaluate it."""
        with self.training:
            if not self.bench.has_time(arm.name, 75):
                return
            began = time.monotonic()
            if arm.name == ARMS[0].name:  # the loop's own training
                out = self.folder / "train"
                command = [*self._resume(), "--until", "train"]
            else:
                out = self.bench.out / "trained" / arm.name
                command = [
                    "train",
                    self.bench.model,
                    str(pairs),
                    "--out",
                    str(out),
                    *self._trainer(),
                ]
                command += ["--recipe", str(self.recipe(arm)), "--ranks", "1"]
            code = self.smallscale(f"train-{arm.name}", command, 200)
            if code:
                said = self.bench.log(f"train-{arm.name}")[-1500:] + tail(out / "train.log", 2500)
                self.add("failed", step=arm.name, code=code, said=said)
                return
            told = json.loads((out / "train.json").read_text())
            kept = {key: told.get(key) for key in ("steps", "loss", "tokens", "seconds")}
            self.add("trained", arm=arm.name, wall_s=round(time.monotonic() - began, 1), **kept)
        self.evaluate(arm.name, str(out / "model"))

    def evaluate(self, name: str, model: str, suite: Path | None = None) -> None:
        """Answers to the held-out problems, judged."""
        suite = suite or self.held_out
        with self.serving:
            if not self.bench.has_time(f"evaluate {name}", 40):
                return
            given = ["-s", str(suite), "-p", str(self.profile)]
            given += [
                "--epochs",
                str(self.epochs),
                "--engine-python",
                str(self.options.vllm_python),
            ]
            found = self.bench.smallscale(name, "generate", model, *given, "--runtime", "local",
                                          timeout=self._patience(120))  # fmt: skip
        if found is not None:
            told = brief(answers(found, places(suite)))
            self.add("evaluated", arm=name, run=found.name, **speed(found), **told)
        self.pack()

    def verdict(self) -> None:
        """The end of the loop: parent and candidate once more, through the gate."""
        if not (self.folder / "train/model").is_dir() or not self.bench.has_time("verdict", 70):
            return
        code = self.smallscale("verdict", self._resume(), 110)
        found = self.folder / "verdict/verdict.json"
        told = json.loads(found.read_text()) if found.is_file() else {}
        self.add("verdict", code=code, kind=told.get("kind"), reasons=told.get("reasons"))

    # -- how ---------------------------------------------------------------------------------------

    def recipe(self, arm: Arm) -> Path:
        """The recipe of an arm, for a model that is small."""
        value = yaml.safe_load((ROOT / f"configs/train/{arm.recipe}.yaml").read_text())
        value |= {"name": arm.name, "deepspeed": arm.deepspeed}
        value["micro_batch"] = 8 if arm.deepspeed == "none" else 16  # so that all fit side by side
        value |= {"gradient_checkpointing": False, "save_steps": value["steps"]}
        if arm.rate is not None:
            value["learning_rate"] = arm.rate
        if self.rehearse:
            value |= {"steps": 2, "batch_size": 2, "micro_batch": 2, "save_steps": 2}
        return self.bench.make(arm.name, value)

    def _resume(self) -> list[str]:
        pythons = ["--engine-python", str(self.options.vllm_python)]
        pythons += ["--train-python", str(self.options.train_python)]
        return ["candidate", "--resume", str(self.folder), *pythons]

    def _trainer(self) -> list[str]:
        gpus = ["--gpus", self.bench.gpus] if self.bench.gpus else []
        return ["--runtime", "local", "--train-python", str(self.options.train_python), *gpus]

    def smallscale(self, step: str, arguments: list[str], timeout: float) -> int:
        """Run the command line where no new run folder is looked for; its exit code."""
        return self.bench.call(
            step, [sys.executable, "-c", MAIN, *arguments], self._patience(timeout)
        )

    def _patience(self, seconds: float) -> float:
        return seconds * 9 if self.rehearse else max(1.0, min(seconds, self._left()))

    def _left(self) -> float:
        return self.bench.budget_s - self.bench.elapsed

    def add(self, part: str, **row: Any) -> None:
        """One more result, on disk and packed."""
        with self.lock:
            self.bench.add(part, **row)
        self.pack()

    def pack(self) -> None:
        """Runs, pairs and what training said, without weights."""
        packed = Path(self.options.packed or self.bench.out / "packed")
        packed.mkdir(parents=True, exist_ok=True)
        with self.lock:
            new = packed / "new"
            with tarfile.open(new, "w:gz", compresslevel=3) as archive:
                for path in kept(self.bench.out, packed):
                    archive.add(path, path.relative_to(self.bench.out))
            new.replace(packed / "runs.tar.gz")


def suite(name: str, tasks: list[dict[str, Any]]) -> dict[str, Any]:
    """A suite with the sampling of `smoke`."""
    sampling = {"temperature": 0.6, "top_p": 0.95, "max_tokens": LIMIT}
    return {"name": name, "gate": "smoke", "sampling": sampling, "tasks": tasks}


def kept(folder: Path, but: Path) -> Iterator[Path]:
    """The files of ``folder`` that are worth carrying."""
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder).parts
        if (
            path.suffix in PACKED
            and path.is_file()
            and not HEAVY & {*inside}
            and but not in path.parents
        ):
            yield path


def tail(path: Path, characters: int) -> str:
    """The end of a file that may be there."""
    return path.read_text(errors="replace")[-characters:] if path.is_file() else ""


def main() -> None:
    """Run, or write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    steps = parser.add_subparsers(dest="step", required=True)
    run = steps.add_parser("run")
    run.add_argument("--out", type=Path, default=Path("runs/lcpo"))
    run.add_argument("--model", required=True, help="a checkpoint folder")
    run.add_argument("--vllm-python", type=absolute, required=True)
    run.add_argument("--train-python", type=absolute, required=True)
    run.add_argument("--packed", type=Path, help="where runs.tar.gz goes")
    run.add_argument("--arms", nargs="+", default=[arm.name for arm in ARMS])
    run.add_argument("--budget", type=float, default=3600, help="seconds; later steps give way")
    run.add_argument("--rehearse", action="store_true")
    steps.add_parser("table").add_argument("folder", type=Path)
    options = parser.parse_args()
    if options.step == "table":
        table(options.folder, [arm.name for arm in ARMS], list(CONCISE))
        return
    gpus = "" if options.rehearse else "0"
    bench = Bench(options.out, str(Path(options.model).resolve()), options.budget, gpus)
    Loop(bench, options).run()


if __name__ == "__main__":
    main()
