"""What the parent learns from: worked solutions, one in eight without thinking."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from problems import ASK, DIRECT, Task, direct, solution

from smallscale_ci.checkpoint.model import Checkpoint
from smallscale_ci.pairs import dataset
from smallscale_ci.pairs.dataset import Pair
from smallscale_ci.pairs.record import Counts, PairsRecord


def write(folder: Path, tasks: Sequence[Task]) -> None:
    """The solutions as a folder that ``train`` reads; nothing is rejected in them."""
    chance, rows = random.Random(5), []
    for number, task in enumerate(tasks):
        asked, answer = (DIRECT, direct(task)) if number % 8 == 0 else (ASK, solution(task, chance))
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
