from __future__ import annotations

import time
from pathlib import Path

import psutil
import pytest

from smallscale_ci.judges import sandbox
from smallscale_ci.judges.code import CodeJudge, last_program, same_output
from smallscale_ci.judges.interface import JudgeSpec
from smallscale_ci.judges.pool import JudgePool
from smallscale_ci.records import CodeTest, Outcome, Problem

PATIENT = JudgeSpec("code", timeout_s=60.0)  # whatever else the machine is doing
QUICK = JudgeSpec("code", timeout_s=2.0)
SUM = (CodeTest("1 2\n", "3\n"), CodeTest("10 -4\n", "6"), CodeTest("2.5 0.25", "2.75"))
ADD = (CodeTest("1\n2", "3", "add"), CodeTest("[1]\n[2]", "[1, 2]", "add"))
needs_sandbox = pytest.mark.skipif(
    sandbox.missing() is not None, reason=f"no sandbox on this machine: {sandbox.missing()}"
)


def fenced(program: str) -> str:
    return f"<think>```python\nprint(0)\n```</think>Here it is:\n```python\n{program}\n```\nDone."


def rule(
    program: str, tests: tuple[CodeTest, ...] = SUM, spec: JudgeSpec = PATIENT
) -> tuple[str, str]:
    problem = Problem("p", "t", "?", "", tests=tests)
    ruling = CodeJudge().judge(problem, fenced(program), spec)
    return ruling.outcome.value, ruling.reason


@pytest.mark.parametrize(
    ("text", "program"),
    [
        ("```python\na\n```", "a\n"),
        ("```\na\n```", "a\n"),
        ("```py\na\n```\n```python\nb\n```", "b\n"),
        ("```python\na\n```\n```text\noutput\n```", "a\n"),
        ("```python\na\n```\n```python\nb", "a\n"),
        ("```python\na\n```python\nb\n```", "b\n"),
        ("````python\ns = '''\n```\n'''\n````", "s = '''\n```\n'''\n"),
        ("```python\n```", None),
        ("print(1)", None),
        ("```python\nprint(1)", None),
    ],
)
def test_last_complete_program(text: str, program: str | None) -> None:
    assert last_program(text) == program


@pytest.mark.parametrize(
    ("expected", "given", "same"),
    [
        ("1 2\n3", "1  2 \n3\n\n", True),
        ("1.5", "1.5000001", True),
        ("0.3333333", "0.333333333333", True),
        ("1.5", "1.51", False),
        ("3", "3.0", False),
        ("3", "4", False),
        ("1 2", "1\n2", False),
        ("YES", "Yes", False),
        ("", "", True),
        ("1.0", "nan", False),
        ("1.0", "x", False),
    ],
)
def test_output_is_compared_by_tokens(expected: str, given: str, same: bool) -> None:
    assert same_output(expected, given) is same


def test_what_needs_no_run() -> None:
    judge, problem = CodeJudge(), Problem("p", "t", "?", "", tests=SUM)
    assert judge.judge(problem, "no code", PATIENT).outcome is Outcome.UNPARSED
    assert judge.judge(problem, "<think>```\nx\n```", PATIENT).outcome is Outcome.UNPARSED
    empty = Problem("p", "t", "?", "")
    assert judge.judge(empty, fenced("x"), PATIENT).outcome is Outcome.ERRORED


def test_nothing_is_run_without_a_sandbox(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # no unshare to be found
    sandbox.missing.cache_clear()
    try:
        target = tmp_path / "written"
        outcome, reason = rule(f"open({str(target)!r}, 'w')")
        assert (outcome, target.exists()) == ("ERRORED", False)
        assert "setpriv" in reason or "unshare" in reason
    finally:
        sandbox.missing.cache_clear()


@needs_sandbox
def test_programs_that_read_and_print() -> None:
    good = "a, b = input().split()\nprint(float(a) + float(b) if '.' in a else int(a) + int(b))"
    assert rule(good) == ("CORRECT", "3 tests passed")
    assert rule("print(3)") == ("WRONG", "test 2 of 3: expected '6', got '3'")
    outcome, reason = rule("1/0")
    assert outcome == "WRONG"
    assert "test 1 of 3: ended with status 1: ZeroDivisionError" in reason


@needs_sandbox
@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("def add(a, b):\n    return a + b", "2 tests passed"),
        ("class Solution:\n    def add(self, a, b):\n        return a + b", "2 tests passed"),
        ("def add(a, b):\n    print('3')\n    return a + b", "2 tests passed"),
        ("def add(a: List[int], b: Optional[int]):\n    return a + b", "2 tests passed"),
        (
            "def add(a, b):\n    return tuple([1, 2]) if isinstance(a, list) else 3",
            "2 tests passed",
        ),
        ("def add(a, b):\n    return 3.0", "test 2 of 2: expected '[1, 2]', got '3.0'"),
        ("def add(a, b):\n    return True", "test 1 of 2: expected '3', got 'true'"),
        ("def add(a, b):\n    print(3)", "test 1 of 2: expected '3', got 'null'"),
        ("print(3)\nimport os\nos._exit(0)", "test 1 of 2: expected '3', got ''"),
    ],
)
def test_functions(program: str, expected: str) -> None:
    assert rule(program, ADD)[1] == expected


