import subprocess
import sys

from smallscale_ci.containers import spec
from smallscale_ci.containers.leftovers import is_left, owner

NOW = 1_000_000.0


def test_a_container_of_a_process_that_lives_is_not_left():
    assert not is_left(owner(NOW, 60), NOW)


def test_its_time_is_over():
    assert is_left(owner(NOW, 60), NOW + 61)


def test_its_process_ended():
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"],
                           capture_output=True, text=True, check=True)  # fmt: skip
    assert is_left({**owner(NOW, 60), spec.PROCESS: ended.stdout.strip()}, NOW)


def test_its_process_number_is_another_s_now():
    assert is_left({**owner(NOW, 60), spec.BORN: "1"}, NOW)


def test_another_machine_s_are_left_alone_until_their_time_is_over():
    far = {**owner(NOW, 60), spec.HOST: "elsewhere", spec.PROCESS: "1"}
    assert not is_left(far, NOW)
    assert is_left(far, NOW + 61)
