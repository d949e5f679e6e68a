"""The openai engine as a worker process against a real HTTP server of its own."""

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from helpers.endpoint import KEY, TORN, Endpoint

from smallscale_ci.errors import EngineError
from smallscale_ci.generate.interface import Job
from smallscale_ci.generate.local import LocalRuntime
from smallscale_ci.generate.planned import Planned
from smallscale_ci.generate.ranks import Limits, Ranks
from smallscale_ci.generate.scheduler import Scheduler
from smallscale_ci.generate.workfolder import WorkFolder
from smallscale_ci.records import FinishReason, Generation, Prompt, SamplingSpec
from smallscale_ci.worker.engines.interface import Completion, Request, StartError
from smallscale_ci.worker.engines.openai import OpenAIAdapter, _thinking_tokens


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    server = Endpoint()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def folder(tmp_path) -> Iterator[WorkFolder]:
    with WorkFolder(tmp_path / "work") as made:
        yield made


def prompts(count: int) -> Planned:
    return Planned.of(
        [Prompt(f"p{n}", 0, "t", ({"role": "user", "content": f"{n}"},), n) for n in range(count)]
    )


def generate(
    folder: WorkFolder,
    endpoint: Endpoint,
    count: int,
    *,
    in_flight: int = 4,
    planned: Planned | None = None,
    template: dict[str, object] | None = None,
    **arguments: object,
) -> dict[str, Generation]:
    arguments = {"base_url": endpoint.url, "api_key_env": "THE_API_KEY", **arguments}
    spec = SamplingSpec(0.6, 0.95, 0, 0, 8, 0)
    job = Job("openai", "m", spec, in_flight, engine_args=arguments, template=template or {})
    runtime = LocalRuntime(
        Path(sys.executable), {**os.environ, "THE_API_KEY": KEY}, keep="THE_API_KEY"
    )
    with Scheduler(folder, Ranks(runtime, 1, Limits(30, 30)), job) as scheduler:
        found = [each for some in scheduler.run(planned or prompts(count)) for each in some]
        assert scheduler.ranks.info()["engine"] == "openai"
    assert len(found) == count
    return {each.problem_id: each for each in found}


def test_every_sample_is_asked_once_with_all_its_parameters(endpoint, folder):
    endpoint.pause = 0.02
    found = generate(folder, endpoint, 30, in_flight=6)
    assert {name: each.text for name, each in found.items()} == {
        f"p{n}": f"t{n}" for n in range(30)
    }
    assert all(each.completion_tokens == 7 and each.prompt_tokens == 5 for each in found.values())
    assert set(endpoint.asked.values()) == {1}
    assert 1 < endpoint.most <= 6
    body = endpoint.bodies[0]
    assert body["model"] == "m"
    assert (body["temperature"], body["top_p"], body["max_tokens"]) == (0.6, 0.95, 8)
    assert (body["top_k"], body["min_p"]) == (-1, 0)  # none left to a server's default
    assert {body["seed"] for body in endpoint.bodies} == set(range(30))
    assert endpoint.keys == {f"Bearer {KEY}"}
    for path in folder.path.rglob("*"):
        assert path.is_dir() or KEY.encode() not in path.read_bytes()


def test_a_service_that_stumbles_is_asked_again(endpoint, folder):
    endpoint.failures = {"1": [429, 429], "2": [500], "3": [503], "4": [0]}
    found = generate(folder, endpoint, 6)
    assert {each.finish_reason for each in found.values()} == {FinishReason.STOP}
    assert [endpoint.asked[str(n)] for n in range(6)] == [1, 3, 2, 2, 2, 1]


def test_half_an_answer_is_asked_for_again(endpoint, folder):
    endpoint.failures = {"1": [TORN], "2": [TORN] * 99}
    found = generate(folder, endpoint, 4)
    assert found["p1"].text == "t1"
    assert found["p2"].finish_reason is FinishReason.ERROR
    assert "cannot be read" in found["p2"].error
    assert found["p3"].text == "t3"


def test_half_a_character_in_a_question_is_not_asked_again_and_again(endpoint, folder):
    half = Prompt("p0", 0, "t", ({"role": "user", "content": "\ud800"},), 0)
    found = generate(folder, endpoint, 2, planned=Planned.of([half, prompts(2).prompt(1)]))
    assert found["p0"].finish_reason is FinishReason.ERROR
    assert "surrogates not allowed" in found["p0"].error
    assert "cannot be read" not in found["p0"].error
    assert found["p1"].text == "t1"


def test_a_crowd_is_waited_for_as_long_as_others_get_through(endpoint, folder):
    endpoint.failures, endpoint.pause = {"0": [429] * 5}, 0.05
    found = generate(folder, endpoint, 60, in_flight=2, max_retries=1)
    assert {each.finish_reason for each in found.values()} == {FinishReason.STOP}
    assert endpoint.asked["0"] == 6


