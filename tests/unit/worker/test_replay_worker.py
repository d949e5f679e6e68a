"""The worker as a process of its own, with the replay engine: what it does with its folder."""

import ast
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from smallscale_ci.generate.interface import Job
from smallscale_ci.generate.local import WORKER_FOLDER
from smallscale_ci.generate.workfolder import WorkFolder
from smallscale_ci.records import Prompt, SamplingSpec
from smallscale_ci.worker import protocol

SAMPLING = SamplingSpec(0, 1, 0, 0, 8, 0)


def prompt(number: int) -> Prompt:
    return Prompt(f"p{number}", 0, "t", ({"role": "user", "content": str(number)},), number)


def wait(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class Bench:
    """A work folder and the workers on it."""

    def __init__(self, folder: WorkFolder, model: Path) -> None:
        self.folder, self.model = folder, model
        self.processes: list[subprocess.Popen[bytes]] = []

    def prepare(self, count: int, **arguments: object) -> None:
        stored = [
            {
                "problem_id": f"p{number}",
                "sample_index": 0,
                "text": f"t{number}",
                "token_ids": list(range(number)),
                "prompt_tokens": 4,
                "finish_reason": "STOP",
            }
            for number in range(count)
        ]
        self.model.write_text("".join(json.dumps(value) + "\n" for value in stored))
        job = Job("replay", str(self.model), SAMPLING, max_in_flight=4, engine_args=arguments)
        self.folder.prepare(job)

    def start(self, rank: int = 0, parent: int | None = None) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-I", str(WORKER_FOLDER)]
        command += ["--work", str(self.folder.path), "--rank", str(rank)]
        command += [] if parent is None else ["--parent", str(parent)]
        with (self.folder.path / "log" / f"{rank}.log").open("ab") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def state(self, rank: int = 0) -> str:
        return str((self.folder.status(rank) or {}).get("state"))


@pytest.fixture
def bench(tmp_path) -> Iterator[Bench]:
    with WorkFolder(tmp_path / "work") as folder:
        made = Bench(folder, tmp_path / "model.jsonl")
        yield made
        for process in made.processes:
            process.kill()
            process.wait()


def test_it_completes_what_is_there_and_ends_when_told(bench):
    bench.prepare(6)
    for number in range(5):
        bench.folder.put(prompt(number))
    process = bench.start(parent=os.getpid())
    found: list[dict] = []
    wait(lambda: found.extend(bench.folder.completions()) or len(found) == 5)
    assert {value["problem_id"]: value["text"] for value in found} == {
        f"p{number}": f"t{number}" for number in range(5)
    }
    assert all(value["completion_tokens"] == len(value["token_ids"]) for value in found)
    assert len({value["prompt_hash"] for value in found}) == 5
    wait(lambda: not list((bench.folder.path / "claimed" / "0").iterdir()))
    bench.folder.put(prompt(5))  # more work, later
    wait(lambda: found.extend(bench.folder.completions()) or len(found) == 6)
    bench.folder.ask_to_stop()
    assert process.wait(30) == 0
    assert bench.state() == protocol.DONE
    assert (bench.folder.status(0) or {})["info"]["engine"] == "replay"


def test_what_an_endpoint_counted_and_log_probabilities_are_given_again(bench):
    bench.prepare(1)
    stored = json.loads(bench.model.read_text())
    # An endpoint gives the number of its tokens, not the tokens.
    stored |= {"token_ids": [], "completion_tokens": 7, "logprobs": [-0.5], "thinking": None}
    bench.model.write_text(json.dumps(stored) + "\n")
    bench.folder.put(prompt(0))
    bench.start(parent=os.getpid())
    found: list[dict] = []
    wait(lambda: found.extend(bench.folder.completions()) or found)
    assert (found[0]["completion_tokens"], found[0]["logprobs"]) == (7, [-0.5])


def test_it_holds_no_more_than_it_may(bench):
    bench.prepare(40, tokens_per_second=1)
    for number in range(30, 40):
        bench.folder.put(prompt(number))
    bench.start(parent=os.getpid())
    wait(lambda: bench.folder.pending() == 6)
    time.sleep(0.3)
    assert bench.folder.pending() == 6
    assert len(list((bench.folder.path / "claimed" / "0").iterdir())) == 4


def test_an_unknown_sample_is_an_error_line(bench):
    bench.prepare(1)
    bench.folder.put(prompt(9))
    bench.start(parent=os.getpid())
    found: list[dict] = []
    wait(lambda: found.extend(bench.folder.completions()) or found)
    assert (found[0]["finish_reason"], found[0]["token_ids"]) == ("ERROR", [])
    assert "no stored completion" in found[0]["error"]


def test_a_stored_finish_reason_that_nobody_knows_is_an_error_line(bench):
    bench.prepare(2)
    lines = bench.model.read_text().replace('"STOP"', '"repetition"', 1)
    bench.model.write_text(lines)
    for number in range(2):
        bench.folder.put(prompt(number))
    bench.start(parent=os.getpid())
    found: list[dict] = []
    wait(lambda: found.extend(bench.folder.completions()) or len(found) == 2)
    ends = {value["problem_id"]: value["finish_reason"] for value in found}
    assert ends == {"p0": "ERROR", "p1": "STOP"}
    assert "unknown finish reason 'repetition'" in {value["error"] for value in found}


def test_an_answer_that_cannot_be_is_an_error_line(bench):
    bench.prepare(5)
    changes = (
        {"text": None},
        {"token_ids": None},
        {"completion_tokens": -3},
        {"prompt_tokens": 2**31},
    )
    stored = [json.loads(line) for line in bench.model.read_text().splitlines()]
    for value, change in zip(stored, changes, strict=False):
        value.update(change)
    bench.model.write_text("".join(json.dumps(value) + "\n" for value in stored))
    for number in range(5):
        bench.folder.put(prompt(number))
    bench.start(parent=os.getpid())
    found: list[dict] = []
    wait(lambda: found.extend(bench.folder.completions()) or len(found) == 5)
    ends = {value["problem_id"]: value["finish_reason"] for value in found}
    assert ends == {**dict.fromkeys(("p0", "p1", "p2", "p3"), "ERROR"), "p4": "STOP"}


def test_sigterm_ends_it_at_once_and_what_was_in_flight_stays_claimed(bench):
    bench.prepare(40, tokens_per_second=1)
    bench.folder.put(prompt(39))
    process = bench.start(parent=os.getpid())
    wait(lambda: bench.folder.pending() == 0)
    process.terminate()
    assert process.wait(5) == 0
    assert [item["problem_id"] for item in bench.folder.take_back(0)] == ["p39"]
    assert list(bench.folder.completions()) == []


@pytest.mark.parametrize("signalled", [True, False])
def test_an_engine_that_loads_is_not_waited_for(bench, signalled):
    bench.prepare(1, start_s=600)
    bench.folder.put(prompt(0))
    process = bench.start(parent=os.getpid())
    wait(lambda: bench.state() == protocol.STARTING)
    if signalled:
        process.terminate()
    else:
        bench.folder.ask_to_stop()
    assert process.wait(30) == 1
    assert bench.folder.pending() == 1


def test_an_orphan_claims_nothing(bench):
    bench.prepare(5)
    for number in range(5):
        bench.folder.put(prompt(number))
    process = bench.start(parent=1 if os.getpid() != 1 else 2)  # somebody else
    assert process.wait(30) in {0, 1}
    assert bench.folder.pending() == 5
    assert list(bench.folder.completions()) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"engine": "none"}, "knows no engine 'none'"),
        ({"protocol": 99}, "of another version"),
        ({"model": "/none.jsonl"}, "cannot be read from /none.jsonl"),
    ],
)
def test_what_it_cannot_start_with_is_told(bench, change, message):
    bench.prepare(1)
    job = bench.folder.path / "job.json"
    protocol.write_atomically(job, {**json.loads(job.read_text()), **change})
    assert bench.start(parent=os.getpid()).wait(30) == 1
    assert bench.state() == protocol.FAILED
    assert message in (bench.folder.status(0) or {})["error"]["message"]


