"""The gate beside other gates, each by its own command line, on the same simulated runs.

1,319 problems with solve rates from Beta(1.6, 0.4), 8 baseline epochs, 4 of the candidate, margin
2 pp. A loss takes the same share of every rate. The others see four epochs of both sides, this gate
looks as it does by default. Each tool is used if its command is given, from an environment of its
own: statgate 0.1.1, evalsig 0.1.2, evalproof 0.2.1, nemo-evaluator 0.3.0 (Python 3.12).
Usage: bench_rivals.py RUNS [COMMAND...], such as 20 /tmp/a/bin/statgate /tmp/b/bin/nel
"""

import csv
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from bench_gate import SCENARIOS, with_error
from numpy.typing import NDArray

from smallscale_ci.gate.drawn import Drawn, judged
from smallscale_ci.gate.schedule import Schedule
from smallscale_ci.records import Metric

LOSSES = (0.0, 0.5, 1.0, 2.0)
EPOCHS = 4
Sides = dict[str, NDArray[np.float64]]  # each (problems, epochs) of zeros and ones
SIDES = ("baseline", "candidate")


def statgate(command: str, folder: Path, sides: Sides) -> str:
    for side, grid in sides.items():
        with (folder / f"{side}.csv").open("w", newline="") as out:
            rows = csv.writer(out)
            rows.writerow(["case_id", "score", "passed", "run_index"])
            rows.writerows([f"p{i}", v, bool(v), k] for (i, k), v in np.ndenumerate(grid))
    paths = [str(folder / f"{side}.csv") for side in SIDES]
    done = run([command, "compare", *paths, "--margin", "0.02", "--metric", "score"])
    return {0: "pass", 1: "fail", 2: "open"}.get(done.returncode, done.stderr[-300:])


def evalsig(command: str, folder: Path, sides: Sides) -> str:
    """It allows what is significantly better by the delta: asked whether the baseline is."""
    for side, grid in sides.items():
        n = grid.size
        (item, epoch), score = np.divmod(np.arange(n), grid.shape[1]), grid.ravel()
        ids = [f"p{i}" for i in item]
        fixed = {"project_id": "x", "run_id": side, "model_id": side, "task_id": "t",
                 "metric_name": "acc"}  # fmt: skip
        table = {key: [value] * n for key, value in fixed.items()}
        table |= {"item_id": ids, "cluster_id": ids, "epoch": pa.array(epoch, pa.int32())}
        table |= {"score": score, "config_hash": ["c"] * n, "metadata_json": ["{}"] * n}
        table["ts"] = pa.array([0] * n, pa.timestamp("us", tz="UTC"))
        order = ["project_id", "run_id", "model_id", "task_id", "metric_name", "item_id",
                 "cluster_id", "epoch", "score", "config_hash", "ts", "metadata_json"]  # fmt: skip
        pq.write_table(pa.table({key: table[key] for key in order}), folder / f"{side}.parquet")
    paths = [f"--{b}={folder / a}.parquet" for a, b in zip(SIDES, SIDES[::-1], strict=True)]
    done = run([command, "gate", *paths, "--format=parquet", "--min-delta=0.02"])
    return {0: "fail", 1: "pass", 2: "open"}.get(done.returncode, done.stderr[-300:])


def evalproof(command: str, folder: Path, sides: Sides) -> str:
    for side, grid in sides.items():
        info = {"suite": "s", "system": side, "dataset_path": "d", "dataset_hash": "h",
                "started_at": "2026-01-01", "finished_at": "2026-01-01", "wall_time_s": 1.0,
                "evalproof_version": "0.2.1", "seed": 0}  # fmt: skip
        results = [
            {"case_id": f"p{i}/{k}", "output": {"output": ""},
             "scores": {"acc": {"value": float(v), "passed": bool(v)}}}
            for (i, k), v in np.ndenumerate(grid)
        ]  # fmt: skip
        (folder / f"{side}.json").write_text(json.dumps({"info": info, "results": results}))
    paths = [str(folder / f"{side}.json") for side in SIDES]
    done = run([command, "compare", *paths, "--metric=acc", "--max-drop=0.02", "--gate"])
    return {0: "pass", 1: "fail"}.get(done.returncode, done.stderr[-300:])


def nel(command: str, folder: Path, sides: Sides) -> str:
    for side, grid in sides.items():
        place = folder / side
        place.mkdir(exist_ok=True)
        scores = {"mean_reward": {"value": float(grid.mean())}}
        bundle = {"benchmark": {"name": "b", "scores": scores, "repeats": grid.shape[1]}}
        (place / "eval-b.json").write_text(json.dumps(bundle))
        lines = [
            json.dumps({"problem_idx": int(i), "repeat": int(k), "reward": float(v)})
            for (i, k), v in np.ndenumerate(grid)
        ]
        (place / "results.jsonl").write_text("\n".join(lines))
    (folder / "policy.yaml").write_text("defaults: {tier: critical, max_drop: 0.02}\n")
    paths = [str(folder / side) for side in SIDES]
    policy = ["--policy", str(folder / "policy.yaml"), "--no-report"]
    done = run([command, "gate", *paths, *policy])
    return {0: "pass", 1: "fail", 2: "open"}.get(done.returncode, done.stderr[-300:])


TOOLS = {"statgate": statgate, "evalsig": evalsig, "evalproof": evalproof, "nel": nel}


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


def main(runs: int, commands: list[str]) -> None:
    scenario = SCENARIOS[0]
    schedule = Schedule.of(1, EPOCHS, scenario.policy, [scenario.problems])
    tools = {Path(command).name: command for command in commands}
    print("| gate | loss | pass % | fail % | open % | samples % |\n|---|---|---|---|---|---|")
    for loss in LOSSES:
        rng = np.random.default_rng([9, round(10 * loss)])
        counts = {name: [] for name in ["smallscale", *tools, "8% relative"]}
        spent = []
        for _ in range(runs):
            rates = rng.beta(1.6, 0.4, scenario.problems)
            worse = rates * (1 - loss * scenario.margin / 0.8)
            grid = np.concatenate(
                [rng.random((len(p), k)) < p[:, None] for p, k in ((rates, 8), (worse, EPOCHS))],
                axis=1,
            ).astype(float)
            values = {Metric.ACCURACY: grid, Metric.TOKENS: np.ones_like(grid)}
            drawn = Drawn(scenario.pool, scenario.policy, rng, values, 8)
            trial = judged([drawn], scenario.policy, schedule, 8)
            verdicts = {"PASS": "pass", "REGRESSED": "fail"}
            counts["smallscale"].append(verdicts.get(trial.kind.value, "open"))
            spent.append(trial.tokens / drawn.all_tokens)
            sides = dict(zip(SIDES, (grid[:, :EPOCHS], grid[:, 8:]), strict=True))
            fell = sides["candidate"].mean() < 0.92 * sides["baseline"].mean()
            counts["8% relative"].append("fail" if fell else "pass")
            with tempfile.TemporaryDirectory() as scratch:
                for name, command in tools.items():
                    counts[name].append(TOOLS[name](command, Path(scratch), sides))
        for name, found in counts.items():
            other = set(found) - {"pass", "fail", "open"}
            if other:
                sys.exit(f"{name} failed: {other.pop()}")
            shares = [
                with_error(found.count(kind) / runs, runs) for kind in ("pass", "fail", "open")
            ]
            cost = 100 * float(np.mean(spent)) if name == "smallscale" else 100.0
            print(f"| {name} | {loss:g} × margin | {' | '.join(shares)} | {cost:.0f} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
