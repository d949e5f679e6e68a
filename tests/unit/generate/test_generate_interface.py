"""GPUs are shared out among the ranks."""

import pytest

from smallscale_ci.generate.interface import assign_gpus


@pytest.mark.parametrize(
    ("gpus", "ranks", "width", "expected"),
    [
        ((), 2, 1, [(), ()]),
        (("0", "1"), 2, 1, [("0",), ("1",)]),
        (("0", "1", "2", "3"), 2, 2, [("0", "1"), ("2", "3")]),
        (("0",), 2, 1, [("0",), ("0",)]),
        (("0", "1", "2"), 2, 2, [("0", "1"), ("0", "1")]),
        (("0",), 1, 2, [("0",)]),
    ],
)
def test_gpus_are_shared_out(gpus, ranks, width, expected):
    assert assign_gpus(gpus, ranks, width) == expected
