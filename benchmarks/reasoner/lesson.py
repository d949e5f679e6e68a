"""What the parent learns from, in this order: brief solutions, then ones that think too long.

One in eight is an answer without thinking. Brief ones teach the arithmetic with a fifth of the
tokens: what a redundant part repeats teaches nothing but to copy.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from problems import ASK, DIRECT, Task, direct, solution

from smallscale_ci.checkpoint.model import Checkpoint
from smallscale_ci.pairs import dataset
from smallscale_ci.pairs.dataset import Pair
from smallscale_ci.pairs.record import Counts, PairsRecord


def write(folder: Path, tasks: Sequence[Task], brief: int) -> None:
    """The solutions as a folder that ``train`` reads, the first ``brief`` of them without checks.

    Nothing is rejected in them.
    """
    chance, rows = random.Random(5), []
    for number, task in enumerate(tasks):
        asked, answer = ASK, solution(task, chance, brief=number < brief)
        if chance.random() < 1 / 8:
            asked, answer = DIRECT, direct(task)
        rows.append(
            Pair(
                task=task.kind,
                problem_id=f"{number}",
                messages=({"role": "user", "content": task.question + asked},),
                chosen=answer,
                rejected="?",
                chosen_tokens=len(answer) // 2,
                rejected_tokens=1,
                prompt_tokens=None,
                solve_rate=1.0,
                chosen_index=0,
                rejected_index=1,
            )
        )
    made, count = "benchmarks/reasoner", len(rows)
    about = PairsRecord(
        run_id=made,
        checkpoint=Checkpoint("worked solutions", Path(), made, "", "", "", ""),
        suite="taught",
        policy={},
        counts=Counts(count, easy=count, medium=0, hard=0, eligible=count, pairs=count),
    )
    dataset.write(folder, rows, about, "0" * 64)
