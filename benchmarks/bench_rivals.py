"""The gate beside other gates, each by its own command line, on the same simulated runs.

1,319 problems with solve rates from Beta(1.6, 0.4), 8 baseline epochs, 4 of the candidate, margin
2 pp. A loss takes the same share of every rate. The others see four epochs of both sides, this gate
looks as it does by default. Each tool is used if its command is given, from an environment of its
own: statgate 0.1.1, evalsig 0.1.2, evalproof 0.2.1, nemo-evaluator 0.3.0 (Python 3.12).
The rules of vLLM's tests (8% relative) and of MLPerf (±10% of tokens) are formulas; the latter is
about tokens, so ten times as many runs of 1,319 log-normal lengths and a margin of 5% follow.
Usage: bench_rivals.py RUNS [COMMAND...] [--losses 1,2], such as 60 /tmp/a/statgate /tmp/b/nel
"""

import argparse
import csv
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from bench_gate import SCENARIOS, simulate_tokens
from numpy.typing import NDArray

from smallscale_ci.gate.drawn import Drawn, judged
from smallscale_ci.gate.schedule import Schedule
from smallscale_ci.gate.simulate import share
from smallscale_ci.records import Metric

EPOCHS = 4
VERDICTS = {"PASS": "pass", "REGRESSED": "fail"}
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
    """The finished command; a crash, whose exit code 1 is also a verdict's, ends the benchmark."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "Traceback (most recent call last)" in done.stderr:
        sys.exit(f"{command[0]} crashed:\n{done.stderr[-600:]}")
    return done


def accuracy(runs: int, loss: float, tools: dict[str, str]) -> None:
    """Print a line for each gate: losses of accuracy, in margins."""
    scenario = SCENARIOS[0]
    schedule = Schedule.of(1, EPOCHS, scenario.policy, [scenario.problems])
    rng = np.random.default_rng([9, round(10 * loss)])
    counts: dict[str, list[str]] = {name: [] for name in ["smallscale", *tools, "8% relative"]}
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
        counts["smallscale"].append(VERDICTS.get(trial.kind.value, "open"))
        spent.append(trial.tokens / drawn.all_tokens)
        sides = dict(zip(SIDES, (grid[:, :EPOCHS], grid[:, 8:]), strict=True))
        fell = sides["candidate"].mean() < 0.92 * sides["baseline"].mean()
        counts["8% relative"].append("fail" if fell else "pass")
        with tempfile.TemporaryDirectory() as scratch:
            for name, command in tools.items():
                counts[name].append(TOOLS[name](command, Path(scratch), sides))
    lines("accuracy", loss, counts, float(np.mean(spent)))


def tokens(runs: int, loss: float) -> None:
    """The same for growth of tokens; the rules take the means of four epochs of both sides."""
    scenario = next(one for one in SCENARIOS if one.tokens)
    schedule = Schedule.of(1, EPOCHS, scenario.policy, [scenario.problems])
    rng = np.random.default_rng([10, round(10 * loss)])
    counts: dict[str, list[str]] = {"smallscale": [], "MLPerf ±10%": [], "8% relative": []}
    spent = []
    for _ in range(runs):
        values = simulate_tokens(rng, scenario, loss)
        drawn = Drawn(scenario.pool, scenario.policy, rng, values, 8)
        trial = judged([drawn], scenario.policy, schedule, 8)
        counts["smallscale"].append(VERDICTS.get(trial.kind.value, "open"))
        spent.append(trial.tokens / drawn.all_tokens)
        lengths = values[Metric.TOKENS]
        ratio = lengths[:, 8:].mean() / lengths[:, :EPOCHS].mean()
        counts["MLPerf ±10%"].append("fail" if abs(ratio - 1) > 0.1 else "pass")
        counts["8% relative"].append("fail" if ratio > 1.08 else "pass")
    lines("tokens", loss, counts, float(np.mean(spent)))


def lines(metric: str, loss: float, counts: dict[str, list[str]], spent: float) -> None:
    for name, found in counts.items():
        other = set(found) - {"pass", "fail", "open"}
        if other:
            sys.exit(f"{name} failed: {other.pop()}")
        shares = [with_interval(found.count(kind), len(found)) for kind in ("pass", "fail", "open")]
        cost = 100 * spent if name == "smallscale" else 100.0
        row = [name, f"{metric}, {loss:g} × margin", *shares, f"{cost:.0f}"]
        print(f"| {' | '.join(row)} |", flush=True)


def with_interval(count: int, runs: int) -> str:
    """A share in % with its exact 95% interval (Clopper-Pearson)."""
    one = share(count, runs)
    return f"{100 * one.value:.0f} ({100 * one.low:.0f} to {100 * one.high:.0f})"


def main(runs: int, losses: list[float], commands: list[str]) -> None:
    tools = {Path(command).name: command for command in commands}
    print("| gate | loss | pass % | fail % | open % | samples % |\n|---|---|---|---|---|---|")
    for loss in losses:
        accuracy(runs, loss, tools)
    for loss in losses:
        tokens(10 * runs, loss)  # formulas take no time


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=int)
    parser.add_argument("commands", nargs="*", metavar="COMMAND")
    parser.add_argument("--losses", default="0,0.5,1,2", help="in margins, separated by commas")
    options = parser.parse_args()
    main(options.runs, [float(one) for one in options.losses.split(",")], options.commands)
