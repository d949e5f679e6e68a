"""How far two judges agree: Cohen's κ against its definition and by what it must be."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smallscale_ci.judges.agreement import Agreement

_RULINGS = st.lists(st.tuples(st.booleans(), st.booleans()), max_size=30)


def counted(rulings: list[tuple[bool, bool]]) -> Agreement:
    made = Agreement()
    for model, rule in rulings:
        made.add(model=model, rule=rule)
    return made


@settings(max_examples=60)
@given(_RULINGS)
def test_kappa_is_what_it_is_defined_as(rulings: list[tuple[bool, bool]]) -> None:
    found, n = counted(rulings), len(rulings)
    assert found.samples == n
    if not n:
        assert found.share is found.kappa is None
        return
    share = sum(a == b for a, b in rulings) / n
    chance = sum(
        sum(a == value for a, _ in rulings) / n * (sum(b == value for _, b in rulings) / n)
        for value in (True, False)
    )
    assert found.share == pytest.approx(share)
    if chance == 1:
        assert found.kappa is None
    else:
        assert found.kappa == pytest.approx((share - chance) / (1 - chance))
        assert -1 - 1e-9 <= found.kappa <= 1 + 1e-9


@settings(max_examples=30)
@given(_RULINGS)
def test_who_is_asked_first_changes_no_agreement(rulings: list[tuple[bool, bool]]) -> None:
    one, other = counted(rulings), counted([(b, a) for a, b in rulings])
    assert (one.share, one.model_alone) == (other.share, other.rule_alone)
    if one.kappa is not None:
        assert math.isclose(one.kappa, other.kappa or 0.0, abs_tol=1e-12)


def test_the_record_says_what_was_counted() -> None:
    record = counted([(True, True), (True, False), (False, False), (False, False)]).record()
    assert (record.samples, record.agree) == (4, 0.75)
    assert (record.model_alone, record.rule_alone) == (1, 0)
    assert counted([(True, True)]).record().kappa is None
