"""Damaged files of every kind: a few hundred of the inputs that ``make fuzz`` runs thousands of."""

from helpers import fuzz, fuzz_targets


def test_no_damaged_file_ends_as_an_internal_error():
    endings = fuzz.run(seed=17, count=300)
    assert [fuzz.line(ending) for ending in endings if ending.fault] == []
    assert len(endings) == 300
    assert {ending.kind for ending in endings} == {target.kind for target in fuzz_targets.TARGETS}
    assert {0, 2, 4} <= {ending.code for ending in endings}
