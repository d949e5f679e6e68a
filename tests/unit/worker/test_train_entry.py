"""What the training entry decides without torch."""

import errno
from pathlib import Path

import pytest

from smallscale_ci.worker.train.entry import NotFiniteError, _kind, free_locks


class SafetensorError(Exception):
    """As the package of that name raises it."""


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (NotFiniteError("the loss of step 3 is nan"), "not-finite"),
        (MemoryError(), "out-of-memory"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"), "out-of-memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "out-of-memory"),
        (OSError(errno.ENOSPC, "No space left on device"), "disk-full"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "disk-full"),
        (RuntimeError("PytorchStreamWriter failed: file write failed"), "disk-full"),
        (SafetensorError("I/O error: No space left on device (os error 28)"), "disk-full"),
        (ValueError("Template nope does not exist."), "other"),
    ],
)
def test_failures_are_told_apart(error: BaseException, kind: str) -> None:
    assert _kind(error) == kind


def test_a_lock_that_a_killed_process_left_is_removed_and_a_held_one_stays(tmp_path: Path) -> None:
    left, held = (tmp_path / "py311_cpu" / name / "lock" for name in ("left", "held"))
    for lock in (left, held):
        lock.parent.mkdir(parents=True)
        lock.touch()
    with held.open("rb"):
        free_locks(tmp_path)
        assert (left.exists(), held.exists()) == (False, True)
    free_locks(tmp_path / "nowhere")
