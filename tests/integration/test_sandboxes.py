"""Every sandbox against the same hostile programs; how one is chosen, and what it leaves."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from helpers import boxes
from helpers.clock import now
from helpers.needed import absent

from smallscale_ci.config.seams import SANDBOXES
from smallscale_ci.containers import spec
from smallscale_ci.errors import JudgeError, UsageError
from smallscale_ci.judges.code import CodeJudge
from smallscale_ci.judges.interface import JudgeSpec
from smallscale_ci.records import CodeTest, Problem
from smallscale_ci.sandbox.choice import choose
from smallscale_ci.sandbox.container import Container
from smallscale_ci.sandbox.interface import Limits, Sandbox

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-c", "from smallscale_ci.cli.main import main; main()"]
SUM = (CodeTest("1 2\n", "3\n"), CodeTest("10 -4\n", "6"))


@pytest.fixture(scope="module")
def lock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image lock with our sandbox image, built as users build it."""
    boxes.engine()
    place = tmp_path_factory.mktemp("sandbox")
    path = place / "images.lock.yaml"
    path.write_bytes((ROOT / "docker" / "images.lock.yaml").read_bytes())
    done = subprocess.run(
        [*COMMAND, "image", "build", "sandbox", "--base", boxes.BASE],
        cwd=ROOT, env={**os.environ, "SMALLSCALE_IMAGES": str(path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return path


@pytest.fixture(scope="module", params=SANDBOXES)
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """Each back end in turn."""
    path = request.getfixturevalue("lock") if request.param == "container" else ROOT
    try:
        found = choose(request.param, path, os.environ, now, nonce="a1b2c3").sandbox
    except JudgeError as error:
        absent(error.message)
        raise AssertionError from error
    assert found is not None
    assert found.name == request.param
    yield found
    found.clean()
    assert leftovers(found) == []


def leftovers(sandbox: Sandbox) -> list[str]:
    """Containers that are still there."""
    if not isinstance(sandbox, Container):
        return []
    return [each.name for each in boxes.engine().labelled(**{spec.RUN: sandbox.token})]


def rule(sandbox: Sandbox, program: str, timeout_s: float) -> tuple[str, str]:
    problem = Problem("p", "t", "?", "", tests=SUM)
    spec = JudgeSpec("code", timeout_s=timeout_s, sandbox=sandbox)
    ruling = CodeJudge().judge(problem, f"```python\n{program}\n```", spec)
    return ruling.outcome.value, ruling.reason


def test_programs_run(sandbox: Sandbox) -> None:
    good = "import sys\nprint(sum(map(int, sys.stdin.read().split())))"
    assert rule(sandbox, good, 60) == ("CORRECT", "2 tests passed")
    assert rule(sandbox, "print(3)", 60) == ("WRONG", "test 2 of 2: expected '6', got '3'")
    outcome, reason = rule(sandbox, "1/0", 60)
    assert outcome == "WRONG"
    assert "ended with status 1: ZeroDivisionError" in reason


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
    "threads": "import threading, time\nfor n in range(10**4):\n"
    "    threading.Thread(target=time.sleep, args=(60,)).start()",
    "traces": "import ctypes, os\nlibc = ctypes.CDLL(None)\n"
    "for p in os.listdir('/proc'):\n    if p.isdigit(): libc.ptrace(16, int(p), 0, 0)",
    "floods errors": "import sys\nwhile True: sys.stderr.write('x' * 10**6)",
    "closes all": "import os\nos.closerange(0, 1024)\nwhile True: pass",
    "null bytes": "\x00",
    "surrogates": "print('\ud800')",
}


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_hostile_programs_are_wrong_and_leave_nothing(name: str, sandbox: Sandbox) -> None:
    before = programs()
    begin = time.monotonic()
    outcome, reason = rule(sandbox, HOSTILE[name], 2)
    assert outcome == "WRONG", reason
    assert time.monotonic() - begin < 45  # what sleeps would sleep for longer
    while programs() - before:
        assert time.monotonic() - begin < 50  # the kernel takes a moment to clear the cell
        time.sleep(0.05)
    assert leftovers(sandbox) == []


def programs() -> set[str]:
    """Processes of this machine that run a judged program."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if b"program.py" in (process / "cmdline").read_bytes():
                found.add(process.name)
    return found


def test_the_cell_is_closed(tmp_path: Path, sandbox: Sandbox) -> None:
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
attempt("program", lambda: open("/sandbox/program.py", "w"))
attempt("input", lambda: open("/sandbox/input", "w"))
attempt("shadow", lambda: open("/etc/shadow").read())
attempt("connect", lambda: socket.create_connection(("127.0.0.1", 22), 1))
attempt("setuid", lambda: os.setuid(0) if os.getuid() else os.chroot("/tmp"))
attempt("mount", lambda: os.mknod("/tmp/null", 0o20666, os.makedev(1, 3)))
print([line.split()[1] for line in open("/proc/self/status") if line[:4] == "CapE"])
print(sorted(name for name in os.environ if name not in ("PATH", "HOME", "LC_CTYPE")))
print(len([name for name in os.listdir("/proc") if name.isdigit()]) <= 3)
print([line.split()[1] for line in open("/proc/self/status") if line.startswith("NoNew")])
print([line.split(":")[0].strip() for line in open("/proc/net/dev") if ":" in line])
print(sorted(os.listdir("/proc/self/fd"))[:4])
"""
    if sandbox.name != "container":  # whose memory is limited as a whole
        last = sandbox.run("print(open('/proc/self/oom_score_adj').read())", b"", Limits())
        assert last.output == b"1000\n\n"
    done = sandbox.run(program, b"", Limits(seconds=10))
    expected = (
        "['0000000000000000']\n['OMP_NUM_THREADS']\nTrue\n['1']\n['lo']\n['0', '1', '2', '3']\n"
    )
    assert (done.output.decode(), done.error) == (expected, "")
    assert not (tmp_path / "new").exists()


def test_no_program_makes_namespaces_or_a_larger_tmp(sandbox: Sandbox) -> None:
    program = """
import ctypes, errno, os, subprocess
libc = ctypes.CDLL(None, use_errno=True)
for flags in (0x10000000, 0x10020000, 0x40000000):
    print(libc.unshare(flags), errno.errorcode.get(ctypes.get_errno()))
print(libc.syscall(435, None, 0), errno.errorcode.get(ctypes.get_errno()))
print(libc.syscall(56 if os.uname().machine == "x86_64" else 220, 0x10000011, 0, 0, 0, 0))
print(libc.mount(b"none", b"/tmp", b"tmpfs", 0, b"size=1g"))
print(subprocess.run(["true"]).returncode)
written = 0
try:
    for number in range(20):
        with open(f"/tmp/{number}", "wb", buffering=0) as file:
            for _ in range(7):
                written += file.write(bytes(1 << 20))
except OSError as error:
    print(errno.errorcode[error.errno], written >> 20 <= 64)
"""
    done = sandbox.run(program, b"", Limits(seconds=20))
    refused = "-1 EPERM\n" * 3 + "-1 ENOSYS\n-1\n-1\n0\nENOSPC True\n"
    assert (done.output.decode(), done.error) == (refused, "")


def test_memory_output_and_processes_are_limited(sandbox: Sandbox) -> None:
    limits = Limits(seconds=20, memory_bytes=256 << 20, output_bytes=1 << 20, processes=4)
    done = sandbox.run("x = bytearray(400 << 20)", b"", limits)
    assert "MemoryError" in done.error
    done = sandbox.run("while True: print('x' * 1000)", b"", limits)
    assert len(done.output) == 1 << 20
    done = sandbox.run(
        "import os\nn = 0\ntry:\n    while n < 64:\n        if os.fork() == 0:\n"
        "            import time; time.sleep(5); os._exit(0)\n        n += 1\n"
        "except OSError: pass\nprint(n, flush=True)\nos._exit(0)",
        b"",
        limits,
    )
    assert int(done.output) <= 8


def test_the_first_that_works_is_chosen_and_the_reason_told(lock: Path, tmp_path: Path) -> None:
    found = choose("auto", lock, os.environ, now, nonce="a1b2c3")
    assert found.record() == {"name": "container", "reason": "the first choice"}
    entry = {"repository": "smallscale/sandbox", "tag": "1", "dockerfile": "sandbox.Dockerfile"}
    unpinned = choose(
        "auto", boxes.write_lock(tmp_path, sandbox=entry), os.environ, now, nonce="a1b2c3"
    )
    assert unpinned.record() == {
        "name": "bubblewrap",
        "reason": "container: not built yet (smallscale image build sandbox)",
    }
    elsewhere = {**entry, "id": f"sha256:{'0' * 64}"}
    absent = choose(
        "auto", boxes.write_lock(tmp_path, sandbox=elsewhere), os.environ, now, nonce="a1b2c3"
    )
    assert absent.reason.startswith("container: its image is not here")
    nowhere = choose(
        "auto", lock, {"DOCKER_HOST": f"unix://{tmp_path}/none.sock"}, now, nonce="a1b2c3"
    )
    assert nowhere.record()["name"] == "bubblewrap"
    assert "No container engine answers" in nowhere.reason
    asked = choose("namespaces", lock, os.environ, now, nonce="a1b2c3")
    assert asked.record() == {"name": "namespaces", "reason": "asked for"}


def test_what_is_asked_for_and_not_there_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match=r"no sandbox 'bubblewrab' .did you mean 'bubblewrap'"):
        choose("bubblewrab", tmp_path, {}, now, nonce="a1b2c3")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(JudgeError, match="the program bwrap is not installed"):
        choose("bubblewrap", tmp_path, {}, now, nonce="a1b2c3")
    found = choose("auto", tmp_path, {}, now, nonce="a1b2c3")
    assert found.sandbox is None
    assert "namespaces: the program unshare is not installed" in found.reason


def test_containers_of_a_killed_judge_are_removed(lock: Path) -> None:
    """The worker dies while its container runs; cleaning by label, or a later run, removes it."""
    code = (
        "import os, sys; from pathlib import Path\n"
        "from datetime import UTC, datetime; from functools import partial\n"
        "from smallscale_ci.sandbox.choice import choose\n"
        "from smallscale_ci.sandbox.interface import Limits\n"
        f"where = Path({str(lock)!r}), os.environ, partial(datetime.now, UTC)\n"
        "found = choose('container', *where, nonce='d4e5f6').sandbox\n"
        "print(found.token, flush=True)\n"
        "found.run('while True: pass', b'', Limits(seconds=60))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    token = process.stdout.readline().strip()
    deadline = time.monotonic() + 90
    while not any(each.running for each in boxes.engine().labelled(**{spec.RUN: token})):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.kill()
    process.wait()
    process.stdout.close()
    assert boxes.engine().labelled(**{spec.RUN: token})
    choose("container", lock, os.environ, now, nonce="a1b2c3")  # the next run of anybody
    assert boxes.engine().labelled(**{spec.RUN: token}) == []


def test_doctor_shows_the_sandbox_and_heeds_a_choice(lock: Path) -> None:
    def doctor(**environment: str) -> dict[str, str]:
        import json

        done = subprocess.run(
            [*COMMAND, "doctor", "--json"], cwd=ROOT, env={**os.environ, **environment},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        (line,) = (one for one in json.loads(done.stdout) if one["what"] == "sandbox for code")
        return line

    assert doctor(SMALLSCALE_IMAGES=str(lock))["found"] == "container (the first choice)"
    assert doctor(SMALLSCALE_SANDBOX="namespaces")["found"] == "namespaces (asked for)"
    assert doctor(SMALLSCALE_SANDBOX="jar")["state"] == "bad"
