"""Half the tokens at equal accuracy? A reasoner that thinks too long is made, and pruned.

``make``   problems, suites and worked solutions, into OUT/made
``sft``    the default model (or any other) learns to think on them: the parent
``loop``   `parents` and `pairs` side by side, then the grid
``pairs``  16 answers to each training problem, and pairs of the shortest and the longest
``grid``   every objective at each of its learning rates, evaluated beside the parent
``seeds``  the best rate of each objective with two more training seeds, and the verdict of LCPO's
``table``  what came out, as Markdown and JSON

Each step skips what OUT holds already; `all` runs them in turn. ``--rehearse`` is for a CPU.
"""

from __future__ import annotations

import argparse
import json
import sys
import tarfile
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "gpu"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import lesson
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from bench import MAIN, ROOT, Bench
from measure import measured, table
from problems import ASK, DIRECT, KINDS, UNSEEN, Task, draw
from sizes import AUTHORS, CONCISE, GRAPHS, GRID, LIMIT, LOSS, SEEDS, SMALL, Size


class Reasoner:
    """All steps, in one folder."""

    def __init__(self, bench: Bench, options: argparse.Namespace) -> None:
        self.bench, self.options = bench, options
        self.small: bool = options.rehearse
        self.size = SMALL if self.small else Size()
        self.made = bench.out / "made"
        self.parent = bench.out / "sft" / "model"
        self.pairs_folder = bench.out / "candidate" / "pairs"
        self.lock = threading.Lock()
        self.slots = threading.Semaphore(self.size.side_by_side)

    # -- make --------------------------------------------------------------------------------------

    def make(self) -> None:
        """Problems of which none is in two places, and what the parent learns from."""
        size, known = self.size, set[tuple[str, ...]]()
        gated = draw(KINDS, size.gated, 1, known)
        held_out = gated[: size.held_out]
        unseen = draw(UNSEEN, size.unseen, 2, known)
        train = draw(KINDS, size.train, 3, known)
        taught = draw(KINDS, size.taught, 4, known, again=True)
        self._suite("train", {"seen": (train, ASK, None)})
        self._suite("held-out", {"seen": (held_out, ASK, None), "unseen": (unseen, ASK, None)})
        self._suite("gated", {"seen": (gated, ASK, None)})
        few = held_out[: size.direct]
        self._suite("direct", {"direct": (few, DIRECT, None)})
        self._suite("concise", {"concise": (few, ASK, CONCISE)})
        steps = {task.question: (task.kind, *task.steps) for task in (*gated, *unseen, *train)}
        (self.made / "steps.json").write_text(json.dumps(steps))
        lesson.write(self.made / "lesson", taught, size.brief)

    def _suite(self, name: str, tasks: dict[str, tuple[list[Task], str, str | None]]) -> None:
        told = []
        for task, (problems, ask, system) in tasks.items():
            rows = [{"question": p.question, "gold": str(p.answer)} for p in problems]
            pq.write_table(pa.Table.from_pylist(rows), self.made / f"{name}-{task}.parquet")
            prompt = {"user": f"{{question}}{ask}"}
            value: dict[str, Any] = {"name": task, "source": f"{name}-{task}.parquet"}
            value["prompt"] = prompt | ({"system": system} if system else {})
            told.append({**value, "judge": {"name": "math", "extract": ["boxed"]}})
        sampling = {"temperature": 0.6, "top_p": 0.95, "max_tokens": LIMIT}
        self.bench.make(
            name, {"name": name, "gate": "default", "sampling": sampling, "tasks": told}
        )

    # -- the parent --------------------------------------------------------------------------------

    def sft(self) -> None:
        """Supervised training, and what the parent does with and without thinking."""
        size = self.size
        changes = {
            "learning_rate": 5e-4,
            "epochs": size.sft_epochs,
            "steps": None,
            "batch_size": size.sft_batch,
            "micro_batch": size.sft_micro,
            "warmup": 0.05,
            "cutoff_len": 1280,  # packing needs a multiple of 8
            "save_steps": 100_000,
            "extra": {
                # Lengths differ tenfold: most of a batch would be padding. `packing` alone would
                # restart positions at each example while attention still crosses them.
                "neat_packing": True,
                "disable_shuffling": True,  # brief solutions first
                "preprocessing_num_workers": 2 if self.small else 12,
                "dataloader_num_workers": 1 if self.small else 4,
            },
        }
        recipe = self._recipe("sft", "sft-shortest", changes)
        if not (self.parent / "config.json").exists():
            self._train(
                "sft", self.bench.model, self.made / "lesson", recipe, self.bench.out / "sft"
            )

    def parents(self) -> None:
        """The parent with and without thinking, and asked to be brief."""
        self._together([
            lambda: self.evaluate("parent", self.parent, "held-out", 2 * self.size.epochs),
            lambda: self.evaluate("parent-direct", self.parent, "direct"),
            lambda: self.evaluate("parent-concise", self.parent, "concise"),
        ])  # fmt: skip

    def pairs(self) -> None:
        """The first two steps of the loop: answers, and pairs from those solved every time."""
        if (self.pairs_folder / "pairs.json").exists():
            return
        recipe = self._recipe("pairs", "lcpo", self._budget(AUTHORS, 42) | {"deepspeed": "zero3"})
        given = ["--suite", str(self.made / "train.yaml"), "--samples", str(self.size.samples)]
        given += ["--eval-suite", str(self.made / "held-out.yaml"), "--until", "pairs"]
        code = self.candidate("pairs", recipe, given, self.bench.out / "candidate", 400)
        if code:
            self.bench.add("failed", step="pairs", code=code, said=self.bench.log("pairs")[-3000:])
            return
        record = json.loads((self.pairs_folder / "pairs.json").read_text())
        self.bench.add("pairs", **record["counts"], lengths=record["lengths"])

    # -- candidates --------------------------------------------------------------------------------

    def grid(self) -> None:
        """Every objective at every rate."""
        arms = [(name, rate, 42) for name, rates in GRID.items() for rate in rates]
        arms.sort(key=lambda arm: GRID[arm[0]].index(arm[1]) != 1)  # the middle ones first
        self.train_arms(self.options.arms or arms)

    def seeds(self) -> None:
        """The best rate of each objective again, beside the verdict on LCPO's candidates."""
        best = self.best()
        arms = [(name, best[name], seed) for seed in SEEDS for name in GRID if name in best]
        self._together([self.verdict, lambda: self.train_arms(self.options.arms or arms)])

    def train_arms(self, arms: Sequence[tuple[str, float, int]]) -> None:
        """Some candidates, several at a time."""
        self._together([lambda arm=arm: self.arm(*arm) for arm in arms])

    def best(self) -> dict[str, float]:
        """Objective → rate, on the problems of the kinds that were trained."""
        parent = self._row("parent")
        if parent is None:
            return {}
        chosen: dict[str, tuple[bool, float, float]] = {}
        for name, rates in GRID.items():
            for rate in rates:
                row = self._row(f"{name}-{rate:g}-42")
                if row is None:
                    continue
                seen, before = row["tasks"]["seen"], parent["tasks"]["seen"]
                loses = seen["accuracy"] < before["accuracy"] - LOSS
                value = -seen["accuracy"] if loses else seen["tokens"]
                chosen[name] = min(chosen.get(name, (True, 1e9, 0.0)), (loses, value, rate))
        return {name: rate for name, (_, _, rate) in chosen.items()}

    def arm(self, objective: str, rate: float, seed: int) -> None:
        """Train one candidate and evaluate it."""
        name = f"{objective}-{rate:g}-{seed}"
        if self._row(name) is not None:
            return
        out = self.bench.out / "trained" / name
        with self.slots:
            if not self.bench.has_time(name, 60):
                return
            recipe = self._recipe(name, objective, self._budget(rate, seed) | {"deepspeed": "none"})
            if not (out / "model" / "config.json").exists() and not self._train(
                name, str(self.parent), self.pairs_folder, recipe, out
            ):
                return
            self.evaluate(name, out / "model", "held-out")

    def verdict(self) -> None:
        """The whole loop with ZeRO-3 on the answers that are there, LCPO at its best rate.

        Parent and candidate are judged on twice the held-out problems.
        """
        rate = self.best().get("lcpo", AUTHORS)
        name = f"verdict-{rate:g}"
        if not self.bench.has_time(name, 60):
            return
        recipe = self._recipe(name, "lcpo", self._budget(rate, 42) | {"deepspeed": "zero3"})
        out, sample = self.bench.out / name, self.bench.out / "candidate" / "sample"
        given = ["--sample", str(sample), "--eval-suite", str(self.made / "gated.yaml")]
        code = self.candidate(name, recipe, [*given, "--eval-epochs", "2"], out, 400)
        found = out / "verdict" / "verdict.json"
        told = json.loads(found.read_text()) if found.is_file() else {}
        kept = {"kind": told.get("kind"), "checks": told.get("checks")}
        with self.lock:
            said = self.bench.log(name)[-2500:]
            self.bench.add("verdict", arm=name, code=code, said=said, **kept)
        self.pack()

    # -- how ---------------------------------------------------------------------------------------

    def candidate(
        self, step: str, recipe: Path, more: Sequence[str], out: Path, timeout: float
    ) -> int:
        """`smallscale candidate` of the parent, its pairs as LCPO's authors choose them."""
        given = ["candidate", str(self.parent), "--recipe", str(recipe), *more, *self._pythons()]
        given += ["--train-ranks", "1", "-p", str(self._profile(ranks=1 if self.small else 3))]
        values = ["max_pairs=800", "min_ratio=1.2", "per_problem=2"]
        if self.small:
            values += ["easy_from=0.0", "difficulty=[easy,medium,hard]"]
        for value in values:
            given += ["--set", f"pairs.{value}"]
        return self._call(step, [*given, "--out", str(out)], timeout)

    def evaluate(self, name: str, model: Path, suite: str, epochs: int = 0) -> None:
        """Answers to a suite, judged and measured."""
        if self._row(name) is not None:
            return
        given = ["-s", str(self.made / f"{suite}.yaml"), "-p", str(self._profile())]
        given += ["--epochs", str(epochs or self.size.epochs), "--runtime", "local"]
        given += ["--engine-python", str(self.options.vllm_python)]
        found = self.bench.smallscale(name, "generate", str(model), *given, timeout=self._left(300))
        if found is not None:
            row = measured(found, self.made / "steps.json")
            with self.lock:
                self.bench.add("evaluated", arm=name, suite=suite, **row)
        self.pack()

    def loop(self) -> None:
        """Parents and pairs at once, then the grid: for a machine that is lent by the minute."""
        with ThreadPoolExecutor(2) as pool:
            for done in [pool.submit(step) for step in (self.parents, self.pairs)]:
                done.result()
        self.grid()

    def _train(self, name: str, model: str, pairs: Path, recipe: Path, out: Path) -> bool:
        command = ["train", model, str(pairs), "--out", str(out), "--recipe", str(recipe)]
        command += ["--ranks", "1", "--runtime", "local"]
        command += ["--train-python", str(self.options.train_python), *self._gpus()]
        code = self._call(f"train-{name}", command, 480)
        if code:
            log = out / "train.log"
            said = self.bench.log(f"train-{name}")[-1500:]
            said += log.read_text(errors="replace")[-2500:] if log.is_file() else ""
            self.bench.add("failed", step=name, code=code, said=said)
            return False
        told = json.loads((out / "train.json").read_text())
        with self.lock:
            kept = {key: told.get(key) for key in ("steps", "loss", "tokens", "seconds")}
            self.bench.add("trained", arm=name, **kept)
        return True

    def _recipe(self, name: str, base: str, changes: dict[str, Any]) -> Path:
        value = yaml.safe_load((ROOT / f"configs/train/{base}.yaml").read_text())
        value |= {"name": name, "deepspeed": "none", "gradient_checkpointing": False, **changes}
        return self.bench.make(f"recipe-{name}", {k: v for k, v in value.items() if v is not None})

    def _budget(self, rate: float, seed: int) -> dict[str, Any]:
        size = self.size
        return {"learning_rate": rate, "seed": seed, "steps": size.steps, "save_steps": size.steps,
                "batch_size": size.batch, "micro_batch": min(size.micro, size.batch)}  # fmt: skip

    def _profile(self, ranks: int = 1) -> Path:
        if self.small:
            changed = {"max_num_seqs": 16, "max_model_len": 2048}
            return self.bench.profile("vllm-cpu", "small", changed)
        arguments = {
            "max_model_len": 2048,
            "max_num_seqs": 256,
            "kv_cache_memory_bytes": 6 << 30,  # fixed: engines may then start side by side
            "gpu_memory_utilization": 0.03,  # what must be free at the start
            **GRAPHS[self.options.graphs],
        }
        return self.bench.profile("vllm", f"small-{ranks}", arguments, max_in_flight=288,
                                  ranks=ranks, ranks_per_gpu=ranks)  # fmt: skip

    def _pythons(self) -> list[str]:
        given = ["--engine-python", str(self.options.vllm_python)]
        given += ["--train-python", str(self.options.train_python), "--runtime", "local"]
        return given + self._gpus()

    def _gpus(self) -> list[str]:
        return ["--gpus", self.bench.gpus] if self.bench.gpus else []

    def _call(self, step: str, arguments: list[str], timeout: float) -> int:
        return self.bench.call(step, [sys.executable, "-c", MAIN, *arguments], self._left(timeout))

    def _left(self, seconds: float) -> float:
        if self.small:
            return seconds * 9
        return max(1.0, min(seconds, self.bench.budget_s - self.bench.elapsed))

    def _row(self, name: str) -> dict[str, Any] | None:
        rows = self.bench.rows.get("evaluated", [])
        return next((row for row in rows if row["arm"] == name), None)

    def _together(self, steps: Sequence[Any]) -> None:
        if self.small:
            for step in steps[:2]:
                step()
            return
        with ThreadPoolExecutor(len(steps)) as pool:
            for done in [pool.submit(step) for step in steps]:
                done.result()

    def pack(self) -> None:
        """Results and logs, without weights and answers, where they can be carried from."""
        if self.options.packed is None:
            return
        self.options.packed.mkdir(parents=True, exist_ok=True)
        with self.lock:
            new = self.options.packed / "new"
            with tarfile.open(new, "w:gz", compresslevel=3) as archive:
                for path in sorted(self.bench.out.rglob("*")):
                    small = path.suffix in {".json", ".log", ".yaml"} and path.is_file()
                    if small and path.stat().st_size < 400_000:
                        archive.add(path, path.relative_to(self.bench.out))
            new.replace(self.options.packed / "reasoner.tar.gz")


