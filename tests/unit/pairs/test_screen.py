"""What training would do to pairs without a word: drop malformed ones, cut long ones."""

import json

import pytest

from smallscale_ci.errors import DataError
from smallscale_ci.pairs.screen import fault, refuse_lost, screen_rows

ASKED = [{"role": "user", "content": "2+2?"}]
SYSTEM = {"role": "system", "content": "Be brief."}


def row(name="p", chosen=10, rejected=20, prompt=5, messages=ASKED, **more):
    asked = messages if isinstance(messages, str) else json.dumps(messages)
    return {
        "task": "t", "problem_id": name, "prompt": asked, "chosen": "4", "rejected": "5",
        "prompt_tokens": prompt, "chosen_tokens": chosen, "rejected_tokens": rejected, **more,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        (ASKED, ""),
        ([SYSTEM, *ASKED], ""),
        ([*ASKED, {"role": "assistant", "content": "4"}, *ASKED], ""),
        ([], "do not alternate"),
        ([SYSTEM], "do not alternate"),
        ([*ASKED, *ASKED], "do not alternate"),
        ([*ASKED, SYSTEM], "do not alternate"),
        ([*ASKED, {"role": "assistant", "content": "4"}], "the last turn is not the user's"),
        ([{"role": "user", "content": " \n"}], "a message is empty"),
    ],
)
def test_turns_that_training_drops(messages, said):
    assert said in fault(messages, "4", "5")
    assert bool(fault(messages, "4", "5")) == bool(said)


@pytest.mark.parametrize(("chosen", "rejected"), [("", "5"), ("4", " "), ("\n", "")])
def test_an_empty_answer_teaches_nothing(chosen, rejected):
    assert fault(ASKED, chosen, rejected) == "an answer is empty"


def test_the_longer_answer_counts_with_its_prompt_and_the_end_of_the_turn():
    found = screen_rows([row(chosen=10, rejected=20, prompt=5)], 27)
    assert (found.pairs, found.cut, found.longest, found.first) == (1, 0, 27, "")
    found = screen_rows([row(chosen=10, rejected=20, prompt=5)], 26)
    assert (found.cut, found.first) == (1, "t/p")
    assert screen_rows([row(chosen=10, rejected=20)], 26, supervised=True).cut == 0
    assert screen_rows([row(prompt=None)], 22).cut == 0  # of an engine that did not count it


def test_a_malformed_pair_is_not_counted_as_cut_too():
    rows = [
        row("a"),
        row("b", messages=[]),
        row("c", rejected=900, messages="{"),
        row("d", chosen=900),
    ]
    found = screen_rows(rows, 100)
    assert (found.pairs, found.malformed, found.cut) == (4, 2, 1)
    assert found.first == "t/b"
    assert found.lost_share == 0.75


@pytest.mark.parametrize("prompt", ["", "7", "[1]", '[{"role": "user"}]', "[" * 100_000])
def test_damaged_messages_are_a_fault_of_the_pair(prompt):
    assert screen_rows([row(messages=prompt)], 100).malformed == 1


def test_more_than_may_be_lost_is_refused_with_an_example():
    found = screen_rows([row(f"p{n}", rejected=900 if n < 2 else 20) for n in range(10)], 100)
    refuse_lost(found, 0.2)
    with pytest.raises(DataError, match=r"the first is t/p0\. At most 10% may be lost") as caught:
        refuse_lost(found, 0.1)
    assert "cutoff_len" in caught.value.hint
    refuse_lost(screen_rows([], 100), 0.0)  # nothing is lost of none
