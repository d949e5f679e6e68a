"""Limits on the CPU time of an item, in processes of their own: the kernel ends them."""

import subprocess
import sys

from smallscale_ci.judges.deadline import SIGNAL

BEGIN = (
    "import time\n"
    "from smallscale_ci.judges.deadline import limited, uncharged\n"
    "def work(seconds):\n"
    "    end = time.process_time() + seconds\n"
    "    while time.process_time() < end: pass\n"
)


def ends(code: str) -> int:
    return subprocess.run([sys.executable, "-c", BEGIN + code], check=False).returncode


def test_who_takes_more_is_ended_and_who_waits_is_not() -> None:
    assert ends("with limited(0.05): work(10)") == -SIGNAL
    assert ends("with limited(0.05): time.sleep(0.1)\nwork(0.08)") == 0  # and it is over afterwards


def test_what_later_items_use_too_is_not_charged() -> None:
    inside = "with limited(0.05):\n    with uncharged(): work(0.08)\n"
    assert ends(inside) == 0
    assert ends(f"{inside}    work(10)\n") == -SIGNAL  # the clock goes on where it was stopped
