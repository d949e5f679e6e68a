"""What answers of the reasoner come to: accuracy, tokens, steps kept; and the table of all."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from problems import ASK, CHECKS, DIRECT

from smallscale_ci.candidate.monitor import contains, thinking_of

BUDGETS = (100, 200, 400, 800, 1280)  # completion tokens


def measured(run: Path, steps: Path) -> dict[str, Any]:
    """Numbers of a run by task, and by problem what a paired comparison needs."""
    prompts = pq.read_table(run / "prompts.parquet").to_pylist()
    asked = {row["problem_id"]: _asked(row) for row in prompts}
    needed = json.loads(steps.read_text())
    texts = pq.read_table(run / "generations.parquet").to_pylist()
    judged = pq.read_table(run / "judgements.parquet").to_pylist()
    outcomes = {(row["problem_id"], row["sample_index"]): row["outcome"] for row in judged}
    tasks: dict[str, list[dict[str, Any]]] = {}
    for row in texts:
        question, task = asked[row["problem_id"]]
        outcome = outcomes[row["problem_id"], row["sample_index"]]
        thinking = thinking_of(row["text"], opened=bool(row.get("thinking")))
        kind, *wanted = needed.get(question, ["?"])
        tasks.setdefault(task, []).append(
            {
                "problem": row["problem_id"],
                "right": outcome == "CORRECT",
                "tokens": row["completion_tokens"],
                "cut": row["finish_reason"] == "LENGTH",
                "steps": bool(wanted) and contains(wanted, thinking),
                "checks": sum(thinking.count(check) for check in CHECKS),
                "kind": kind,
            }
        )
    return {"tasks": {name: _numbers(rows) for name, rows in tasks.items()}}


def _asked(row: Mapping[str, Any]) -> tuple[str, str]:
    """Question and task of a prompt, without what the suite adds to the question."""
    messages = row["messages"]
    told = json.loads(messages) if isinstance(messages, str) else messages
    question = told[-1]["content"]
    for end in (ASK, DIRECT):
        question = question.removesuffix(end)
    return question, row["task"]


def _numbers(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    right = np.array([row["right"] for row in rows])
    tokens = np.array([row["tokens"] for row in rows], dtype=float)
    by_problem: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        by_problem.setdefault(row["problem"], []).append((float(row["right"]), row["tokens"]))
    means = {name: np.mean(values, axis=0).round(4).tolist() for name, values in by_problem.items()}
    return {
        "answers": len(rows),
        "accuracy": round(float(right.mean()), 4),
        "tokens": round(float(tokens.mean()), 1),
        "tokens_right": round(float(tokens[right].mean()), 1) if right.any() else None,
        "tokens_wrong": round(float(tokens[~right].mean()), 1) if (~right).any() else None,
        "quantiles": [round(float(q)) for q in np.quantile(tokens, (0.1, 0.5, 0.9))],
        "cut": _mean(rows, "cut"),
        "steps": _mean(rows, "steps"),
        "steps_right": _mean([row for row in rows if row["right"]], "steps"),
        "checks": _mean(rows, "checks"),
        "kinds": {
            kind: {key: _mean(some, key) for key in ("right", "tokens", "steps", "checks", "cut")}
            for kind, some in _by_kind(rows).items()
        },
        "within": {str(b): round(float((right & (tokens <= b)).mean()), 4) for b in BUDGETS},
        "problems": means,
    }


def _mean(rows: Sequence[Mapping[str, Any]], key: str) -> float | None:
    return round(float(np.mean([row[key] for row in rows])), 4) if rows else None


def _by_kind(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["kind"], []).append(row)
    return found


def compared(parent: Mapping[str, Any], candidate: Mapping[str, Any]) -> dict[str, Any]:
    """Change of accuracy (points) and tokens (per cent) with 95% intervals, paired by problem."""
    shared = sorted(set(parent["problems"]) & set(candidate["problems"]))
    before = np.array([parent["problems"][name] for name in shared])
    after = np.array([candidate["problems"][name] for name in shared])
    gain = (after - before)[:, 0] * 100
    ratio = after[:, 1].mean() / before[:, 1].mean()
    # Delta method for a ratio of two means over the same problems.
    spread = np.std(after[:, 1] - ratio * before[:, 1], ddof=1) / before[:, 1].mean()
    half, wide = (1.96 / len(shared) ** 0.5 * s for s in (np.std(gain, ddof=1), 100 * spread))
    change = 100 * (ratio - 1)
    return {
        "accuracy": [
            round(float(v), 2) for v in (gain.mean(), gain.mean() - half, gain.mean() + half)
        ],
        "tokens": [round(float(v), 2) for v in (change, change - wide, change + wide)],
    }


def table(rows: Mapping[str, Any], target: Path) -> None:
    """Print what parent and candidates came to, and write ``target``: name → task → numbers."""
    if "parent" not in rows:
        print("no parent was evaluated")
        return
    parent = rows["parent"]
    print(
        "| candidate | accuracy | change, pp | tokens | change | cut | steps kept | unseen kinds |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for name, tasks in rows.items():
        _line(name, tasks, parent)
    found = {
        name: {
            task: {**numbers, "change": compared(parent[task], numbers), "problems": None}
            for task, numbers in tasks.items()
        }
        for name, tasks in rows.items()
    }
    target.write_text(json.dumps(found, indent=1))


def _line(name: str, tasks: Mapping[str, Any], parent: Mapping[str, Any]) -> None:
    seen, unseen, change = tasks["seen"], tasks["unseen"], compared(parent["seen"], tasks["seen"])
    gain, tokens = (
        "{:+.1f} ({:+.1f} to {:+.1f})".format(*change[key]) for key in ("accuracy", "tokens")
    )
    print(
        f"| {name} | {seen['accuracy']:.1%} | {gain} | {seen['tokens']:.0f} | {tokens}% | "
        f"{seen['cut']:.1%} | {seen['steps']:.1%} | "
        f"{unseen['accuracy']:.1%}, {unseen['tokens']:.0f} |"
    )
