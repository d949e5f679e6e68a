"""Commands, output and failures of torchrun, with real processes but without torch."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from smallscale_ci.errors import EngineError, UsageError
from smallscale_ci.train.launch import LocalRunner, Printed, nodes_of, torchrun
from smallscale_ci.train.llamafactory import Place
from smallscale_ci.worker.train.entry import FAILED


def runner(**changes: object) -> LocalRunner:
    values = {"ranks": 1, "nodes": 1, "gpus": (), **changes}
    environment = {"HF_TOKEN": "s3cret", "WANDB_API_KEY": "s3cret", "PLAIN": "p"}
    return LocalRunner(Path(sys.executable), environment, **values)


def finish(started) -> int:
    while (code := started.poll()) is None:
        time.sleep(0.01)
    return code


def printed(tmp_path: Path, text: str) -> Printed:
    found = Printed(tmp_path / "log")
    found.feed(text.encode())
    return found


def test_the_command_of_one_node() -> None:
    place = Place("/m", "/p", "/o", ranks=2)
    found = torchrun(runner(ranks=2), place, "lcpo", keep=3, word="w")
    assert found[1:4] == ["-m", "torch.distributed.run", "--rdzv-backend=c10d"]
    assert found[6:8] == ["--nproc-per-node", "2"]
    assert found[9:14] == ["train", "/o/settings/llamafactory.yaml", "--keep", "3", "--leader"]
    assert found[14:17] == ["/o/settings/leader=w", "--loss", "lcpo"]
    assert "--parent" in found
    assert "--loss" not in torchrun(runner(), place, "dpo", keep=1, word="w")


def test_several_nodes_meet_where_the_user_says() -> None:
    options = ("--nnodes=2", "--rdzv-backend=c10d", "--rdzv-endpoint=a:29500")
    assert nodes_of(options) == 2
    place = Place("/m", "/p", "/o", ranks=8, nodes=2)
    found = torchrun(runner(ranks=8, nodes=2), place, "lcpo", keep=1, word="w", options=options)
    assert found[3:6] == [*options]
    assert "--local-addr=127.0.0.1" not in found
    assert nodes_of(("--nnodes", "4")) == 4
    assert nodes_of(()) == 1


@pytest.mark.parametrize("options", [("--nnodes=1:4",), ("--nnodes",), ("--nproc_per_node=2",)])
def test_options_that_would_change_the_batch_are_refused(options) -> None:
    with pytest.raises(UsageError):
        nodes_of(options)


def test_processes_get_no_secrets_and_reach_no_hub(tmp_path: Path) -> None:
    code = "import json, os; print(json.dumps(dict(os.environ)))"
    started = runner().start([sys.executable, "-c", code], tmp_path, tmp_path / "log")
    assert finish(started) == 0
    found = json.loads(started.printed.text())
    assert "s3cret" not in started.printed.text()
    assert found["PLAIN"] == "p"
    assert found["HF_HUB_OFFLINE"] == "1"
    assert found["DS_ACCELERATOR"] == "cpu"
    assert (tmp_path / "log").read_text().strip() == started.printed.text().strip()


def test_gpus_are_the_chosen_ones(tmp_path: Path) -> None:
    code = "import os; print(os.environ['CUDA_VISIBLE_DEVICES'], 'DS_ACCELERATOR' in os.environ)"
    started = runner(gpus=("2", "3"), ranks=2).start(
        [sys.executable, "-c", code], tmp_path, tmp_path / "log"
    )
    finish(started)
    assert started.printed.text() == "2,3 False"


def test_a_python_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="cannot be started") as caught:
        runner().start(["/nowhere/python"], tmp_path, tmp_path / "log")
    assert "engine install train-cpu" in caught.value.hint


def test_stop_ends_a_process_that_does_not_listen(tmp_path: Path) -> None:
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True)"
    started = runner().start(
        [sys.executable, "-c", f"{code}; time.sleep(60)"], tmp_path, tmp_path / "log"
    )
    while not started.printed.text():
        time.sleep(0.01)
    started.stop(0.2)
    assert started.poll() == -9


def test_who_is_interrupted_while_it_starts_leaves_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[subprocess.Popen[bytes]] = []

    class Slow(subprocess.Popen):
        def __init__(self, *arguments: object, **options: object) -> None:
            super().__init__(*arguments, **options)
            begun.append(self)
            os.kill(os.getpid(), signal.SIGINT)  # the process is there, and nobody knows it yet
            time.sleep(0.1)

    monkeypatch.setattr(subprocess, "Popen", Slow)
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    # Background jobs of a shell, pytest for one, begin with SIGINT ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            runner().start(command, tmp_path, tmp_path / "log")
    finally:
        signal.signal(signal.SIGINT, before)
    assert [process.poll() for process in begun] in ([-signal.SIGTERM], [-signal.SIGKILL])


def test_the_first_failure_counts_also_across_chunks(tmp_path: Path) -> None:
    told = f'{FAILED}{{"kind": "not-finite", "message": "N: the loss of step 3 is nan"}}\n'
    found = Printed(tmp_path / "log")
    for piece in (told[:9], told[9:30], told[30:], told.replace("step 3", "step 4")):
        found.feed(piece.encode())
    assert found.failure["message"].endswith("step 3 is nan")
    assert found.tail() == ""
