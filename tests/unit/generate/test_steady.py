"""A machine that sleeps does not age its engines."""

from smallscale_ci.generate.steady import SteadyClock


def test_time_passes_while_somebody_looks_and_stands_still_while_the_machine_sleeps():
    now = [100.0]
    clock = SteadyClock(lambda: now[0])
    assert clock() == 0.0
    for second in range(1, 31):
        now[0] += 1.0
        assert clock() == second
    now[0] += 8 * 3600.0  # asleep
    assert clock() == 40.0
    now[0] -= 60.0  # a clock that was set back
    assert clock() == 40.0
