"""What engines on token ids share: room, the token rule, unknown words, one end for bad prompts."""

import asyncio

import pytest
from helpers.token_engine import SAMPLING, Words, complete

from smallscale_ci.worker.engines.base import ChatEngine, Output
from smallscale_ci.worker.engines.interface import Request, without_end


class Engine(ChatEngine):
    finishes = {"stop": "STOP", "length": "LENGTH"}  # noqa: RUF012

    def __init__(self, output: Output, **job: object) -> None:
        super().__init__({"model": "m", "sampling": SAMPLING, **job})
        self.chat, self.context, self.output = Words(), 10, output  # type: ignore[assignment]
        self.asked: list[int] = []

    async def sample(self, request: Request, ids: list[int], max_tokens: int) -> Output:
        self.asked.append(max_tokens)
        return self.output


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


def test_a_refused_sample_is_rendered_and_not_asked_for():
    """Its workers died of it, and the manifest's hash is of all prompts."""
    engine = Engine(Output("x", [5], "stop", []))
    given = [{"role": "user", "content": "?"}]
    refused = asyncio.run(engine.generate(Request("p", 3, given, 77, refused="it killed three")))
    assert (refused.finish_reason, refused.error) == ("ERROR", "it killed three")
    assert refused.prompt_hash == complete(engine).prompt_hash
    assert engine.asked == [8]


def test_another_run_has_its_own_sampling_and_variables_and_no_cached_prefixes():
    forgotten: list[bool] = []

    class Forgetful(Engine):
        async def forget(self) -> None:
            forgotten.append(True)

    engine = Forgetful(Output("x", [5], "length", []))
    engine.chat.try_out = lambda: None
    job = {"model": "m", "sampling": {**SAMPLING, "max_tokens": 3}, "template": {"think": False}}
    asyncio.run(engine.switch(job))
    complete(engine)
    assert (engine.asked, engine.chat.variables, forgotten) == ([3], {"think": False}, [True])
