"""What `lcpo.py` measured: candidates against their parent, paired by problem, as tables."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from bench import ROOT, manifest

from smallscale_ci.config import folders, load
from smallscale_ci.config.suite import SuiteConfig
from smallscale_ci.stats.contrast import Contrast
from smallscale_ci.stats.paired import paired_difference
from smallscale_ci.stats.tokens import paired_log_ratio
from smallscale_ci.suite.local import load_suite

WHOLE = 0.95  # share of an epoch that makes it one
LIMIT = 128  # tokens of an answer
Row = dict[str, Any]
Places = dict[str, tuple[str, int]]
Answers = dict[tuple[str, int], dict[str, float]]


def places(suite: Path) -> Places:
    """Problem id → (task, its number there): ids depend on the task's name."""
    config = load.load(SuiteConfig, str(suite), folders.default_roots(ROOT))
    counts: Counter[str] = Counter()
    found = {}
    for problem in load_suite(config, suite.parent).problems:
        found[problem.id] = (problem.task, counts[problem.task])
        counts[problem.task] += 1
    return found


def answers(run: Path, places: Places) -> Answers:
    """(task, number) → mean tokens, right and cut off over its samples, errored ones left out.

    A run that was interrupted lacks its longest answers above all: of each task, only epochs count
    of which nearly all is there.
    """
    columns = ["problem_id", "sample_index", "completion_tokens", "finish_reason"]
    made = {
        (row["problem_id"], row["sample_index"]): row
        for row in pq.read_table(run / "generations.parquet", columns=columns).to_pylist()
    }
    planned = Counter(task for task, _ in places.values())
    there = Counter((places[problem][0], epoch) for problem, epoch in made)
    whole = {key for key, count in there.items() if count >= WHOLE * planned[key[0]]}
    found: dict[tuple[str, int], list[tuple[float, bool, bool]]] = {}
    for row in pq.read_table(run / "judgements.parquet").to_pylist():
        place, epoch = places[row["problem_id"]], row["sample_index"]
        if row["outcome"] != "ERRORED" and (place[0], epoch) in whole:
            one = made[row["problem_id"], epoch]
            cut = one["finish_reason"] == "LENGTH"
            told = (one["completion_tokens"], row["outcome"] == "CORRECT", cut)
            found.setdefault(place, []).append(told)
    names = ("tokens", "right", "cut")
    return {
        key: {**dict(zip(names, np.mean(rows, axis=0), strict=True)), "answers": len(rows)}
        for key, rows in found.items()
    }


def brief(found: Answers) -> dict[str, list[float]]:
    """Accuracy and mean tokens of each task."""
    means: dict[str, list[float]] = {}
    for task in sorted({task for task, _ in found}):
        values = [value for key, value in found.items() if key[0] == task]
        means[task] = [
            round(float(np.mean([v[k] for v in values])), 4) for k in ("right", "tokens")
        ]
    return means


def compared(candidate: Answers, parent: Answers, suffix: str = "") -> dict[str, Row]:
    """Both prompts, and each task, against the parent; paired by problem."""
    groups = {
        "prompt of smoke": ("math", "mcq"),
        "prompt of smoke-train": ("math-mixed", "mcq-mixed"),
        **{task: (task,) for task in sorted({task for task, _ in parent})},
    }
    there = {task for task, _ in candidate}
    result = {}
    for name, tasks in groups.items():
        if {task + suffix for task in tasks} <= there:
            keys = [key for key in parent if key[0] in tasks]
            mine = [candidate.get((task + suffix, n)) for task, n in keys]
            result[name] = row(mine, [parent[key] for key in keys])
    return result


def row(candidate: list[dict[str, float] | None], parent: list[dict[str, float]]) -> Row:
    """Means, and changes with their intervals (95%, two-sided); ``worst`` counts what is missing.

    There, each problem without an answer is wrong and as long as the limit allows.
    """
    pairs = list(zip(candidate, parent, strict=True))
    found = changes([(mine, theirs) for mine, theirs in pairs if mine is not None])
    if None in candidate:
        worst = {"tokens": LIMIT, "right": 0.0, "cut": 1.0, "answers": 0}
        found["worst"] = changes([(mine or worst, theirs) for mine, theirs in pairs])
    return found


def changes(pairs: list[tuple[dict[str, float], dict[str, float]]]) -> Row:
    """What changed between the two of each pair."""
    mine, theirs = (
        {key: np.asarray([pair[side][key] for pair in pairs]) for key in ("tokens", "right", "cut")}
        for side in (0, 1)
    )
    cluster = np.arange(len(pairs))
    ratio = paired_log_ratio(mine["tokens"], theirs["tokens"], cluster)
    return {
        "problems": len(pairs),
        "answers": int(sum(pair[0]["answers"] for pair in pairs)),
        **{key: [float(side[key].mean()) for side in (theirs, mine)] for key in mine},
        "tokens_change": [float(np.expm1(v)) for v in ends(ratio)],
        "right_change": ends(paired_difference(mine["right"], theirs["right"], cluster)),
        "cut_change": ends(paired_difference(mine["cut"], theirs["cut"], cluster)),
    }


def ends(contrast: Contrast) -> list[float]:
    """Value and 95% interval."""
    return [contrast.value, *contrast.interval(0.025)]


def table(folder: Path, arms: Sequence[str], prompts: Sequence[str]) -> None:
    """Write table.json and table.md from the runs in ``folder``.

    ``arms`` are the candidates in their order, ``prompts`` what the names of the tasks of the run
    `concise` end with.
    """
    made = folder / "made"
    found = folder.glob("runs/*/*/judgements.parquet")
    runs = {path.parts[-3]: path.parent for path in found}
    held_out = places(made / "held-out.yaml")
    parent = answers(runs["parent"], held_out)
    rows = {arm: compared(answers(runs[arm], held_out), parent) for arm in arms if arm in runs}
    if "concise" in runs:
        concise = answers(runs["concise"], places(made / "concise.yaml"))
        rows |= {f"concise{suffix}": compared(concise, parent, suffix) for suffix in prompts}
    told = {"engine": manifest(runs["parent"])["engine"], "rows": rows}
    (folder / "table.json").write_text(json.dumps(told, indent=1))
    text = "".join(markdown(rows, name) for name in dict.fromkeys(chain(*rows.values())))
    (folder / "table.md").write_text(text)
    print(text)


def markdown(rows: Mapping[str, Mapping[str, Row]], task: str) -> str:
    """The table of one task, or of several."""
    told = {name: tasks[task] for name, tasks in rows.items() if task in tasks}
    first = max(told.values(), key=lambda value: value["problems"])
    lines = [
        f"\n### {task}\n",
        f"Parent: {first['right'][0]:.1%}, {first['tokens'][0]:.1f} tokens.\n",
        "| candidate | problems | answers | accuracy | change, points | tokens | change, % |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, value in told.items():
        lines.append(line(name, value))
        if "worst" in value:
            lines.append(line(f"{name}, missing answers at worst", value["worst"]))
    return "\n".join(lines) + "\n"


def line(name: str, value: Row) -> str:
    """A candidate's line of the table."""
    cells = [name, value["problems"], value["answers"], f"{value['right'][1]:.1%}"]
    cells += [spread(value["right_change"]), f"{value['tokens'][1]:.1f}"]
    return f"| {' | '.join(map(str, [*cells, spread(value['tokens_change'])]))} |"


def spread(ends: Sequence[float]) -> str:
    """A change in hundredths, with its interval."""
    value, low, high = (f"{100 * end:+.1f}".replace("-", "−") for end in ends)
    return f"{value} ({low} to {high})"
