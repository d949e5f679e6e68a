"""Half the tokens at equal accuracy? A reasoner that thinks too long is made, and pruned.

``make``     problems, suites, policy, grids and worked solutions, into OUT/made
``sft``      the default model (or any other) learns to think on them: the parent
``parents``  answers to train on; the parent without thinking, and asked to be brief
``rates``    `candidate --recipe grid`: every objective at its learning rates, SFT over its steps
``seeds``    the same at the best rate of each objective, with more training seeds
``zero3``    `candidate` with LCPO, trained with DeepSpeed ZeRO-3 on all of ``--gpus``
``table``    what came out, as Markdown and JSON

`all` runs them in turn. Each step resumes what OUT holds: a machine that is lent by the minute runs
the same command again.
``--rehearse`` is for a CPU.
"""

from __future__ import annotations

import argparse
import json
import math
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
from bench import MAIN, ROOT, Bench, absolute
from measure import compared, measured
from problems import ASK, DIRECT, KINDS, UNSEEN, Task, draw
from sizes import CONCISE, CURVE, GRAPHS, GRID, LIMIT, LOSS, SEEDS, SMALL, TUNED, Size
from tables import table

from smallscale_ci.candidate.members import Measured, choose

_CHANGES = ("accuracy", "tokens")


class Reasoner:
    """All steps, in one folder."""

    def __init__(self, bench: Bench, options: argparse.Namespace) -> None:
        self.bench, self.options = bench, options
        self.small: bool = options.rehearse
        self.size = SMALL if self.small else Size()
        self.made = bench.out / "made"
        self.parent = bench.out / "sft" / "model"
        self.gpus = options.gpus.split(",")
        self.lock = threading.Lock()

    # -- make --------------------------------------------------------------------------------------

    def make(self) -> None:
        """Problems of which none is in two places, and what the parent learns from."""
        size, known = self.size, set[tuple[str, ...]]()
        gated = draw(KINDS, size.gated, 1, known)
        held_out = draw(KINDS, size.held_out, 5, known)
        unseen = draw(UNSEEN, size.unseen, 2, known)
        train = draw(KINDS, size.train, 3, known)
        taught = draw(KINDS, size.taught, 4, known, again=True)
        self._suite("train", {"seen": (train, ASK, None)})
        self._suite("held-out", {"seen": (held_out, ASK, None), "unseen": (unseen, ASK, None)})
        self._suite("gated", {"seen": (gated, ASK, None)})
        few = held_out[: size.direct]
        self._suite("direct", {"direct": (few, DIRECT, None)})
        self._suite("concise", {"concise": (few, ASK, CONCISE)})
        steps = {
            task.question: (task.kind, *task.steps) for task in (*gated, *held_out, *unseen, *train)
        }
        (self.made / "steps.json").write_text(json.dumps(steps))
        # As `candidate` judges by default, and with an eye on the steps that a solution needs.
        margins = {"accuracy": 0.02, "tokens": None, "truncation": 0.01}
        watched = {"margins": margins, "monitor": {"steps": "steps"}}
        self.bench.make("pruned", {"name": "pruned", **watched})
        arms = [self._arm(name, rates) for name, rates in size.of(GRID).items()]
        arms += [
            self._arm("sft-shortest", GRID["sft-shortest"][1:2], f"sft-{steps}", steps=steps)
            for steps in size.of(CURVE)
        ]
        self._make_grid("rates", arms, (42,))
        lesson.write(self.made / "lesson", taught, size.brief)

    def _suite(self, name: str, tasks: dict[str, tuple[list[Task], str, str | None]]) -> None:
        told = []
        for task, (problems, ask, system) in tasks.items():
            rows = [
                {
                    "question": p.question,
                    "gold": str(p.answer),
                    "meta": json.dumps({"kind": p.kind, "steps": p.steps}),
                }
                for p in problems
            ]
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
        """Its answers to the training problems, without thinking, and asked to be brief."""
        self._together([
            self.sample,
            lambda: self.evaluate("parent-direct", self.parent, "direct"),
            lambda: self.evaluate("parent-concise", self.parent, "concise"),
        ])  # fmt: skip

    def sample(self) -> None:
        """Answers to each training problem, which all candidates are made from."""
        if self.bench.rows.get("sampled"):
            return
        given = ["-s", str(self.made / "train.yaml"), "--epochs", str(self.size.samples)]
        given += ["-p", str(self._profile(ranks=1 if self.small else 3)), "--runtime", "local"]
        given += ["--engine-python", str(self.options.vllm_python)]
        found = self.bench.smallscale(
            "sample", "generate", str(self.parent), *given, timeout=self._left(400)
        )
        if found is not None:
            self.bench.add("sampled", run=str(found))

    # -- candidates --------------------------------------------------------------------------------

    def rates(self) -> None:
        """Every objective at every rate, and SFT over the number of its steps."""
        self._judge_grid("rates")

    def seeds(self) -> None:
        """The best rate of each objective with more seeds."""
        arms = [self._arm(name, (rate,)) for name, rate in self.best().items()]
        if not arms:
            return
        # The first grid's own seed comes with them where there was no such grid.
        first = () if (self.bench.out / "rates").is_dir() else (42,)
        self._make_grid("seeds", arms, (*first, *self.size.of(SEEDS)))
        self._judge_grid("seeds")

    def zero3(self) -> None:
        """The whole loop with LCPO and DeepSpeed ZeRO-3, to its verdict.

        By itself: several processes that share two GPUs keep each other's collectives waiting.
        """
        ranks = 2 if self.small else len(self.gpus)
        step = f"zero3-{ranks}"
        changes = {**self._budget(), "deepspeed": "zero3", "learning_rate": TUNED}
        recipe = self._recipe(step, "lcpo", changes)
        suite = ["--eval-suite", str(self.made / "gated.yaml"), "--eval-epochs", "2"]
        self._candidate(step, recipe, suite, self.gpus, ranks)

    def best(self) -> dict[str, float]:
        """Objective → rate: what is named, or by the rule that a grid chooses by."""
        if self.options.best:
            named = (one.partition("=") for one in self.options.best)
            return {name: float(rate) for name, _, rate in named}
        rows = self.rows()
        parent = rows.get("parent")
        found: dict[str, float] = {}
        for name, rates in GRID.items() if parent else ():
            tried = {}
            for rate in rates:
                row = rows.get(f"{name}-{rate:g}-s42")
                if row is not None:
                    gain, length = (compared(parent["seen"], [row["seen"]])[k][0] for k in _CHANGES)
                    tried[rate] = Measured(f"{rate:g}", gain / 100, math.log1p(length / 100))
            if tried:
                best = choose([*tried.values()], LOSS)
                found[name] = next(rate for rate, one in tried.items() if one is best)
        return found

    def _make_grid(self, name: str, arms: Sequence[dict[str, Any]], seeds: Sequence[int]) -> None:
        """The file of a grid."""
        value = {"name": name, "seeds": list(seeds), "members": list(arms), "max_loss": LOSS}
        together = self.size.side_by_side * len(self.gpus)
        self.bench.make(name, {**value, "side_by_side": together})

    def _judge_grid(self, name: str) -> None:
        """Its candidates, and the verdict on the best, on problems that nobody was chosen by."""
        suites = ["--eval-suite", str(self.made / "held-out.yaml")]
        suites += ["--fresh-suite", str(self.made / "gated.yaml"), "--eval-epochs", "2"]
        self._candidate(name, self.made / f"{name}.yaml", suites, self.gpus)

    def _arm(
        self, recipe: str, rates: Sequence[float], name: str = "", **changes: Any
    ) -> dict[str, Any]:
        """One recipe of a grid; weights are saved at the end alone."""
        budget = {**self._budget(), "deepspeed": "none", "gradient_checkpointing": False}
        arm = {"recipe": recipe, "learning_rates": list(rates), "changes": {**budget, **changes}}
        return {**arm, "name": name} if name else arm

    def _candidate(
        self, step: str, recipe: Path, more: Sequence[str], gpus: Sequence[str], ranks: int = 1
    ) -> None:
        """`smallscale candidate` of the parent to its verdict, its pairs as LCPO's authors'."""
        out = self.bench.out / step
        sampled = self.bench.rows.get("sampled", [])
        if not sampled or not self.bench.has_time(step, 60):
            return
        more = ["--sample", sampled[-1]["run"], *more]
        given = ["candidate", str(self.parent), "--recipe", str(recipe), *more]
        given += self._pythons(gpus)
        given += ["--gate", str(self.made / "pruned.yaml"), "--train-ranks", str(ranks)]
        given += ["-p", str(self._profile())]
        values = ["max_pairs=800", "min_ratio=1.2", "per_problem=2", "leaks=drop"]
        if self.small:
            values += ["easy_from=0.0", "difficulty=[easy,medium,hard]", "min_pairs=1"]
        for value in values:
            given += ["--set", f"pairs.{value}"]
        code = self._call(step, [*given, "--out", str(out)], 7200)
        told = {"code": code, "said": self.bench.log(step)[-4000:]}
        for verdict in out.glob("*/verdict.json"):
            found = json.loads(verdict.read_text())
            told |= {"kind": found["kind"], "checks": found["checks"]}
        self.bench.add("candidates", step=step, **told)
        self.pack()

    def rows(self) -> dict[str, Any]:
        """The parent and all candidates: name → task → numbers."""
        found = {}
        for grid in ("rates", "seeds"):
            out = self.bench.out / grid
            runs = {path.name: path / "verdict" for path in sorted(out.glob("members/*"))}
            if "parent" not in found:
                runs = {"parent": out / "parent", **runs}
            for name, run in runs.items():
                if (run / "summary.json").is_file():
                    found[name] = measured(run, self.made / "steps.json")["tasks"]
        return found

    # -- how ---------------------------------------------------------------------------------------

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
            self.bench.add("evaluated", arm=name, suite=suite, **row)
        self.pack()

    def _train(self, name: str, model: str, pairs: Path, recipe: Path, out: Path) -> bool:
        command = ["train", model, str(pairs), "--out", str(out), "--recipe", str(recipe)]
        command += ["--ranks", "1", "--runtime", "local"]
        command += ["--train-python", str(self.options.train_python)]
        command += [] if self.small else ["--gpus", self.gpus[0]]
        code = self._call(f"train-{name}", command, 480)
        if code:
            log = out / "train.log"
            said = self.bench.log(f"train-{name}")[-1500:]
            said += log.read_text(errors="replace")[-2500:] if log.is_file() else ""
            self.bench.add("failed", step=name, code=code, said=said)
            return False
        told = json.loads((out / "train.json").read_text())
        kept = {key: told.get(key) for key in ("steps", "loss", "tokens", "seconds")}
        self.bench.add("trained", arm=name, **kept)
        return True

    def _recipe(self, name: str, base: str, changes: dict[str, Any]) -> Path:
        value = yaml.safe_load((ROOT / f"configs/train/{base}.yaml").read_text())
        value |= {"name": name, "deepspeed": "none", "gradient_checkpointing": False, **changes}
        return self.bench.make(f"recipe-{name}", {k: v for k, v in value.items() if v is not None})

    def _budget(self) -> dict[str, Any]:
        size = self.size
        return {"steps": size.steps, "save_steps": 1000, "batch_size": size.batch,
                "micro_batch": min(size.micro, size.batch)}  # fmt: skip

    def _profile(self, ranks: int = 1) -> Path:
        if self.small:
            changed = {"max_num_seqs": 16, "max_model_len": 2048}
            return self.bench.profile("vllm-cpu", "small", changed)
        arguments = {
            "max_model_len": 2048,
            "max_num_seqs": 256,
            "kv_cache_memory_bytes": 4 << 30,  # fixed: engines may then start side by side
            "gpu_memory_utilization": 0.03,  # what must be free at the start
            **GRAPHS[self.options.graphs],
        }
        return self.bench.profile("vllm", f"small-{ranks}", arguments, max_in_flight=288,
                                  ranks=ranks, ranks_per_gpu=ranks)  # fmt: skip

    def _pythons(self, gpus: Sequence[str]) -> list[str]:
        given = ["--engine-python", str(self.options.vllm_python)]
        given += ["--train-python", str(self.options.train_python), "--runtime", "local"]
        return given if self.small else [*given, "--gpus", ",".join(gpus)]

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
            for step in steps[:2]:  # the third is like the second
                step()
            return
        with ThreadPoolExecutor(len(steps) or 1) as pool:
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
                    if small and path.stat().st_size < 4_000_000:
                        archive.add(path, path.relative_to(self.bench.out))
            new.replace(self.options.packed / "reasoner.tar.gz")


