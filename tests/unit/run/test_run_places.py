"""Samples as numbers, and back."""

import pytest

from smallscale_ci.run.places import Places


def test_every_sample_has_a_number_of_its_own_and_epochs_follow_each_other():
    places = Places(["a", "b", "c"])
    keys = [(problem, index) for index in range(4) for problem in places.ids]
    numbers = [places.number(*key) for key in keys]
    assert numbers == list(range(12))
    assert places.numbers(keys).tolist() == numbers
    assert [places.key(number) for number in range(12)] == keys
    assert len(places) == 3


def test_a_problem_of_another_suite_has_none():
    places = Places(["a"])
    assert places.number("x", 0) is None
    with pytest.raises(KeyError):
        places.numbers([("x", 0)])
