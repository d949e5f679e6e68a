"""What the host makes of heartbeats, written here in the workers' place."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from smallscale_ci.generate.ranks import Limits, Ranks
from smallscale_ci.generate.steady import SteadyClock
from smallscale_ci.generate.workfolder import WorkFolder
from smallscale_ci.worker import protocol


class Started:
    """A runtime that notes what it is asked for; ``codes`` are what it tells."""

    name = "noted"

    def __init__(self) -> None:
        self.starts: list[int] = []
        self.codes: dict[int, int | None] = {}

    def start(self, work: Path, rank: int) -> None:
        self.starts.append(rank)
        self.codes[rank] = None

    def move(self, work: Path, following: Path) -> None:
        protocol.write_atomically(work / protocol.NEXT, str(following))

    def poll(self) -> Mapping[int, int | None]:
        return dict(self.codes)

    def kill(self, rank: int) -> None:
        self.codes.pop(rank, None)

    def stop(self, grace_s: float) -> None:
        self.codes.clear()


def beat(folder: WorkFolder, rank: int, number: int, **more: Any) -> None:
    value = {"beat": number, "state": protocol.READY, "info": {"engine": "e"}, "error": None}
    protocol.write_atomically(folder.path / "alive" / f"{rank}.json", value | more)


def ranks(folder: WorkFolder, runtime: Started, now: list[float]) -> Ranks:
    clock = SteadyClock(lambda: now[0])
    made = Ranks(runtime, 1, Limits(900, 900), clock=clock)
    made.enter(folder)
    return made


def test_an_engine_that_died_right_after_it_was_loaded_is_started_again(folder):
    runtime = Started()
    watched = ranks(folder, runtime, [0.0])
    watched.start()
    # Loaded and dead between two looks of the host: it never saw it ready.
    beat(folder, 0, 9, state=protocol.FAILED, error={"message": "illegal memory access"})
    runtime.codes[0] = 1
    for number, code in watched.dead():
        watched.record_death(number, code, progress=False)
    assert runtime.starts == [0, 0]
    assert watched.warnings == ["rank 0 died and was started again: illegal memory access"]


def test_a_guest_that_comes_back_is_watched_again(folder):
    watched, now = ranks(folder, Started(), clock := [0.0]), clock
    watched.start()
    beat(folder, 7, 1, busy_s=2.0)
    assert list(watched.dead()) == []
    beat(folder, 7, 2, busy_s=3.0, state=protocol.DONE)
    assert list(watched.dead()) == [(7, -1)]
    watched.record_death(7, -1, progress=False)
    assert list(watched.dead()) == []
    beat(folder, 7, 1, busy_s=0.5)  # the same command, given once more
    assert list(watched.dead()) == []
    assert watched.sharing == 2
    for _ in range(20):
        now[0] += 9.0
        beat(folder, 0, int(now[0]))
        died = list(watched.dead())
    assert died == [(7, -1)]  # its claims are taken back, as anybody's
    assert watched.status()[7]["busy_s"] == 3.5
