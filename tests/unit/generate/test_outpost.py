"""The actor of Ray's runtime with a real worker, in this process instead of on a node."""

import time
from dataclasses import asdict
from typing import Any

from helpers.scheduled import SAMPLING, World

from smallscale_ci.generate.interface import Job
from smallscale_ci.generate.outpost import Outpost
from smallscale_ci.worker import protocol


def job(world: World) -> dict[str, Any]:
    return {"protocol": protocol.PROTOCOL, **asdict(Job("replay", str(world.model), SAMPLING, 4))}


def items(*problems: str) -> dict[str, Any]:
    return {
        f"{number:09d}.json": {
            "problem_id": problem,
            "sample_index": 0,
            "messages": [{"role": "user", "content": "?"}],
            "seed": number,
            "attempt": 0,
            "refused": "",
        }
        for number, problem in enumerate(problems)
    }


def given(outpost: Outpost, count: int, first: dict[str, Any], following: Any = None) -> list[Any]:
    """Exchanges until ``count`` completions have come: the answers to all of them."""
    answers = [outpost.exchange(first, following)]
    deadline = time.monotonic() + 120
    while sum(len(answer["lines"]) for answer in answers) < count:
        assert time.monotonic() < deadline, answers[-1]
        time.sleep(0.05)
        answers.append(outpost.exchange({}))
    return answers


def test_items_go_in_and_completions_come_out_once_run_after_run(world):
    world.store(5)
    outpost = Outpost(job(world), 3, "", {})
    place = outpost._place
    try:
        answers = given(outpost, 3, items("p0", "p1", "p2"))
        lines = [line for answer in answers for line in answer["lines"]]
        assert sorted(line["problem_id"] for line in lines) == ["p0", "p1", "p2"]
        assert answers[-1]["status"]["info"]["engine"] == "replay"
        assert answers[-1]["code"] is None
        answers = given(outpost, 2, items("p3", "p4"), job(world))  # the next run, same process
        lines = [line for answer in answers for line in answer["lines"]]
        assert sorted(line["text"] for line in lines) == ["3/0", "4/0"]
    finally:
        outpost.stop(5)
    assert not place.exists()
