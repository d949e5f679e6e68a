"""Worker processes of this machine, with a shell script in the place of the engine's Python."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from smallscale_ci.errors import EngineError
from smallscale_ci.generate.local import WORKER_FOLDER, LocalRuntime
from smallscale_ci.generate.workfolder import make
from smallscale_ci.worker import protocol


@pytest.fixture
def work(tmp_path: Path) -> Path:
    make(tmp_path / "work")
    return tmp_path / "work"


def eventually(condition: Callable[[], object]) -> None:
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.002)


def printed(runtime: LocalRuntime, work: Path, rank: int = 0) -> str:
    runtime.start(work, rank)
    eventually(lambda: runtime.poll()[rank] is not None)
    return (work / "log" / f"{rank}.log").read_text()


def test_a_worker_is_told_its_rank_and_whose_child_it_is(work, script):
    said = printed(LocalRuntime(script('echo "$@"'), {"PATH": os.environ["PATH"]}), work, 3)
    told = f"{WORKER_FOLDER} --work {work} --rank 3 --parent {os.getpid()}\n"
    assert said == told


def test_workers_get_no_secrets_but_the_one_they_need(work, script):
    secret = {
        name: f"s3cret {name}"
        for name in ("HF_TOKEN", "AWS_SECRET", "db_password", "WANDB_API_KEY", "MY_KEY")
    }
    environment = {"PATH": os.environ["PATH"], "HTTP_PROXY": "p", **secret}
    said = printed(LocalRuntime(script("env"), environment, keep="MY_KEY"), work)
    assert [name for name in secret if f"s3cret {name}" in said] == ["MY_KEY"]
    assert "HTTP_PROXY=p\n" in said
    assert "HF_HUB_OFFLINE=1\n" in said


def test_ranks_see_their_own_gpus_and_without_any_what_the_machine_shows(work, script):
    python, environment = script("echo $CUDA_VISIBLE_DEVICES"), {"CUDA_VISIBLE_DEVICES": "9"}
    gpus = [("0", "1"), ("nvidia.com/gpu=2",)]
    runtime = LocalRuntime(python, environment, gpus)
    assert [printed(runtime, work, rank) for rank in range(3)] == ["0,1\n", "2\n", "9\n"]


def test_a_log_is_continued_by_the_worker_that_is_started_again(work, script):
    runtime = LocalRuntime(script("echo up; exit 4"), {})
    assert printed(runtime, work) == "up\n"
    assert printed(runtime, work) == "up\nup\n"
    assert runtime.poll() == {0: 4}


@pytest.mark.parametrize("how", ["kill", "stop", "start"])
def test_what_a_worker_has_started_does_not_outlive_it(work, script, how):
    """An engine's own processes would hold its GPUs."""
    pid = work / "pid"
    runtime = LocalRuntime(script(f"sleep 60 & echo $! > {pid}; wait"), {})
    runtime.start(work, 0)
    eventually(lambda: pid.exists() and pid.read_text().strip())
    child = int(pid.read_text())
    {"kill": lambda: runtime.kill(0), "stop": lambda: runtime.stop(0), "start": lambda: None}[how]()
    if how == "start":
        runtime.start(work, 0)
    eventually(lambda: not alive(child))
    runtime.stop(0)
    assert runtime.poll() == {}


def alive(pid: int) -> bool:
    """Whether a process runs: who ended and was not waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_stop_is_polite_and_then_is_not(work, script):
    up = work / "up"
    runtime = LocalRuntime(script(f"trap 'echo bye; exit 0' TERM; touch {up}; sleep 60 & wait"), {})
    runtime.start(work, 0)
    eventually(up.exists)
    runtime.stop(60)
    assert (work / "log" / "0.log").read_text() == "bye\n"
    up.unlink()
    deaf = LocalRuntime(script(f"trap '' TERM; touch {up}; sleep 60 & wait"), {})
    deaf.start(work, 1)
    eventually(up.exists)
    process = deaf._processes[1]
    deaf.stop(0.01)
    assert process.returncode == -signal.SIGKILL


def test_a_python_that_is_not_there_is_an_error_with_the_command_that_makes_it(work, tmp_path):
    runtime = LocalRuntime(tmp_path / "none", {})
    with pytest.raises(EngineError, match="cannot be started: No such file") as caught:
        runtime.start(work, 0)
    assert "engine install" in caught.value.hint
    assert runtime.poll() == {}
    runtime.kill(0)


def test_workers_are_sent_on_by_a_file_that_names_the_folder(work, tmp_path):
    LocalRuntime(Path("/none"), {}).move(work, tmp_path / "next")
    assert protocol.read_json(work / protocol.NEXT) == str(tmp_path / "next")
