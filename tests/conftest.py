"""Makes the helper modules beside this file importable, and tests indifferent to a busy machine.

Nor does a test depend on the ones before it: none leaves variables or a working folder behind.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# What pytest tells, and what Ray sets wherever it is imported first.
_OFTEN_CHANGED = {"PYTEST_CURRENT_TEST", "RAY_CLIENT_MODE"}

settings.register_profile("busy", deadline=None)
settings.load_profile("busy")


@pytest.fixture(scope="module", autouse=True)
def _left_as_found() -> Iterator[None]:
    """Each file of tests leaves this process as it found it: files run in any order."""
    variables, folder = dict(os.environ), Path.cwd()
    yield
    # Names alone: values may be secrets.
    changed = {name for name, _ in variables.items() ^ os.environ.items()}
    assert changed <= _OFTEN_CHANGED
    assert Path.cwd() == folder