def an_arm(text: str) -> tuple[str, float, int]:
    """OBJECTIVE=RATE=SEED."""
    objective, rate, seed = text.split("=")
    return objective, float(rate), int(seed)


def main() -> None:
    """Run some of the steps."""
    steps = ("make", "sft", "parents", "pairs", "grid", "seeds", "table")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("steps", nargs="+", choices=[*steps, "all", "loop"])
    parser.add_argument("--out", type=Path, default=Path("runs/reasoner"))
    parser.add_argument("--model", default="", help="the checkpoint that learns to think")
    parser.add_argument("--vllm-python", type=Path)
    parser.add_argument("--train-python", type=Path)
    parser.add_argument("--arms", nargs="+", type=an_arm, help="OBJECTIVE=RATE=SEED: the grid")
    parser.add_argument("--graphs", choices=GRAPHS, default="decode", help="CUDA graphs of vLLM")
    parser.add_argument("--packed", type=Path, help="where reasoner.tar.gz goes")
    parser.add_argument("--budget", type=float, default=7200, help="seconds; later steps give way")
    parser.add_argument("--rehearse", action="store_true", help="in miniature, on a CPU")
    options = parser.parse_args()
    model = str(Path(options.model).resolve()) if options.model else ""
    bench = Bench(options.out, model, options.budget, "" if options.rehearse else "0")
    reasoner = Reasoner(bench, options)
    for step in steps if "all" in options.steps else options.steps:
        if step == "table":
            table(bench.out / "results.json", GRID, (42, *SEEDS), reasoner.best())
        else:
            getattr(reasoner, step)()
            reasoner.pack()


if __name__ == "__main__":
    main()
