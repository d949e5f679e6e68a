"""What the training entry decides without torch."""

import errno

import pytest

from smallscale_ci.worker.train_entry import NotFiniteError, _kind


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
