"""The tables of all candidates: one line each, and one line for each objective over its seeds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from measure import compared

_HEAD = (
    "| {} | accuracy | change, pp | tokens | change | thinking, answer | right, wrong | cut "
    "| loops | steps kept | area | unseen kinds |"
)


def table(rows: Mapping[str, Any], target: Path) -> None:
    """Print what parent and candidates came to, and write ``target``: name → task → numbers."""
    if "parent" not in rows:
        print("no parent was evaluated")
        return
    parent = rows["parent"]
    _print("candidate", {name: [one] for name, one in rows.items()}, parent)
    _print("objective at its best rate, all seeds", _seeded(rows), parent)
    found = {
        name: {
            task: {**numbers, "change": compared(parent[task], [numbers])}
            for task, numbers in tasks.items()
        }
        for name, tasks in rows.items()
    }
    target.write_text(json.dumps(found))


def _seeded(rows: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Candidates that were trained with several seeds: name without its seed → all of them."""
    found: dict[str, list[Any]] = {}
    for name, one in rows.items():
        found.setdefault(name.rpartition("-s")[0], []).append(one)
    return {name: several for name, several in found.items() if len(several) > 1}


def _print(what: str, rows: Mapping[str, Sequence[Any]], parent: Mapping[str, Any]) -> None:
    if not rows:
        return
    print(_HEAD.format(what) + "\n|" + "---|" * 12)
    for name, several in rows.items():
        _line(name, several, parent)
    print()


def _line(name: str, several: Sequence[Mapping[str, Any]], parent: Mapping[str, Any]) -> None:
    change = compared(parent["seen"], [one["seen"] for one in several])
    gain, tokens = (
        "{:+.1f} ({:+.1f} to {:+.1f})".format(*change[key]) for key in ("accuracy", "tokens")
    )

    def mean(key: str, task: str = "seen") -> float:
        """The mean over the seeds; an absent number is 0."""
        return sum(one[task][key] or 0 for one in several) / len(several)

    answer = mean("tokens") - mean("thinking")
    print(
        f"| {name} | {mean('accuracy'):.1%} | {gain} | {mean('tokens'):.0f} | {tokens}% | "
        f"{mean('thinking'):.0f}, {answer:.0f} | "
        f"{mean('tokens_right'):.0f}, {mean('tokens_wrong'):.0f} | {mean('cut'):.1%} | "
        f"{mean('looping'):.1%} | {mean('steps'):.1%} | {mean('area'):.3f} | "
        f"{mean('accuracy', 'unseen'):.1%}, {mean('tokens', 'unseen'):.0f} |"
    )
