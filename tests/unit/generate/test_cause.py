"""Why an engine ended is found in its log."""

import pytest

from smallscale_ci.generate.cause import root_cause

LOG = """\
INFO 11-28 23:11:01 [core.py:91] Initializing a V1 LLM engine
(EngineCore pid=7) ERROR 11-28 23:11:09 [core.py:1051] EngineCore failed to start.
(EngineCore pid=7) ERROR 11-28 23:11:09 [core.py:1051] Traceback (most recent call last):
(EngineCore pid=7) ERROR 11-28 23:11:09 [core.py:1051]   File "core.py", line 1042, in run
(EngineCore pid=7) ERROR 11-28 23:11:09 [core.py:1051] FileNotFoundError: [Errno 2] No such file
Traceback (most recent call last):
RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}
"""


@pytest.mark.parametrize(
    ("log", "cause"),
    [
        (LOG, "FileNotFoundError: [Errno 2] No such file"),
        ("torch.OutOfMemoryError: CUDA out of memory.\n", "OutOfMemoryError: CUDA out of memory."),
        ("ValueError: first\nKeyError: 'second'\n", "KeyError: 'second'"),
        ("RuntimeError: Engine core initialization failed.\n", ""),
        ("nothing of the kind\n", ""),
    ],
)
def test_the_cause_of_an_engines_end_is_found_in_its_log(log, cause):
    assert root_cause(log.splitlines()) == cause
