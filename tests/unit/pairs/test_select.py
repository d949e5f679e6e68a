import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from smallscale_ci.config.pairs import CORRECT, PairPolicy
from smallscale_ci.errors import DataError
from smallscale_ci.pairs.select import Answer, difficulty, select
from smallscale_ci.records import FinishReason, Outcome

RIGHT, WRONG = Outcome.CORRECT, Outcome.WRONG


def answer(problem: str, index: int, tokens: int, outcome: Outcome = RIGHT, **more) -> Answer:
    finish = more.get("finish", FinishReason.STOP)
    return Answer("t", problem, index, outcome, finish, tokens)


def solved(problem: str, *tokens: int) -> list[Answer]:
    return [answer(problem, index, count) for index, count in enumerate(tokens)]


def policy(**options) -> PairPolicy:
    return PairPolicy(**{"min_pairs": 1, "min_samples": 2, **options})


ANY = {"difficulty": ("easy", "medium", "hard")}


@st.composite
def runs(draw) -> list[Answer]:
    """Answers of a few problems; some cut off, some failed."""
    found = []
    for problem in range(draw(st.integers(1, 5))):
        for index in range(draw(st.integers(1, 7))):
            outcome = draw(st.sampled_from([RIGHT, RIGHT, RIGHT, *Outcome]))
            finish = FinishReason.LENGTH if outcome is Outcome.TRUNCATED else FinishReason.STOP
            if outcome in {RIGHT, WRONG}:
                finish = draw(st.sampled_from([FinishReason.STOP] * 3 + [FinishReason.LENGTH]))
            tokens = draw(st.integers(1, 12))
            found.append(answer(f"p{problem}", index, tokens, outcome, finish=finish))
    return found


@st.composite
def policies(draw) -> PairPolicy:
    return policy(
        policy=draw(st.sampled_from(["shortest-correct-vs-longest", CORRECT])),
        difficulty=draw(st.sampled_from([("medium", "hard"), ANY["difficulty"]])),
        per_problem=draw(st.integers(1, 3)),
        max_pairs=draw(st.none() | st.integers(1, 4)),
        max_tokens=draw(st.none() | st.integers(3, 12)),
        min_ratio=draw(st.sampled_from([1.0, 1.5])),
        max_ratio=draw(st.sampled_from([None, 3.0])),
        seed=draw(st.integers(0, 3)),
    )


def choices(answers, chosen):
    try:
        return select(answers, chosen)
    except DataError:
        return None


@given(runs(), policies())
def test_what_every_pair_keeps(answers, chosen):
    selection = choices(answers, chosen)
    if selection is None:
        return
    used = Counter()
    for pair in selection.choices:
        assert pair.chosen.outcome is RIGHT
        assert pair.chosen.finish_reason is FinishReason.STOP
        assert pair.rejected.outcome is not Outcome.ERRORED
        assert pair.chosen.problem_id == pair.rejected.problem_id
        assert difficulty(pair.solve_rate, chosen) in chosen.difficulty
        assert chosen.min_ratio <= pair.ratio <= (chosen.max_ratio or pair.ratio)
        if chosen.max_tokens is not None:
            assert max(pair.chosen.tokens, pair.rejected.tokens) <= chosen.max_tokens
        if chosen.policy == CORRECT:
            assert pair.rejected.outcome is not RIGHT
        else:
            assert pair.chosen.tokens < pair.rejected.tokens
        used.update([pair.chosen, pair.rejected])
    assert set(used.values()) <= {1}
    per_problem = Counter(pair.problem for pair in selection.choices)
    assert max(per_problem.values()) <= chosen.per_problem
    assert len(selection.choices) <= (chosen.max_pairs or len(selection.choices))
    levels = sum(selection.by_difficulty.values())
    too_few = selection.dropped.get("too few judged samples", 0)
    assert levels + too_few == selection.problems == len({a.problem_id for a in answers})
    assert len(per_problem) + sum(selection.dropped.values()) == selection.problems


@given(runs(), policies(), st.randoms(use_true_random=False))
def test_the_order_of_the_answers_does_not_matter(answers, chosen, rng):
    shuffled = random.Random(rng.random()).sample(answers, len(answers))
    assert choices(answers, chosen) == choices(shuffled, chosen)