HOSTILE = {
    "forks": "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
    "allocates": "x = []\nwhile True: x.append(bytearray(10**8))",
    "loops": "while True: pass",
    "prints": "while True: print('x' * 100_000)",
    "ignores signals": (
        "import signal\nfor n in range(1, 65):\n    try: signal.signal(n, signal.SIG_IGN)\n"
        "    except (OSError, ValueError): pass\nwhile True: pass"
    ),
    "exits early": "import os\nos._exit(0)",
    "fills the disk": "open('/tmp/x', 'wb').write(bytes(10**8))",
    "detaches": "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(60)",
    "kills": "import os\nos.kill(-1, 9)",
    "null bytes": "\x00",
    "surrogates": "print('\ud800')",
}


@needs_sandbox
@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_hostile_programs_are_wrong_and_leave_nothing(name: str) -> None:
    before = {process.pid for process in psutil.process_iter()}
    begin = time.monotonic()
    assert rule(HOSTILE[name], spec=QUICK)[0] == "WRONG"
    assert time.monotonic() - begin < 20
    while [p for p in psutil.process_iter() if p.pid not in before and _is_program(p)]:
        assert time.monotonic() - begin < 25  # the kernel takes a moment to clear the cell


def _is_program(process: psutil.Process) -> bool:
    try:
        return "program.py" in process.cmdline()
    except psutil.Error:
        return False


@needs_sandbox
def test_in_the_pool() -> None:
    with JudgePool(2) as pool:
        for number in range(4):
            program = "print(sum(map(float, input().split())))" if number % 2 else "1/0"
            tests = (CodeTest("1 2", "3.0"),)
            pool.submit(number, Problem("p", "t", "?", "", tests=tests), fenced(program), PATIENT)
        outcomes = {number: ruling.outcome for number, ruling in pool.drain()}
    assert outcomes == {n: Outcome.CORRECT if n % 2 else Outcome.WRONG for n in range(4)}


@needs_sandbox
def test_the_cell_is_closed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("42")
    tmp_path.chmod(0o777)
    program = f"""
import os, socket
def attempt(name, action):
    try: action(); print(name, "POSSIBLE")
    except OSError: pass
attempt("read", lambda: open({str(secret)!r}).read())
attempt("write", lambda: open({str(tmp_path / "new")!r}, "w"))
attempt("usr", lambda: open("/usr/x", "w"))
attempt("root", lambda: open("/x", "w"))
attempt("passwd", lambda: open("/etc/passwd").read())
attempt("connect", lambda: socket.create_connection(("127.0.0.1", 22), 1))
attempt("setuid", lambda: os.setuid(0) if os.getuid() else os.chroot("/tmp"))
attempt("mount", lambda: os.mknod("/tmp/null", 0o20666, os.makedev(1, 3)))
print([line.split()[1] for line in open("/proc/self/status") if line[:4] == "CapE"])
print(sorted(name for name in os.environ if name not in ("PATH", "HOME", "LC_CTYPE")))
print(len([name for name in os.listdir("/proc") if name.isdigit()]))
print(sorted(os.listdir("/proc/self/fd"))[:4])
"""
    done = sandbox.run(program, b"", sandbox.Limits(seconds=10))
    expected = "['0000000000000000']\n['OMP_NUM_THREADS']\n1\n['0', '1', '2', '3']\n"
    assert (done.output.decode(), done.error) == (expected, "")
    assert not (tmp_path / "new").exists()
