"""How a container ended, and what the run reports of it."""

from pathlib import Path

import pytest

from smallscale_ci.containers.interface import Ended
from smallscale_ci.generate import followed
from smallscale_ci.worker import protocol


@pytest.mark.parametrize(
    ("ended", "said", "hint"),
    [
        (Ended(137, True, ""), "out of memory", "memory_gib"),
        (Ended(137, False, ""), "was killed (code 137)", "--resume"),
        (Ended(124, False, ""), "deadline", "deadline_h"),
        (Ended(137, False, "", seconds=59), "was killed (code 137)", "--resume"),
        (Ended(137, False, "", seconds=70), "deadline", "deadline_h"),  # it heard no SIGTERM
        (Ended(127, False, ""), "cannot be started", "python3"),
        (Ended(0, False, ""), "", ""),
        (Ended(1, False, ""), "", ""),  # the worker has said why
    ],
)
def test_why_a_container_ended(ended, said, hint):
    message, remedy = followed._reason(ended, 3, 60)
    assert said in message
    assert hint in remedy
    assert ("rank 3" in message) == bool(said)


@pytest.mark.parametrize(
    ("ended", "known", "said", "final"),
    [
        (Ended(137, False, "", seconds=70), {}, "deadline", True),  # or another would follow
        (Ended(137, False, ""), {}, "killed", False),
        (Ended(1, False, ""), {"message": "no model", "final": True}, "no model", True),
        # Memory ran out for the engine: its worker knows only that it is dead.
        (Ended(1, True, ""), {"message": "EngineDeadError"}, "out of memory", False),
        (Ended(1, True, ""), {"message": "no core", "final": True}, "out of memory", True),
    ],
)
def test_the_end_that_the_run_is_told(tmp_path: Path, ended, known, said, final):
    rank = followed.Followed(None, "c", tmp_path, 0, deadline_s=60)
    rank.status.parent.mkdir()
    status = {"beat": 4, "info": {}, "state": "ready", "error": known or None}
    protocol.write_atomically(rank.status, status)
    rank._tell(ended)
    error = protocol.read_json(rank.status)["error"]
    assert said in error["message"]
    assert bool(error.get("final")) == final