def test_shortest_against_longest_of_problems_solved_every_time():
    answers = [*solved("a", 5, 9, 3, 7), *solved("b", 4, 4, 6, 4), answer("c", 0, 2)]
    answers += [answer("c", index, 8, WRONG) for index in (1, 2, 3)]
    selection = select(answers, policy())
    assert [(p.chosen.tokens, p.rejected.tokens) for p in selection.choices] == [(3, 9), (4, 6)]
    assert selection.by_difficulty == {"easy": 2, "medium": 0, "hard": 1}
    assert selection.dropped == {"hard, not asked for": 1}


def test_a_cut_off_answer_may_be_rejected_but_never_chosen():
    answers = solved("a", 5, 9, 7)
    answers += [answer("a", 3, 2, finish=FinishReason.LENGTH)]
    answers += [answer("a", 4, 64, Outcome.TRUNCATED, finish=FinishReason.LENGTH)]
    (pair,) = select(answers, policy(**ANY)).choices
    assert (pair.chosen.tokens, pair.rejected.tokens) == (5, 64)
    assert pair.solve_rate == 0.8


def test_a_failed_sample_is_no_wrong_answer():
    answers = [*solved("a", 5, 9, 7), answer("a", 3, 0, Outcome.ERRORED, finish=FinishReason.ERROR)]
    assert select(answers, policy()).choices[0].solve_rate == 1


def test_several_pairs_of_a_problem_share_no_answer():
    selection = select(solved("a", 1, 2, 3, 4, 5), policy(per_problem=9))
    assert [(p.chosen.tokens, p.rejected.tokens) for p in selection.choices] == [(1, 5), (2, 4)]


def test_a_limited_number_is_drawn_by_the_seed_and_covers_problems_first():
    answers = [found for n in range(20) for found in solved(f"p{n}", 1, 2, 3, 4)]
    drawn = [
        tuple(p.problem for p in select(answers, policy(max_pairs=5, seed=s)).choices)
        for s in (0, 0, 1)
    ]
    assert drawn[0] == drawn[1] != drawn[2]
    both = select(answers, policy(max_pairs=20, per_problem=2)).choices
    assert len({pair.problem for pair in both}) == 20


def test_too_few_easy_problems_says_how_many_there_are_and_what_to_do():
    answers = [*solved("a", 5, 9), answer("b", 0, 5), answer("b", 1, 9, WRONG), answer("c", 0, 1)]
    with pytest.raises(DataError) as told:
        select(answers, policy(min_pairs=3))
    message = told.value.message
    assert message.startswith("1 pair from 1 easy problem is fewer than the 3 that are needed")
    assert "easy (solved in at least 100% of the samples) 1, medium (from 50%) 1, hard 0" in message
    assert "too few judged samples: 1" in message
    assert "easy_from" in told.value.hint
    assert "min_pairs" in told.value.hint


@pytest.mark.parametrize("count", [2, 3])
def test_a_run_of_few_answers_needs_all_of_them_judged(count):
    tokens = range(5, 5 + count)
    failed = answer("b", count - 1, 0, Outcome.ERRORED, finish=FinishReason.ERROR)
    some = [*solved("a", *tokens), *solved("b", *tokens[:-1]), failed]
    selection = select(some, PairPolicy(min_pairs=1))
    assert [pair.problem for pair in selection.choices] == [("t", "a")]
    assert selection.dropped == {"too few judged samples": 1}


def test_a_single_answer_of_each_problem_is_told_as_that():
    with pytest.raises(DataError, match="None of the 2 problems has enough judged") as told:
        select([*solved("a", 5), *solved("b", 7)], PairPolicy())
    assert "--epochs" in told.value.hint


def test_answers_of_one_length_are_told_as_that():
    with pytest.raises(DataError, match="each of the 2 easy problems have the same length") as told:
        select([*solved("a", 5, 5, 5), *solved("b", 7, 7, 7)], policy())
    assert "temperature" in told.value.hint


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"medium_from": 0.9, "easy_from": 0.5}, "medium_from is above"),
        ({"min_ratio": 3.0, "max_ratio": 2.0}, "max_ratio is below"),
        ({"min_pairs": 9, "max_pairs": 2}, "max_pairs is below"),
        ({"policy": CORRECT}, "easy ones lack errors"),
        ({"difficulty": ()}, "at least 1"),
    ],
)
def test_policies_that_contradict_themselves(options, why):
    with pytest.raises(ValidationError, match=why):
        PairPolicy(**options)
