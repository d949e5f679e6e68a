"""The adapter of SGLang, on an engine that answers as the real one did when it was run.

SGLang cannot be imported without a GPU driver: what it is given here was compared with the sources
of 0.5.17 and 0.5.21, and what it answers was seen on a real one. ``tests/gpu`` runs the real thing.
"""

import asyncio
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from helpers.token_engine import SAMPLING, Words, complete

from smallscale_ci.worker.engines.interface import EngineDownError, StartError
from smallscale_ci.worker.engines.sglang import SglangAdapter

# Parameters of sglang.Engine.async_generate and sglang.srt.sampling.SamplingParams that 0.5.17 and
# 0.5.21 have in common, as far as they are used here.
GENERATE = {"input_ids", "sampling_params", "return_logprob", "rid"}
PARAMETERS = {
    "max_new_tokens", "stop", "temperature", "top_p", "top_k", "min_p", "frequency_penalty",
    "presence_penalty", "repetition_penalty", "skip_special_tokens",
    "spaces_between_special_tokens", "sampling_seed",
}  # fmt: skip


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
