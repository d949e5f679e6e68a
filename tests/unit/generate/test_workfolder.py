import json
import multiprocessing
import random
import time
from collections import Counter

import pytest

from smallscale_ci.errors import UsageError
from smallscale_ci.generate.interface import Job
from smallscale_ci.generate.workfolder import WorkFolder
from smallscale_ci.records import Prompt, SamplingSpec
from smallscale_ci.worker import claims, protocol

JOB = Job("replay", "m", SamplingSpec(0, 1, 0, 0, 8, 0), max_in_flight=2)


def prompt(number: int) -> Prompt:
    return Prompt(f"p{number}", 0, "t", ({"role": "user", "content": "é"},), number)


@pytest.fixture
def folder(tmp_path):
    with WorkFolder(tmp_path / "run" / "work") as made:
        made.prepare(JOB)
        yield made


def line(number: int) -> dict:
    return {"problem_id": f"p{number}", "sample_index": 0}


def test_items_are_claimed_once_in_their_order(folder):
    for number in range(5):
        folder.put(prompt(number))
    (folder.path / "claimed" / "0").mkdir()
    (folder.path / "claimed" / "1").mkdir()
    first = claims.claim(folder.path, 0, 3, 0).items
    second = claims.claim(folder.path, 1, 9, 0).items
    assert [item["problem_id"] for _, item in first] == ["p0", "p1", "p2"]
    assert [item["problem_id"] for _, item in second] == ["p3", "p4"]
    assert first[0][1]["messages"] == [{"role": "user", "content": "é"}]
    assert folder.pending() == 0
    assert [item["problem_id"] for item in folder.take_back(0)] == ["p0", "p1", "p2"]
    assert folder.take_back(0) == []
    assert folder.take_back(7) == []


def test_a_second_host_is_refused_until_the_first_ends(tmp_path):
    path = tmp_path / "run" / "work"
    with WorkFolder(path):
        with (
            pytest.raises(UsageError, match="Another smallscale process") as caught,
            WorkFolder(path),
        ):
            pass
        assert "--resume" in caught.value.hint
    with WorkFolder(path):
        pass


def test_completions_come_once_and_torn_lines_never(folder):
    path = folder.path / "out" / "0.jsonl"
    path.write_bytes(
        protocol.encode_line(line(0)) + b"garbage\n" + protocol.encode_line(line(1))[:-9]
    )
    assert list(folder.completions()) == [line(0)]
    out = protocol.Out(path)  # the successor of a killed worker
    out.write([line(2)])
    assert list(folder.completions()) == [line(2)]
    out.write([line(3), line(4)])
    assert list(folder.completions()) == [line(3), line(4)]
    assert list(folder.completions()) == []
    out.close()


def test_a_line_that_is_still_being_written_is_read_when_complete(folder):
    path = folder.path / "out" / "0.jsonl"
    content = protocol.encode_line(line(0))
    for end in range(len(content)):
        path.write_bytes(content[:end])
        assert list(folder.completions()) == []
    path.write_bytes(content)
    assert list(folder.completions()) == [line(0)]


def test_a_new_host_keeps_completions_and_clears_the_rest(tmp_path):
    path = tmp_path / "work"
    with WorkFolder(path) as first:
        first.prepare(JOB)
        first.put(prompt(0))
        first.put(prompt(1))
        (path / "claimed" / "0").mkdir()
        claims.claim(path, 0, 1, 0)
        out = protocol.Out(path / "out" / "0.jsonl")
        out.write([line(0)])
        out.close()
        first.ask_to_stop()
        protocol.write_atomically(path / "alive" / "0.json", {"beat": 1})
    with WorkFolder(path) as second:
        second.prepare(JOB)
        assert second.pending() == 0
        assert second.take_back(0) == []
        assert second.status(0) is None
        assert not (path / "stop").exists()
        assert list(second.completions()) == [line(0)]


def test_no_item_has_the_name_of_one_that_an_earlier_host_put(tmp_path):
    """A rank that joined by itself may still work on that one, and removes it when it is done."""
    path = tmp_path / "work"
    names = []
    for _ in range(2):
        with WorkFolder(path) as host:
            host.prepare(JOB)
            host.put(prompt(0))
            (path / "claimed" / "7").mkdir(exist_ok=True)
            names += [claimed.name for claimed, _ in claims.claim(path, 7, 1, 0).items]
            host.put(prompt(1), alone=True)
    assert len(set(names)) == 2
    assert names == sorted(names)


def test_the_job_is_what_the_worker_reads(folder):
    job = json.loads((folder.path / "job.json").read_text())
    assert job["protocol"] == protocol.PROTOCOL
    assert job["engine"] == "replay"
    assert job["sampling"]["max_tokens"] == 8
    assert job["sampling"]["stop"] == []


