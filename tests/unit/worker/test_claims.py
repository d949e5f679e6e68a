"""The claim rule: ranks stay level at the end of a run, whatever the lengths. In virtual time."""

import numpy as np
import pytest
from helpers.farm import BASE_S, EACH_S, Engine, run, split
from hypothesis import given
from hypothesis import strategies as st

from smallscale_ci.worker.claims import Held, Pace, held, rates_within, share

SLOTS = 64
TOKENS_S = SLOTS / (BASE_S + EACH_S * SLOTS)  # of one full engine


def lengths(kind: str, count: int) -> np.ndarray:
    chance = np.random.default_rng(7)
    if kind == "equal":
        return np.full(count, 512.0)
    drawn = np.minimum(np.exp(chance.normal(6, 0.8, count)), 1500)
    return {"log-normal": drawn, "longest first": np.sort(drawn)[::-1]}[kind]


def engines(ranks: int, **of_the_first: float) -> list[Engine]:
    return [Engine(SLOTS, **(of_the_first if not number else {})) for number in range(ranks)]


@pytest.mark.parametrize("ranks", [2, 4, 8, 64])
def test_ranks_that_do_answers_of_equal_length_end_together(ranks):
    work = lengths("equal", ranks * 165)  # 2.6 times what fills all of them
    ends, alone = run(engines(ranks), work), split(engines(ranks), work)
    assert max(ends) - min(ends) <= 0.03 * max(ends)
    assert max(ends) <= 1.01 * max(alone)  # the split is as good as any for equal lengths


@pytest.mark.parametrize(("ranks", "waves"), [(2, 2), (4, 2), (4, 4), (8, 3)])
def test_whole_waves_of_equal_answers_are_dealt_out_evenly(ranks, waves):
    """Ranks load within a second; one answer too many would take a rank half a wave more."""
    loads = np.random.default_rng(3).uniform(0, 0.7, ranks)
    work = lengths("equal", ranks * waves * 256)
    farm = [Engine(256, ready_at=float(at)) for at in loads]
    ends = run(farm, work)
    assert [engine.items for engine in farm] == [waves * 256] * ranks
    alone = max(split([Engine(256) for _ in loads], work))
    assert max(ends) <= 1.01 * alone + max(loads) + 0.2  # and a few ticks


@pytest.mark.parametrize("ranks", [2, 4, 8])
def test_a_rank_that_loads_later_gets_less_and_ends_with_the_others(ranks):
    work = lengths("equal", ranks * 1000)
    ends = run(engines(ranks, ready_at=20.0), work)
    bound = (work.sum() / TOKENS_S + 20.0) / ranks
    assert max(ends) <= 1.08 * bound
    assert max(ends) - min(ends) <= 0.06 * max(ends)
    assert max(ends) <= 0.91 * max(split(engines(ranks, ready_at=20.0), work))


@pytest.mark.parametrize("ranks", [2, 4, 8])
def test_a_slower_rank_gets_less(ranks):
    work = lengths("equal", ranks * 1000)
    ends = run(engines(ranks, speed=0.6), work)
    assert max(ends) <= 1.06 * work.sum() / TOKENS_S / (ranks - 0.4)
    assert max(ends) - min(ends) <= 0.05 * max(ends)


@pytest.mark.parametrize("kind", ["log-normal", "longest first"])
@pytest.mark.parametrize("ranks", [2, 4, 8])
def test_uneven_lengths_are_no_worse_than_with_a_static_split(ranks, kind):
    work = lengths(kind, ranks * 1000)
    ends = run(engines(ranks), work)
    assert max(ends) <= 1.01 * max(split(engines(ranks), work))
    if kind == "longest first":  # what is left at the end is short: all can be level
        assert max(ends) <= 1.03 * work.sum() / TOKENS_S / ranks
        assert max(ends) - min(ends) <= 0.03 * max(ends)


@given(
    pending=st.integers(1, 5000),
    work=st.lists(st.floats(0, 512), min_size=1, max_size=64),
)
def test_somebody_always_claims(pending, work):
    """Or all would wait for each other: whoever has least is below the mean."""
    total = sum(work)
    claimed = [share(pending, Held(mine, total - mine), 1 / len(work)) for mine in work]
    assert max(claimed) >= 1


@given(
    rates=st.dictionaries(st.integers(0, 7), st.floats(0.1, 1e6), max_size=8),
    ranks=st.integers(1, 8),
)
def test_parts_are_shares_of_one_whole(rates, ranks):
    pace = Pace(max(ranks, len(rates)), rates=rates)
    parts = [pace.part(rank) for rank in (*rates, *range(100, 100 + pace.ranks - len(rates)))]
    assert sum(parts) == pytest.approx(1.0)
    assert all(part > 0 for part in parts)


def test_an_item_is_worth_less_the_longer_it_runs():
    pace = Pace(2, typical_s=10.0, rates={0: 100.0, 1: 50.0})
    assert pace.left(0, 0, 0.0) == 1.0
    assert pace.left(0, 0, 5.0) == pytest.approx(0.5)
    assert pace.left(0, 1, 10.0) == pytest.approx(0.5)  # a rank of half the speed takes 20 s
    assert pace.left(0, 0, 99.0) == 0.0
    assert Pace(2).left(0, 0, 99.0) == 1.0  # nothing is known yet


def test_rates_count_only_where_they_cannot_be_the_same():
    assert rates_within({}) == {}
    assert rates_within({0: (10.0, 10.0)}) == {}
    assert rates_within({0: (10.0, 20.0), 1: (15.0, 16.0), 2: (9.0, 15.0)}) == {}
    assert rates_within({0: (10.0, 14.0), 1: (15.0, 17.0)}) == {0: 12.0, 1: 16.0}


def test_what_is_held_and_who_can_start_more_soon():
    pace = Pace(4, typical_s=10.0)
    # Rank 1 has a free place, rank 2's two items end soon, rank 3 is still loading.
    found = held(0, {0: [2.0], 1: [0.0], 2: [9.0, 6.0]}, pace, slots=2)
    assert found.mine == pytest.approx(0.8)
    assert found.others == pytest.approx(1.0 + 0.1 + 0.4)
    assert found.soon == 1 + 2 + 2


def test_what_nobody_else_can_start_soon_is_not_left_to_others():
    assert share(12, Held(0.0, 36.0), 0.25) == 12
    assert share(12, Held(0.0, 30.0), 0.25) == 11
    assert share(12, Held(0.0, 30.0, soon=0), 0.25) == 12
    assert share(12, Held(4.0, 12.0, soon=3), 0.25) == 9
    assert share(12, Held(4.0, 12.0, soon=90), 0.25) == 3
