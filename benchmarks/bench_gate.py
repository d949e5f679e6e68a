"""Error rates of the gate on simulated runs, beside those of the rules that people use today.

Prints the tables of docs/gate.md as Markdown. Each number has its Monte Carlo standard error.
Usage: bench_gate.py [RUNS] [--against REF [--losses 0,2]], RUNS simulated runs for each line
(default 2000; minutes). With REF, a commit, only the table of targets: this build beside that one,
accuracy alone, in the lines of those losses (all if none are named).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import stats

from smallscale_ci.config.policy import GatePolicy, Margins
from smallscale_ci.gate.drawn import Drawn, judged
from smallscale_ci.gate.pairing import TaskPair
from smallscale_ci.gate.schedule import Schedule
from smallscale_ci.gate.trial import Pool
from smallscale_ci.records import Metric, VerdictKind

Values = dict[Metric, NDArray[np.float64]]  # of each sample: problem × epoch
LOSSES = (0.0, 0.5, 0.75, 1.0, 1.5, 2.0)  # in margins
RULES = (
    "8% relative",
    "3 points",
    "unpaired test",
    "Wilson, baseline exact",
    "MLPerf: 10% of tokens",
)


@dataclass(frozen=True)
class Scenario:
    name: str
    problems: int
    margin: float
    tasks: int = 1
    tokens: bool = False
    baseline_epochs: int = 8
    repeats: int = 1
    epochs: int = 4
    cluster: int = 1
    runs_factor: float = 1.0
    policy: GatePolicy = field(init=False)
    pool: Pool = field(init=False)

    def __post_init__(self) -> None:
        accuracy, tokens = (None, self.margin) if self.tokens else (self.margin, None)
        margins = Margins(accuracy=accuracy, tokens=tokens, truncation=None)
        policy = GatePolicy(name="bench", margins=margins, looks_per_epoch=4)
        object.__setattr__(self, "policy", policy)
        cluster = np.arange(self.problems) // self.cluster
        none = np.zeros(self.problems, dtype=np.int64)
        object.__setattr__(self, "pool", Pool("task", cluster, none, {}, self.repeats))


SCENARIOS = (
    Scenario("1,319 problems, margin 2 points", 1319, 0.02, runs_factor=5),
    Scenario("500 problems, margin 3 points", 500, 0.03),
    Scenario("30 problems, 16 epochs a look, margin 5 points", 30, 0.05,
             repeats=16),
    Scenario("tokens, 1,319 problems, log-normal, margin 5%", 1319, 0.05, tokens=True),
    Scenario("4 tasks of 1,000, margin 3 points, one loses", 1000, 0.03, tasks=4, runs_factor=0.5),
    Scenario("1,320 problems in clusters of 4, margin 3 points", 1320, 0.03, cluster=4),
)  # fmt: skip


# Accuracy alone, 1,319 problems: what DESIGN promises, by the loss in margins.
TARGETS = {
    0.0: "PASS ≥ 96, tokens ≤ 38",
    0.5: "REGRESSED ≤ 7",
    1.0: "PASS ≤ 5.5",
    2.0: "REGRESSED ≥ 99, tokens ≤ 27",
}
# Run by the other build, in its own benchmarks/: it may know neither parts of epochs nor this loss.
OTHER = """
import json, sys, bench_gate as b
b.LOSSES = losses = json.loads(sys.argv[2])
print(json.dumps([dict(b.measure(b.SCENARIOS[0], loss, int(sys.argv[1]))) for loss in losses]))
"""


def against(ref: str, runs: int, losses: Sequence[float]) -> None:
    """This build beside that of the commit ``ref``, in one run: levels, and tokens of all."""
    root = Path(__file__).resolve().parents[1]
    with tempfile.TemporaryDirectory() as scratch:
        packed = subprocess.run(
            ["git", "-C", root, "archive", ref, "smallscale_ci", "benchmarks"],
            capture_output=True, check=True,
        ).stdout  # fmt: skip
        subprocess.run(["tar", "-x", "-C", scratch], input=packed, check=True)
        builds = {"this build": root, ref: Path(scratch)}
        started = {
            name: subprocess.Popen(
                [sys.executable, "-c", OTHER, str(runs), json.dumps(list(losses))],
                cwd=place / "benchmarks", env={**os.environ, "PYTHONPATH": str(place)},
                stdout=subprocess.PIPE, text=True,
            )
            for name, place in builds.items()
        }  # fmt: skip
        found = {name: json.loads(one.communicate()[0]) for name, one in started.items()}
    print("| build | loss | PASS % | REGRESSED % | epochs | tokens % of all | target % |")
    print("|---|---|---|---|---|---|---|")
    for place, loss in enumerate(losses):
        for build, results in found.items():
            one = results[place]
            shares = [with_error(one[kind], runs) for kind in ("PASS", "REGRESSED")]
            whole = SCENARIOS[0].epochs  # every answer is one token
            spent = one.get("spent", one["epochs"] / whole)
            error = one.get("spent_error", one["epochs_error"] / whole)
            cost = f"{100 * spent:.1f} ± {100 * error:.1f}"
            row = [build, name(loss), *shares, f"{one['epochs']:.2f}", cost, TARGETS[loss]]
            print(f"| {' | '.join(row)} |")


def main(runs: int) -> None:
    started = time.perf_counter()
    jobs = [(s, loss, int(runs * s.runs_factor)) for s in SCENARIOS for loss in LOSSES]
    with ProcessPoolExecutor() as pool:
        results = list(pool.map(partial(measure), *zip(*jobs, strict=True)))
    print("The gate:\n")
    print("| runs | loss | PASS % | REGRESSED % | INCONCLUSIVE % | epochs | tokens % of all |")
    print("|---|---|---|---|---|---|---|")
    for (scenario, loss, count), result in zip(jobs, results, strict=True):
        shares = [with_error(result[kind], count) for kind in ("PASS", "REGRESSED", "INCONCLUSIVE")]
        epochs = f"{result['epochs']:.2f} ± {result['epochs_error']:.2f}"
        spent = f"{100 * result['spent']:.1f} ± {100 * result['spent_error']:.1f}"
        print(f"| {scenario.name} | {name(loss)} | {' | '.join(shares)} | {epochs} | {spent} |")
    print("\nHow often other rules fail the same runs, in %, at their first epoch:\n")
    print(f"| runs | loss | {' | '.join(RULES)} | this gate |")
    print("|---|---|" + "---|" * (len(RULES) + 1))
    for (scenario, loss, count), result in zip(jobs, results, strict=True):
        shares = [with_error(result[rule], count) if rule in result else "–" for rule in RULES]
        shares.append(with_error(result["REGRESSED"], count))
        print(f"| {scenario.name} | {name(loss)} | {' | '.join(shares)} |")
    print(f"\n{sum(count for *_, count in jobs):,} runs in {time.perf_counter() - started:.0f} s.")


def name(loss: float) -> str:
    return "none" if loss == 0 else f"{loss:g} × margin"


def with_error(share: float, count: int) -> str:
    return f"{100 * share:.2f} ± {100 * (max(share * (1 - share), 1 / count) / count) ** 0.5:.2f}"


def measure(scenario: Scenario, loss: float, runs: int) -> dict[str, float]:
    rng = np.random.default_rng([zlib.crc32(scenario.name.encode()), round(100 * loss)])
    simulate = simulate_tokens if scenario.tokens else simulate_accuracy
    counts = dict.fromkeys([kind.value for kind in VerdictKind] + list(RULES), 0)
    if scenario.tokens:
        del counts["3 points"], counts["Wilson, baseline exact"]
    else:
        del counts["MLPerf: 10% of tokens"]
    sizes = [scenario.problems] * scenario.tasks
    schedule = Schedule.of(1, scenario.epochs, scenario.policy, sizes)
    spent, epochs = [], []
    for _ in range(runs):
        drawn = [
            Drawn(scenario.pool, scenario.policy, rng,
                  simulate(rng, scenario, loss if task == 0 else 0.0), scenario.baseline_epochs)
            for task in range(scenario.tasks)
        ]  # fmt: skip
        pairs = [one.pair(1.0) for one in drawn]
        for rule, failed in (others_tokens if scenario.tokens else others)(pairs, scenario):
            counts[rule] += failed
        trial = judged(drawn, scenario.policy, schedule, scenario.baseline_epochs)
        counts[trial.kind.value] += 1
        epochs.append(trial.epochs)
        spent.append(trial.tokens / sum(one.all_tokens for one in drawn))
    shares = {key: count / runs for key, count in counts.items()}
    return {
        **shares, "epochs": np.mean(epochs), "epochs_error": np.std(epochs) / runs**0.5,
        "spent": np.mean(spent), "spent_error": np.std(spent) / runs**0.5,
    }  # fmt: skip


def simulate_accuracy(rng: Generator, scenario: Scenario, loss: float) -> Values:
    """Solve rates from Beta(1.6, 0.4); a loss takes the same share of every problem's rate.

    Problems of one cluster get better or worse together, by nothing on average.
    """
    n = scenario.problems
    rates = rng.beta(1.6, 0.4, n)
    worse = rates * (1 - loss * scenario.margin / 0.8)
    if scenario.cluster > 1:
        together = np.repeat(rng.choice([-0.5, 0.5], n // scenario.cluster), scenario.cluster)
        worse = worse + together * np.minimum(worse, 1 - worse)
    sides = ((rates, scenario.baseline_epochs), (worse, scenario.epochs))
    parts = [rng.random((n, count * scenario.repeats)) < rate[:, None] for rate, count in sides]
    right = np.concatenate(parts, axis=1).astype(float)
    return {Metric.ACCURACY: right, Metric.TOKENS: np.ones_like(right)}


def simulate_tokens(rng: Generator, scenario: Scenario, loss: float) -> Values:
    """Log-normal lengths, σ 1.0 in all, half of the variance between problems."""
    n, half = scenario.problems, 0.5**0.5
    scale = 1000 * rng.lognormal(0.0, half, (n, 1))
    lengths = scale * rng.lognormal(0.0, half, (n, scenario.baseline_epochs + scenario.epochs))
    lengths[:, scenario.baseline_epochs :] *= 1 + loss * scenario.margin
    return {Metric.TOKENS: lengths, Metric.ACCURACY: np.ones_like(lengths)}


def others(pairs: Sequence[TaskPair], scenario: Scenario) -> Iterator[tuple[str, bool]]:
    """(rule, fails?) of one epoch against the baseline's mean; any task that fails, fails."""
    failed = dict.fromkeys(RULES[:-1], False)
    for task in pairs:
        n = scenario.problems * scenario.repeats
        m = n * scenario.baseline_epochs
        sides = (task.candidate, task.baseline)
        after, before = (side.means[Metric.ACCURACY].mean() for side in sides)
        failed["8% relative"] |= after < 0.92 * before
        failed["3 points"] |= after < before - 0.03
        pooled = (n * after + m * before) / (n + m)
        error = (pooled * (1 - pooled) * (1 / n + 1 / m)) ** 0.5
        failed["unpaired test"] |= (after - before) / error < stats.norm.ppf(0.05)
        z = stats.norm.ppf(0.95)
        spread = z * (after * (1 - after) / n + z * z / (4 * n * n)) ** 0.5
        failed["Wilson, baseline exact"] |= (after + z * z / (2 * n) + spread) / (
            1 + z * z / n
        ) < before
    yield from failed.items()


def others_tokens(pairs: Sequence[TaskPair], _scenario: Scenario) -> Iterator[tuple[str, bool]]:
    (task,) = pairs
    after, before = (side.means[Metric.TOKENS] for side in (task.candidate, task.baseline))
    test = stats.ttest_ind(after, before, equal_var=False, alternative="greater")
    yield "MLPerf: 10% of tokens", abs(after.mean() / before.mean() - 1) > 0.1
    yield "8% relative", after.mean() > 1.08 * before.mean()
    yield "unpaired test", test.pvalue < 0.05


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=int, nargs="?", default=2000)
    parser.add_argument("--against", metavar="REF")
    parser.add_argument("--losses", help="in margins, separated by commas")
    options = parser.parse_args()
    if options.against:
        named = options.losses.split(",") if options.losses else TARGETS
        against(options.against, options.runs, [float(one) for one in named])
    else:
        main(options.runs)