def test_a_request_that_the_service_fails_at_costs_itself_alone(endpoint, folder):
    endpoint.failures = {"2": [500] * 99}
    found = generate(folder, endpoint, 3, in_flight=1, max_retries=1)
    assert found["p2"].finish_reason is FinishReason.ERROR  # though nobody else is asked any more
    assert "500" in found["p2"].error
    assert found["p1"].text == "t1"


def test_a_request_that_is_refused_costs_itself_alone(endpoint, folder):
    endpoint.failures = {"1": [400], "2": [422], "4": [413]}
    found = generate(folder, endpoint, 5)
    assert found["p1"].finish_reason is FinishReason.ERROR
    assert "refused" in found["p2"].error
    assert found["p3"].text == "t3"
    assert "refused" in found["p4"].error


def _choice(finish: str, **message: object) -> dict[str, Any]:
    value = {"role": "assistant", "content": "", **message}
    return {"choices": [{"index": 0, "message": value, "finish_reason": finish}]}


def test_answers_of_every_kind_have_a_clear_end(endpoint, folder):
    endpoint.changes = {
        "0": _choice("length"),
        "1": _choice("tool_calls"),
        "2": {"usage": None},
        "3": _choice("stop", content="b", reasoning_content="a"),
        "4": _choice("length", reasoning_content="a"),
        "5": _choice("content_filter"),
        "6": {"choices": []},
        "7": _choice("stop", content="x\ud800y"),
        "8": _choice("stop"),
        "9": {"choices": [{"index": 0, "message": None, "finish_reason": "stop"}]},
        "10": {"usage": {"prompt_tokens": None, "completion_tokens": None}},
        "11": _choice("stop", content=[{"type": "text", "text": "a"}]),
        "12": {"choices": None},
    }
    found = generate(folder, endpoint, 13)
    ends = [found[f"p{n}"].finish_reason.value for n in range(13)]
    assert ends == [
        "LENGTH", "ERROR", "ERROR", "STOP", "LENGTH", "ABORT", "ERROR", "STOP", "STOP",
        "ERROR", "ERROR", "ERROR", "ERROR",
    ]  # fmt: skip
    assert set(endpoint.asked.values()) == {1}  # none of them ended the worker
    assert "unknown finish reason 'tool_calls'" in found["p1"].error
    assert found["p3"].text == "<think>a</think>b"
    assert found["p4"].text == "<think>a"
    assert found["p7"].text == "x?y"
    assert found["p8"].text == ""


def test_the_rate_is_kept(endpoint, folder):
    generate(folder, endpoint, 12, in_flight=12, requests_per_minute=600)
    # The first may have started at once. On a busy machine they come late, but never early.
    assert endpoint.times[-1] - endpoint.listed >= 11 * 0.1


def test_a_limit_is_waited_for_as_long_as_the_service_asks(endpoint, folder):
    endpoint.failures, endpoint.retry_after = {"0": [429, 429]}, "1.5"
    assert generate(folder, endpoint, 1)["p0"].finish_reason is FinishReason.STOP
    waits = [later - one for one, later in zip(endpoint.times, endpoint.times[1:], strict=False)]
    assert len(waits) == 2
    assert min(waits) >= 1.5  # its own back-off begins with half a second


@pytest.mark.parametrize(("asks", "waits"), [("300", [300.0, 300.0]), ("1000", [])])
def test_a_long_wait_that_the_service_asks_for_is_kept(endpoint, monkeypatch, asks, waits):
    """In this process, where nobody has to wait for it."""
    endpoint.failures, endpoint.retry_after = {"0": [429, 429]}, asks
    slept = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def ask() -> Completion:
        sampling = asdict(SamplingSpec(0.6, 0.95, 0, 0, 8, 0))
        args = {"base_url": endpoint.url, "max_retries": 0}
        adapter = OpenAIAdapter({"model": "m", "sampling": sampling, "engine_args": args})
        await adapter.start()
        monkeypatch.setattr(asyncio, "sleep", sleep)
        messages = [{"role": "user", "content": "0"}]
        return await adapter.generate(Request("p0", 0, messages, 0))

    if waits:
        assert asyncio.run(ask()).text == "t0"
    else:  # longer than anybody would wait
        with pytest.raises(StartError, match="cannot be used"):
            asyncio.run(ask())
    assert slept == waits


def test_a_service_that_is_away_is_asked_at_longer_and_longer_intervals(endpoint, folder):
    endpoint.failures = {"0": [503, 502, 0]}
    assert generate(folder, endpoint, 1)["p0"].finish_reason is FinishReason.STOP
    waits = [later - one for one, later in zip(endpoint.times, endpoint.times[1:], strict=False)]
    # 0.5, 1 and 2 s, each up to a quarter less so that many clients do not come at once.
    assert all(wait >= least for wait, least in zip(waits, (0.37, 0.75, 1.5), strict=True))