def main() -> None:
    """Run some of the steps."""
    steps = ("make", "sft", "parents", "rates", "seeds", "zero3", "table")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("steps", nargs="+", choices=[*steps, "all"])
    parser.add_argument("--out", type=Path, default=Path("runs/reasoner"))
    parser.add_argument("--model", default="", help="the checkpoint that learns to think")
    parser.add_argument("--vllm-python", type=absolute)
    parser.add_argument("--train-python", type=absolute)
    parser.add_argument("--gpus", default="0", help="ids; candidates are shared out over all")
    known = "best rates of an earlier table, for `seeds` without `rates`"
    parser.add_argument("--best", nargs="+", default=[], metavar="OBJECTIVE=RATE", help=known)
    parser.add_argument("--graphs", choices=GRAPHS, default="decode", help="CUDA graphs of vLLM")
    parser.add_argument("--packed", type=Path, help="where reasoner.tar.gz goes")
    parser.add_argument("--budget", type=float, default=7200, help="seconds; later steps give way")
    parser.add_argument("--rehearse", action="store_true", help="in miniature, on a CPU")
    options = parser.parse_args()
    model = str(Path(options.model).resolve()) if options.model else ""
    first = "" if options.rehearse else options.gpus.split(",")[0]
    bench = Bench(options.out, model, options.budget, first)
    reasoner = Reasoner(bench, options)
    for step in steps if "all" in options.steps else options.steps:
        if step == "table":
            table(reasoner.rows(), bench.out / "table.json")
        else:
            getattr(reasoner, step)()
            reasoner.pack()


if __name__ == "__main__":
    main()
