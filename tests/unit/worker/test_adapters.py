"""The adapters of token engines, on engines that answer as the real ones did when they were run.

SGLang cannot be imported without a GPU driver: what it is given here was compared with the sources
of 0.5.17 and 0.5.21, and what it answers was seen on a real one. ``tests/gpu`` runs the real thing.
"""

import asyncio
import os
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from smallscale_ci.worker.engines.base import ChatEngine, Output
from smallscale_ci.worker.engines.interface import (
    Completion,
    EngineDownError,
    Request,
    StartError,
    without_end,
)
from smallscale_ci.worker.engines.sglang import SglangAdapter
from smallscale_ci.worker.engines.vllm import VllmAdapter

SAMPLING = {
    "temperature": 0.6,
    "top_p": 0.95,
    "top_k": 0,
    "min_p": 0.0,
    "max_tokens": 8,
    "stop": [],
}
REQUEST = Request("p", 3, [{"role": "user", "content": "?"}], 77)

# Parameters of sglang.Engine.async_generate and sglang.srt.sampling.SamplingParams that 0.5.17 and
# 0.5.21 have in common, as far as they are used here.
GENERATE = {"input_ids", "sampling_params", "return_logprob", "rid"}
PARAMETERS = {
    "max_new_tokens", "stop", "temperature", "top_p", "top_k", "min_p", "frequency_penalty",
    "presence_penalty", "repetition_penalty", "skip_special_tokens",
    "spaces_between_special_tokens", "sampling_seed",
}  # fmt: skip


class Words:
    """A chat with one token for each character."""

    end_ids = frozenset({2})

    def render(self, messages: list[dict[str, str]]) -> list[int]:
        return [ord(letter) for message in messages for letter in message["content"]]

    def thinking_tokens(self, text: str, ids: list[int], *, opened: bool) -> int:
        return len(ids) if opened else 0

    def opens_thinking(self, ids: list[int]) -> bool:
        return ids[-1:] == [ord("<")]


class Engine(ChatEngine):
    finishes = {"stop": "STOP", "length": "LENGTH"}  # noqa: RUF012

    def __init__(self, output: Output, **job: object) -> None:
        super().__init__({"model": "m", "sampling": SAMPLING, **job})
        self.chat, self.context, self.output = Words(), 10, output  # type: ignore[assignment]
        self.asked: list[int] = []

    async def sample(self, request: Request, ids: list[int], max_tokens: int) -> Output:
        self.asked.append(max_tokens)
        return self.output


def complete(engine: Any, content: str = "?") -> Completion:
    request = Request("p", 3, [{"role": "user", "content": content}], 77)
    return asyncio.run(engine.generate(request))


@pytest.mark.parametrize(
    ("given", "kept"),
    [([5, 6, 2], [5, 6]), ([5, 2, 2], [5, 2]), ([2], []), ([], []), ([5, 2, 6], [5, 2, 6])],
)
def test_the_final_end_token_is_not_counted(given, kept):
    assert without_end(given, frozenset({2})) == kept
    completion = complete(Engine(Output("x", given, "stop", [])))
    assert completion.token_ids == kept


def test_an_empty_completion_is_a_completion():
    completion = complete(Engine(Output("", [2], "stop", [])))
    assert (completion.finish_reason, completion.text, completion.token_ids) == ("STOP", "", [])


@pytest.mark.parametrize("word", ["repetition", "None", "", "STOP"])
def test_an_unknown_finish_reason_is_an_error(word):
    completion = complete(Engine(Output("x", [5], word, [])))
    assert completion.finish_reason == "ERROR"
    assert f"unknown finish reason '{word}'" in completion.error


def test_a_prompt_leaves_what_room_there_is():
    engine = Engine(Output("x", [5], "length", []))
    assert complete(engine, "12345").finish_reason == "LENGTH"
    assert complete(engine, "1").finish_reason == "LENGTH"
    assert engine.asked == [5, 8]  # of a context of 10, and at most the suite's 8


@pytest.mark.parametrize("length", [10, 11, 5000])
def test_a_prompt_longer_than_the_context_is_an_error_that_says_so(length):
    engine = Engine(Output("x", [5], "stop", []))
    completion = complete(engine, "x" * length)
    assert completion.finish_reason == "ERROR"
    assert completion.error == f"the prompt has {length} tokens, the model's context 10"
    assert completion.prompt_tokens == length
    assert engine.asked == []


def test_log_probabilities_are_those_of_the_counted_tokens():
    completion = complete(Engine(Output("x", [5, 6, 2], "stop", [-0.1234567, -1.0, -2.0])))
    assert completion.extra["logprobs"] == [-0.12346, -1.0]
    assert "logprobs" not in complete(Engine(Output("x", [5], "stop", []))).extra


def test_prompts_that_open_thinking_are_marked():
    engine = Engine(Output("x", [5], "stop", []))
    assert complete(engine, "a<").extra["thinking"]
    assert not complete(engine, "a").extra["thinking"]


# -- SGLang ---------------------------------------------------------------------------------------


