"""The worker's loop in this process: what it does in which order."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from smallscale_ci.generate.interface import Job
from smallscale_ci.generate.workfolder import WorkFolder
from smallscale_ci.records import Prompt, SamplingSpec
from smallscale_ci.worker import protocol
from smallscale_ci.worker.engines.interface import Completion, EngineDownError, Request, StartError
from smallscale_ci.worker.loop import Worker, _complete


class Engine:
    """Answers at once and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def start(self) -> None:
        pass

    async def generate(self, request: Request) -> Completion:
        self.asked.append(request.problem_id)
        return Completion("t", [1], 1, "STOP")

    async def close(self) -> None:
        pass

    def info(self) -> dict[str, Any]:
        return {}


class SlowDisk(protocol.Out):
    """A disk that takes its time: each write waits for ``ready``."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.ready, self.started = threading.Event(), threading.Event()

    def write(self, values: list[dict[str, Any]]) -> None:
        self.started.set()
        assert self.ready.wait(30)
        super().write(values)


def test_the_engine_has_its_next_request_before_the_last_is_on_disk(tmp_path):
    async def serve(folder: WorkFolder) -> None:
        worker = Worker(folder.path, 0, None)
        worker.job = protocol.read_json(folder.path / "job.json")
        (folder.path / "claimed" / "0").mkdir()
        engine, out = Engine(), SlowDisk(folder.path / "out" / "0.jsonl")
        loop = asyncio.create_task(worker._serve(engine, out))
        await asyncio.to_thread(out.started.wait, 30)
        while len(engine.asked) < 2:
            await asyncio.sleep(0.01)
        assert engine.asked == ["p0", "p1"]  # no more than it may, either
        assert list(folder.completions()) == []
        worker.stopping.set()
        out.ready.set()
        await loop
        out.close()

    with WorkFolder(tmp_path / "work") as folder:
        folder.prepare(Job("replay", "m", SamplingSpec(0, 1, 0, 0, 8, 0), max_in_flight=1))
        for number in range(3):
            folder.put(Prompt(f"p{number}", 0, "t", ({"role": "user", "content": "?"},), 0))
        asyncio.run(asyncio.wait_for(serve(folder), 60))
        assert [line["problem_id"] for line in folder.completions()] == ["p0"]
        assert [item["problem_id"] for item in folder.take_back(0)] == ["p1"]
        assert folder.pending() == 1


class Fragile(Engine):
    """Answers all at the same moment, but for the first: there it gives up."""

    async def generate(self, request: Request) -> Completion:
        if request.problem_id == "p0":
            raise StartError("the endpoint is away")
        return await super().generate(request)


def test_what_was_complete_when_another_request_failed_is_kept(tmp_path):
    async def serve(folder: WorkFolder) -> None:
        worker = Worker(folder.path, 0, None)
        worker.job = protocol.read_json(folder.path / "job.json")
        (folder.path / "claimed" / "0").mkdir()
        out = protocol.Out(folder.path / "out" / "0.jsonl")
        with pytest.raises(StartError):
            await worker._serve(Fragile(), out)
        out.close()

    with WorkFolder(tmp_path / "work") as folder:
        folder.prepare(Job("openai", "m", SamplingSpec(0, 1, 0, 0, 8, 0), max_in_flight=8))
        for number in range(3):
            folder.put(Prompt(f"p{number}", 0, "t", ({"role": "user", "content": "?"},), 0))
        asyncio.run(asyncio.wait_for(serve(folder), 60))
        assert {line["problem_id"] for line in folder.completions()} == {"p1", "p2"}
        assert [item["problem_id"] for item in folder.take_back(0)] == ["p0"]


class OddError(Exception):
    """A class of the engine's own, which is no ``ValueError``."""


@pytest.mark.parametrize(
    "error", [OddError("no"), RuntimeError("no"), MemoryError(), OSError(5, "")]
)
def test_whatever_an_engine_raises_about_one_request_costs_that_request(error):
    class Refusing(Engine):
        async def generate(self, request: Request) -> Completion:
            raise error

    item = {"problem_id": "p", "sample_index": 0, "messages": [], "seed": 0}
    line = asyncio.run(_complete(Refusing(), item))
    assert line["finish_reason"] == "ERROR"
    assert line["error"].startswith(type(error).__name__)


@pytest.mark.parametrize("error", [StartError("no"), EngineDownError("gone")])
def test_an_engine_that_is_gone_ends_its_rank(error):
    class Gone(Engine):
        async def generate(self, request: Request) -> Completion:
            raise error

    item = {"problem_id": "p", "sample_index": 0, "messages": [], "seed": 0}
    with pytest.raises(type(error)):
        asyncio.run(_complete(Gone(), item))
