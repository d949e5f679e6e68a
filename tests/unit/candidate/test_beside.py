"""Where members that are trained side by side go."""

from smallscale_ci.candidate.beside import shares
from smallscale_ci.train.runner import Wanted


def test_gpus_are_shared_out_and_fewer_are_taken_in_turn():
    four = Wanted(gpus=("0", "1", "2", "3"))
    assert shares(four, 2, {}) == [("0", "2"), ("1", "3")]
    assert shares(four, 1, {}) == [("0", "1", "2", "3")]
    assert shares(Wanted(), 3, {"CUDA_VISIBLE_DEVICES": "5"}) == [("5",)] * 3
    assert shares(Wanted(), 2, {"CUDA_VISIBLE_DEVICES": ""}) == [(), ()]