def test_giving_up_on_an_item_is_an_error_completion(folder):
    folder.give_up_on({"problem_id": "p", "sample_index": 3}, "its worker died 3 times")
    (value,) = folder.completions()
    assert (value["finish_reason"], value["error"]) == ("ERROR", "its worker died 3 times")


def test_log_tail_is_the_end_of_the_log(folder):
    assert folder.log_tail(0) == ""
    (folder.path / "log" / "0.log").write_bytes(
        b"\xff\n" + b"".join(b"%d\n" % i for i in range(99))
    )
    assert folder.log_tail(0, 2) == "97\n98"


def _claim_all(work: str, rank: int, start: object, found: object) -> None:
    from pathlib import Path

    (Path(work) / "claimed" / str(rank)).mkdir()
    start.wait()
    names = []
    while True:
        items = claims.claim(Path(work), rank, 3, 0).items
        if not items:
            break
        names += [item["problem_id"] for _, item in items]
    found.put(names)


def test_of_many_processes_each_item_goes_to_one(folder):
    for number in range(200):
        folder.put(prompt(number))
    context = multiprocessing.get_context("spawn")
    start, found = context.Event(), context.Queue()
    ranks = [
        context.Process(target=_claim_all, args=(str(folder.path), rank, start, found))
        for rank in range(4)
    ]
    for rank in ranks:
        rank.start()
    start.set()
    claimed = [name for _ in ranks for name in found.get(timeout=120)]
    for rank in ranks:
        rank.join()
    assert sorted(claimed) == sorted(f"p{number}" for number in range(200))


def _claim_for_ever(work: str, rank: int) -> None:
    from pathlib import Path

    (Path(work) / "claimed" / str(rank)).mkdir(exist_ok=True)
    while True:
        claims.claim(Path(work), rank, 3, 1)


@pytest.mark.parametrize("seed", [1, 2])
def test_whoever_is_killed_while_claiming_each_item_is_in_one_place(folder, seed):
    chance, ranks, items = random.Random(seed), 6, 600
    context = multiprocessing.get_context("spawn")

    def start(rank: int) -> multiprocessing.Process:
        process = context.Process(target=_claim_for_ever, args=(str(folder.path), rank))
        process.start()
        return process

    processes = {rank: start(rank) for rank in range(ranks)}
    put, held = 0, Counter()
    while put < items:
        for _ in range(min(chance.randint(1, 60), items - put)):
            folder.put(prompt(put))
            put += 1
        time.sleep(chance.uniform(0, 0.05))
        victim = chance.randrange(ranks)
        processes[victim].kill()
        processes[victim].join()
        held.update(item["problem_id"] for item in folder.take_back(victim))
        processes[victim] = start(victim)
    deadline = time.monotonic() + 60
    while folder.pending():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    for rank, process in processes.items():
        process.kill()
        process.join()
        held.update(item["problem_id"] for item in folder.take_back(rank))
    assert held == Counter(f"p{number}" for number in range(items))


def test_an_item_that_wants_to_be_alone_waits_for_an_idle_rank(folder):
    (folder.path / "claimed" / "0").mkdir()
    folder.put(prompt(0), 2, alone=True)
    folder.put(prompt(1))
    folder.put(prompt(2), 2, alone=True)

    def claimed(room: int, in_flight: int) -> list[str]:
        return [
            item["problem_id"] for _, item in claims.claim(folder.path, 0, room, in_flight).items
        ]

    assert claimed(9, 1) == ["p1"]
    assert claimed(9, 1) == []
    assert claimed(9, 0) == ["p0"]
    assert claimed(9, 0) == ["p2"]


def test_a_small_backlog_is_shared_by_all_ranks(folder):
    for number in range(10):
        folder.put(prompt(number))
    held = Counter()
    for rank in (0, 0, 1, 2, 0, 2):  # as each comes, with room for all of them
        (folder.path / "claimed" / str(rank)).mkdir(exist_ok=True)
        held[rank] += len(claims.claim(folder.path, rank, 99, held[rank], claims.Pace(3)).items)
    assert held == {0: 4, 1: 4, 2: 2}


def test_the_last_rank_takes_all(folder):
    for number in range(10):
        folder.put(prompt(number))
    for rank in (0, 1):
        (folder.path / "claimed" / str(rank)).mkdir()
    assert len(claims.claim(folder.path, 0, 99, 0, claims.Pace(2)).items) == 5
    assert (
        len(claims.claim(folder.path, 0, 99, 5, claims.Pace(1)).items) == 5
    )  # the other was given up


def test_a_large_backlog_fills_each_rank_that_comes(folder):
    (folder.path / "claimed" / "0").mkdir()
    for number in range(80):  # 2.5 times what four ranks of eight run at once
        folder.put(prompt(number))
    claimed = claims.claim(folder.path, 0, 8, 0, claims.Pace(4))
    assert claimed.plenty
    assert len(claimed.items) == 8
