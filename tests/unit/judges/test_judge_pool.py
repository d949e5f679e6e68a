from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from smallscale_ci.judges.interface import JudgeSpec, Ruling
from smallscale_ci.judges.outcome import outcome
from smallscale_ci.judges.pool import JudgePool
from smallscale_ci.records import FinishReason, Outcome, Problem

SPEC = JudgeSpec("math", timeout_s=2.0)


def problem(gold: str) -> Problem:
    return Problem(gold, "math", "?", gold)


def test_every_item_comes_back_once_with_its_tag() -> None:
    with JudgePool(2) as pool:
        for number in range(200):
            pool.submit(number, problem(f"x+{number}"), f"\\boxed{{{number}+x}}", SPEC)
            if number == 100:
                early = dict(pool.ready())
        rest = dict(pool.drain())
        assert list(pool.drain()) == []
    assert not early.keys() & rest.keys()
    rulings = early | rest
    assert sorted(rulings) == list(range(200))
    assert {ruling.outcome for ruling in rulings.values()} == {Outcome.CORRECT}


HANGS = "\\sum_{n=1}^{10^{12}} n^{n}"  # math-verify is on its way for seconds


def submit_one_hanging_among_many(pool: JudgePool, timeout_s: float) -> None:
    spec = JudgeSpec("math", timeout_s=timeout_s)
    for number in range(30):
        pool.submit(number, problem(f"\\sqrt{{{number}}}"), f"\\boxed{{{number}^{{1/2}}}}", spec)
        if number == 15:
            pool.submit("bad", problem("5"), f"\\boxed{{{HANGS}}}", spec)


def check_that_only_one_failed(rulings: dict[object, Ruling], reason: str) -> None:
    assert len(rulings) == 31
    bad = rulings.pop("bad")
    assert bad.outcome is Outcome.ERRORED
    assert reason in bad.reason
    assert {ruling.outcome for ruling in rulings.values()} == {Outcome.CORRECT}


def test_an_item_past_its_deadline_is_errored_and_the_others_go_on() -> None:
    with JudgePool(1) as pool:
        submit_one_hanging_among_many(pool, timeout_s=1.0)
        check_that_only_one_failed(dict(pool.drain()), "deadline of 1 s")


def test_waiting_for_a_busy_machine_costs_an_item_nothing() -> None:
    slow = "\\int_0^1 x\\,dx"  # loads math-verify and takes its time
    spec = JudgeSpec("math", timeout_s=1.0)
    with JudgePool(1) as pool:
        pool.submit("slow", problem("\\frac{1}{2}"), f"\\boxed{{{slow}}}", spec)
        time.sleep(0.15)
        assert dict(pool.ready()) == {}
        assert pool._pool is not None
        manager = pool._pool._pool_manager.worker_manager
        deadline = time.monotonic() + 60
        while not manager.workers:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        (worker,) = manager.workers
        os.kill(worker, signal.SIGSTOP)
        time.sleep(3.0)  # twice its deadline
        os.kill(worker, signal.SIGCONT)
        ((_, ruling),) = pool.drain()
    assert ruling.outcome is Outcome.CORRECT, ruling.reason


def test_a_worker_that_is_killed_costs_the_item_at_hand() -> None:
    with JudgePool(1) as pool:
        submit_one_hanging_among_many(pool, timeout_s=20.0)
        time.sleep(0.15)  # until a chunk that is not full is sent all the same
        rulings = dict(pool.ready())
        deadline = time.monotonic() + 60
        (flight,) = pool._flights.values()
        place = [item.tag for item in flight.items].index("bad")
        while pool._slots[flight.slot] != place:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert pool._pool is not None
        (worker,) = pool._pool._pool_manager.worker_manager.workers
        os.kill(worker, signal.SIGKILL)
        check_that_only_one_failed(rulings | dict(pool.drain()), "died: SIGKILL")


def test_memory_is_limited() -> None:
    with JudgePool(1, memory_bytes=200 << 20) as pool:
        pool.submit("hungry", problem("5"), "\\boxed{\\sum_{n=1}^{5} n}", SPEC)
        ((_, ruling),) = pool.drain()
    assert ruling.outcome in (Outcome.ERRORED, Outcome.WRONG)


@pytest.mark.parametrize("quick", [True, False])
def test_memory_of_the_host_is_bounded(quick: bool) -> None:
    text = "x" * 50_000 + (r"\boxed{5}" if quick else r"\boxed{\sqrt{20}}")
    gold = problem("5" if quick else r"2\sqrt5")
    with JudgePool(1) as pool:
        for number in range(400):
            pool.submit(number, gold, text + str(number), SPEC)
            held = sum(len(flight.items) for flight in pool._flights.values())
            assert held + len(pool._waiting) <= 4 * 64
        assert len(dict(pool.drain())) == 400


def test_interrupt_leaves_the_workers_quiet() -> None:
    code = """
import os, signal, time
from smallscale_ci.judges.interface import JudgeSpec
from smallscale_ci.judges.pool import JudgePool
from smallscale_ci.records import Problem
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # shells ignore it for jobs
    with JudgePool(2) as pool:
        try:
            spec = JudgeSpec("math")
            pool.submit(1, Problem("", "", "", "2\\\\sqrt5"), "\\\\boxed{\\\\sqrt{20}}", spec)
            print(len(dict(pool.drain())), flush=True)
            os.killpg(0, signal.SIGINT)
            time.sleep(5)
        except KeyboardInterrupt:
            print("interrupted", flush=True)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        start_new_session=True,
        check=True,
    )
    assert done.stdout.split() == ["1", "interrupted"]
    assert done.stderr == ""


def test_outcome_joins_ruling_and_finish_reason() -> None:
    unparsed = Ruling(Outcome.UNPARSED, None, "no answer found")
    right = Ruling(Outcome.CORRECT, "5", "same text")
    assert outcome(unparsed, FinishReason.LENGTH)[0] is Outcome.TRUNCATED
    assert outcome(unparsed, FinishReason.STOP)[0] is Outcome.UNPARSED
    assert outcome(right, FinishReason.LENGTH)[0] is Outcome.CORRECT
    assert outcome(right, FinishReason.ABORT)[0] is Outcome.ERRORED
    assert outcome(right, FinishReason.ERROR)[0] is Outcome.ERRORED


def test_importing_the_judges_loads_no_algebra() -> None:
    code = (
        "import sys; from smallscale_ci.judges.registry import judge_for\n"
        "from smallscale_ci.judges.interface import JudgeSpec\n"
        "from smallscale_ci.records import Problem\n"
        "judge_for('math').quick(Problem('', '', '', '5'), r'\\boxed{5}', JudgeSpec('math'))\n"
        "print(sorted({'sympy', 'math_verify', 'mpmath'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