def test_a_missing_engine_is_told_with_its_remedy(bench):
    bench.prepare(1)
    job = bench.folder.path / "job.json"
    protocol.write_atomically(job, {**json.loads(job.read_text()), "engine": "vllm"})
    assert bench.start(parent=os.getpid()).wait(30) == 1
    error = (bench.folder.status(0) or {})["error"]
    assert "cannot be imported" in error["message"]
    assert "--engine-python" in error["hint"]
    assert "No module named 'vllm'" in bench.folder.log_tail(0)


def test_an_out_file_that_cannot_be_opened_fails_the_worker_and_nothing_is_lost(bench):
    bench.prepare(5)
    (bench.folder.path / "out" / "0.jsonl").symlink_to("/dev/full")
    bench.folder.put(prompt(3))
    assert bench.start(parent=os.getpid()).wait(30) == 1
    assert "symbolic links" in (bench.folder.status(0) or {})["error"]["message"]
    assert bench.folder.pending() == 1


def test_its_folder_imports_nothing_of_the_package():
    engines = {"vllm", "torch", "transformers", "sglang", "openai"}
    training = {"torch", "transformers", "llamafactory", "peft", "safetensors", "yaml"}
    for path in WORKER_FOLDER.glob("*.py"):
        given = training if path.name.startswith("train_") else engines
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            found = {name.partition(".")[0] for name in names}
            assert found <= given | sys.stdlib_module_names, path
