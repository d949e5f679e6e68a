"""A scheduler with real worker processes that replay: what its tests share."""

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from smallscale_ci.generate.interface import Job
from smallscale_ci.generate.local import LocalRuntime
from smallscale_ci.generate.planned import Planned
from smallscale_ci.generate.ranks import Limits, Ranks
from smallscale_ci.generate.scheduler import Scheduler
from smallscale_ci.generate.workfolder import WorkFolder
from smallscale_ci.records import Generation, Prompt, SamplingSpec

SAMPLING = SamplingSpec(0, 1, 0, 0, 8, 0)
PATIENT = Limits(60, 60)


def prompts(count: int, epoch: int = 0) -> list[Prompt]:
    message = {"role": "user", "content": "?"}
    return [Prompt(f"p{n}", epoch, "t", (message,), n) for n in range(count)]


class World:
    """A folder with stored completions, and schedulers on it."""

    def __init__(self, place: Path) -> None:
        self.place, self.model = place, place / "model.jsonl"
        self.environment = {**os.environ}
        self.later = 0.0  # what the scheduler's clock shows more than time has passed

    def store(self, count: int, epochs: int = 1, tokens: int = 10) -> None:
        lines = [
            {
                "problem_id": f"p{n}",
                "sample_index": epoch,
                "text": f"{n}/{epoch}",
                "token_ids": [0] * tokens,
                "prompt_tokens": 4,
                "finish_reason": "STOP",
            }
            for n in range(count)
            for epoch in range(epochs)
        ]
        self.model.write_text("".join(json.dumps(line) + "\n" for line in lines))

    def scheduler(
        self,
        folder: WorkFolder,
        *,
        ranks: int = 1,
        limits: Limits = PATIENT,
        python: str = sys.executable,
        in_flight: int = 4,
        **arguments: object,
    ) -> Scheduler:
        job = Job("replay", str(self.model), SAMPLING, in_flight, engine_args=arguments)
        self.runtime = LocalRuntime(Path(python), self.environment)
        return Scheduler(folder, self.ranks(ranks, limits), job, clock=self.clock)

    def clock(self) -> float:
        return time.monotonic() + self.later

    def ranks(
        self, count: int = 1, limits: Limits = PATIENT, folders: Sequence[WorkFolder] = ()
    ) -> Ranks:
        return Ranks(self.runtime, count, limits, folders=folders, clock=self.clock)

    def pids(self) -> list[int]:
        return [process.pid for process in self.runtime._processes.values()]


def collect(
    scheduler: Scheduler, planned: list[Prompt], at: Callable[[int], None] = lambda count: None
) -> list[Generation]:
    """All generations of a run; ``at`` is told their number so far at every tick."""
    found: list[Generation] = []
    for some in scheduler.run(Planned.of(planned)):
        found += some
        at(len(found))
    return found


def wait_for_rank(folder: WorkFolder, rank: int) -> None:
    """Until it is loaded. Little is completed meanwhile: the host hands nothing out."""
    deadline = time.monotonic() + 60
    while (folder.status(rank) or {}).get("state") != "ready":
        assert time.monotonic() < deadline
        time.sleep(0.02)


def keys(found: list[Generation]) -> Counter[tuple[str, int]]:
    return Counter((g.problem_id, g.sample_index) for g in found)
