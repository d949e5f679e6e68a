"""What answers of the reasoner come to: accuracy, tokens, steps kept, and how two runs compare."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from problems import ASK, CHECKS, DIRECT
from scipy import stats
from sizes import LIMIT

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
                "thinking": row["thinking_tokens"] or 0,
                "looping": bool(row["looping"]),
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
        "thinking": _mean(rows, "thinking"),
        "cut": _mean(rows, "cut"),
        "looping": _mean(rows, "looping"),
        "steps": _mean(rows, "steps"),
        "steps_right": _mean([row for row in rows if row["right"]], "steps"),
        "checks": _mean(rows, "checks"),
        "kinds": {
            kind: {key: _mean(some, key) for key in ("right", "tokens", "steps", "checks", "cut")}
            for kind, some in _by_kind(rows).items()
        },
        "within": {str(b): round(float((right & (tokens <= b)).mean()), 4) for b in BUDGETS},
        # The mean of accuracy within b tokens over all b from 0 to the limit.
        "area": round(float((right * (1 - tokens / LIMIT)).mean()), 4),
        "problems": means,
    }


def _mean(rows: Sequence[Mapping[str, Any]], key: str) -> float | None:
    return round(float(np.mean([row[key] for row in rows])), 4) if rows else None


def _by_kind(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["kind"], []).append(row)
    return found


def compared(
    parent: Mapping[str, Any], candidates: Sequence[Mapping[str, Any]]
) -> dict[str, list[float]]:
    """Change of accuracy (points) and tokens (per cent), paired by problem, with 95% intervals.

    ``candidates`` are of one kind, trained with several seeds. Seeds and problems are crossed and
    both random: the variance is the sum of that of the seeds' means and that of the problems'
    means, which counts their interaction twice and so errs on the wide side (Owen, The pigeonhole
    bootstrap, 2007); degrees of freedom after Satterthwaite. With one seed only problems vary.
    """
    shared = sorted(set(parent["problems"]).intersection(*(one["problems"] for one in candidates)))
    before = np.array([parent["problems"][name] for name in shared])
    after = np.array([[one["problems"][name] for name in shared] for one in candidates])
    gain = 100 * (after[..., 0] - before[:, 0])
    mean = before[:, 1].mean()
    ratio = after[..., 1].mean() / mean
    # Delta method for a ratio of two means over the same problems.
    spread = 100 * (after[..., 1] - ratio * before[:, 1]) / mean
    return {
        "accuracy": _interval(float(gain.mean()), gain),
        "tokens": _interval(100 * (float(ratio) - 1), spread),
    }


def _interval(value: float, each: Any) -> list[float]:
    """``value`` with its ends; ``each``: seeds × problems."""
    parts = [(np.var(means, ddof=1) / len(means), len(means) - 1)
             for means in (each.mean(axis=0), each.mean(axis=1)) if len(means) > 1]  # fmt: skip
    variance = sum(part for part, _ in parts)
    freedom = variance**2 / max(sum(part**2 / df for part, df in parts), 1e-300)
    half = float(stats.t.ppf(0.975, max(freedom, 1)) * variance**0.5)
    return [round(number, 2) for number in (value, value - half, value + half)]