class FakeSglang(ModuleType):
    """Answers as SGLang 0.5.17 did on a GPU (one request: a dict)."""

    __version__ = "0.5.17"

    def __init__(self) -> None:
        super().__init__("sglang")
        self.arguments: dict[str, Any] = {}
        self.calls: list[dict[str, Any]] = []
        self.finish: Any = {"type": "stop", "matched": 2}
        self.error: Exception | None = None
        self.closed = False

    def Engine(self, **arguments: Any) -> Any:  # noqa: N802
        if "unknown" in arguments:
            raise TypeError("unexpected keyword argument 'unknown'")
        self.arguments = arguments
        model = SimpleNamespace(context_len=10, dtype="torch.bfloat16")
        resolved = {"attention_backend": "triton", "sampling_backend": "pytorch", "other": 1}
        return SimpleNamespace(
            tokenizer_manager=SimpleNamespace(model_config=model),
            server_args=SimpleNamespace(resolved_dict=lambda: resolved),
            async_generate=self.answer,
            shutdown=lambda: setattr(self, "closed", True),
        )

    async def answer(self, **call: Any) -> dict[str, Any]:
        self.calls.append(call)
        if self.error is not None:
            raise self.error
        meta = {"finish_reason": self.finish, "completion_tokens": 3, "prompt_tokens": 1}
        if call["return_logprob"]:
            meta["output_token_logprobs"] = [(-0.5, 7, None), (-0.25, 8, None), (0.0, 2, None)]
        return {"text": "ab", "output_ids": [7, 8, 2], "meta_info": meta}


@pytest.fixture
def sglang(monkeypatch) -> FakeSglang:
    fake = FakeSglang()
    monkeypatch.setitem(sys.modules, "sglang", fake)
    monkeypatch.setattr(SglangAdapter, "load_chat", lambda self: setattr(self, "chat", Words()))
    return fake


def started(**job: object) -> SglangAdapter:
    adapter = SglangAdapter({"model": "/m", "sampling": SAMPLING, **job})
    asyncio.run(adapter.start())
    return adapter


def test_sglang_gets_ids_and_every_sampling_parameter(sglang):
    adapter = started(deterministic=True, tensor_parallel=2, engine_args={"dtype": "bfloat16"})
    completion = complete(adapter)
    assert completion.token_ids == [7, 8]
    assert completion.finish_reason == "STOP"
    assert sglang.arguments["tp_size"] == 2
    assert sglang.arguments["enable_deterministic_inference"] is True
    assert sglang.arguments["trust_remote_code"] is False
    (call,) = sglang.calls
    assert set(call) == GENERATE
    assert call["input_ids"] == [ord("?")]
    assert call["rid"] == "p-3"
    parameters = call["sampling_params"]
    assert set(parameters) == PARAMETERS
    assert parameters["sampling_seed"] == 77
    assert parameters["top_k"] == -1  # SGLang's word for all
    assert parameters["max_new_tokens"] == 8
    assert adapter.settings["attention_backend"] == "triton"
    assert adapter.settings["dtype"] == "bfloat16"
    asyncio.run(adapter.close())
    assert sglang.closed


def test_sglang_is_given_no_seed_that_it_would_ignore(sglang):
    complete(started())
    assert set(sglang.calls[0]["sampling_params"]) == PARAMETERS - {"sampling_seed"}


@pytest.mark.parametrize(
    ("finish", "ours"),
    [
        ({"type": "stop", "matched": 2}, "STOP"),
        ({"type": "length", "length": 512}, "LENGTH"),
        ({"type": "abort", "message": "x"}, "ABORT"),
        ({"type": "else"}, "ERROR"),
        (None, "ERROR"),
    ],
)
def test_sglang_finish_reasons(sglang, finish, ours):
    sglang.finish = finish
    assert complete(started()).finish_reason == ours


def test_sglang_log_probabilities(sglang):
    assert complete(started(logprobs=True)).extra["logprobs"] == [-0.5, -0.25]


def test_an_aborted_request_of_sglang_is_one_request_and_a_dead_engine_is_not(sglang):
    adapter = started()
    sglang.error = type("HTTPException", (Exception,), {"status_code": 503, "detail": "full"})()
    with pytest.raises(ValueError, match="full"):  # which the loop turns into an ERROR line
        complete(adapter)
    sglang.error = RuntimeError("the scheduler died")
    with pytest.raises(EngineDownError, match="died"):
        complete(adapter)


def test_an_argument_that_sglang_does_not_take_is_told(sglang):
    with pytest.raises(StartError, match="engine_args"):
        started(engine_args={"unknown": 1})


# -- vLLM -----------------------------------------------------------------------------------------


def test_a_deterministic_vllm_also_leaves_the_flashinfer_sampler(monkeypatch):
    class StartedError(Exception):
        """In place of an engine on a GPU."""

    class Platform:
        @staticmethod
        def is_cpu() -> bool:
            raise StartedError

    for name in ("vllm", "vllm.engine", "vllm.v1", "vllm.v1.engine"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    for name, what in (
        ("vllm.engine.arg_utils", "AsyncEngineArgs"),
        ("vllm.v1.engine.async_llm", "AsyncLLM"),
        ("vllm.platforms", "current_platform"),
    ):
        module = ModuleType(name)
        setattr(module, what, Platform)
        monkeypatch.setitem(sys.modules, name, module)
    for name in ("VLLM_BATCH_INVARIANT", "VLLM_USE_FLASHINFER_SAMPLER"):
        monkeypatch.setenv(name, "as it was")
    for deterministic, expected in ((False, ["as it was"] * 2), (True, ["1", "0"])):
        adapter = VllmAdapter({"model": "m", "sampling": SAMPLING, "deterministic": deterministic})
        with pytest.raises(StartedError):
            asyncio.run(adapter.start())
        found = [
            os.environ[name] for name in ("VLLM_BATCH_INVARIANT", "VLLM_USE_FLASHINFER_SAMPLER")
        ]
        assert found == expected