@pytest.mark.parametrize("status", [401, 403, 404, 429, 503])
def test_a_service_that_is_of_no_use_ends_the_run_and_nothing_is_held_against_samples(
    endpoint, folder, status
):
    endpoint.failures = {question: [status] * 99 for question in ("2", "3", "Hello")}
    with pytest.raises(EngineError, match="cannot be used") as caught:
        generate(folder, endpoint, 4, in_flight=1, max_retries=1)
    assert "--resume" in caught.value.hint
    assert KEY not in caught.value.message
    endpoint.failures.clear()
    before = endpoint.asked.copy()
    found = generate(folder, endpoint, 4)
    assert {each.finish_reason for each in found.values()} == {FinishReason.STOP}
    assert endpoint.asked["0"] == before["0"] == 1  # what was complete is not paid for twice


def test_a_model_that_is_not_served_is_told_with_those_that_are(endpoint, folder):
    endpoint.models = ["one", "two"]
    with pytest.raises(EngineError, match="serves no model 'm'") as caught:
        generate(folder, endpoint, 1)
    assert "one, two" in caught.value.hint


@pytest.mark.parametrize("status", [403, 404, 405, 501])
def test_an_endpoint_that_does_not_list_its_models_is_used(endpoint, folder, status):
    endpoint.listing = status  # what a key may do, or a gateway can
    assert generate(folder, endpoint, 1, max_retries=0)["p0"].text == "t0"


def test_a_page_for_people_is_no_endpoint(endpoint, folder):
    endpoint.listing = 0
    with pytest.raises(EngineError, match="not as an OpenAI-compatible endpoint") as caught:
        generate(folder, endpoint, 1)
    assert "/v1" in caught.value.hint


def test_no_endpoint_is_told(endpoint, folder):
    with pytest.raises(EngineError, match="names no endpoint"):
        generate(folder, endpoint, 1, base_url="")


def test_a_whole_evaluation_through_the_command_line(endpoint, tmp_path):
    suite = "name: few\ntasks:\n  - {name: sums, source: few.jsonl, judge: {name: math}}\n"
    (tmp_path / "few.yaml").write_text(suite)
    lines = [json.dumps({"question": f"{n}", "gold": f"{n}"}) for n in range(5)]
    (tmp_path / "few.jsonl").write_text("\n".join(lines))
    profile = f"name: mine\nengine: openai\nengine_args: {{base_url: {endpoint.url}}}\n"
    (tmp_path / "mine.yaml").write_text(profile)
    main = "from smallscale_ci.cli.main import main; main()"
    arguments = ["generate", "m", "-s", "few.yaml", "-p", "mine.yaml", "--json"]
    done = subprocess.run(
        [sys.executable, "-c", main, *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (manifest,) = (tmp_path / "runs").glob("*/manifest.json")
    value = json.loads(manifest.read_text())
    assert value["checkpoint"]["name"] == "m"
    assert value["engine"]["name"] == "openai"
    assert value["tokens"]["completion"] == 35
    assert "35 tokens" in done.stderr


def test_template_variables_go_where_servers_take_them(endpoint, folder):
    variables = {"reasoning_effort": "low", "enable_thinking": False}
    extra = {"chat_template_kwargs": {"date": "1", "enable_thinking": True}, "x": 1}
    generate(folder, endpoint, 1, template=variables, extra_body=extra)
    body = endpoint.bodies[0]
    assert body["reasoning_effort"] == "low"
    assert body["chat_template_kwargs"] == {"date": "1", "enable_thinking": False}
    assert body["x"] == 1


def test_an_endpoint_of_standard_fields_takes_an_effort_alone(endpoint, folder):
    with pytest.raises(EngineError, match="no template variables but reasoning_effort: date"):
        generate(folder, endpoint, 1, template={"date": "x"}, standard_only=True)
    generate(folder, endpoint, 1, template={"reasoning_effort": "low"}, standard_only=True)
    assert endpoint.bodies[0]["reasoning_effort"] == "low"
    assert "chat_template_kwargs" not in endpoint.bodies[0]


@pytest.mark.parametrize(
    ("counted", "text", "expected"),
    [
        (12, "<think>a</think>b", 12),
        (99, "<think>a</think>b", 20),  # never more than there are
        (0, "b", 0),
        (None, "b", 0),
        (None, "<think>a</think>b", None),
        (0, "<think>a</think>b", None),  # a server that parses no thinking counts none
    ],
)
def test_an_endpoint_counts_for_itself(
    counted: int | None, text: str, expected: int | None
) -> None:
    details = None if counted is None else SimpleNamespace(reasoning_tokens=counted)
    usage = SimpleNamespace(completion_tokens=20, completion_tokens_details=details)
    assert _thinking_tokens(usage, text) == expected
