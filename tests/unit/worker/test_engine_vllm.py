"""vLLM's adapter without vLLM: what is set before it is imported. tests/gpu runs the real one."""

import asyncio
import os
import sys
from types import ModuleType

import pytest
from helpers.token_engine import SAMPLING

from smallscale_ci.worker.engines.vllm import VllmAdapter


def test_a_deterministic_vllm_also_leaves_the_flashinfer_sampler(monkeypatch):
    class StartedError(Exception):
        """In place of an engine on a GPU."""

    class Platform:
        @staticmethod
        def is_cpu() -> bool:
            raise StartedError

    for name in ("vllm", "vllm.engine", "vllm.v1", "vllm.v1.engine"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    for name, what in (
        ("vllm.engine.arg_utils", "AsyncEngineArgs"),
        ("vllm.v1.engine.async_llm", "AsyncLLM"),
        ("vllm.platforms", "current_platform"),
    ):
        module = ModuleType(name)
        setattr(module, what, Platform)
        monkeypatch.setitem(sys.modules, name, module)
    for name in ("VLLM_BATCH_INVARIANT", "VLLM_USE_FLASHINFER_SAMPLER"):
        monkeypatch.setenv(name, "as it was")
    for deterministic, expected in ((False, ["as it was"] * 2), (True, ["1", "0"])):
        adapter = VllmAdapter({"model": "m", "sampling": SAMPLING, "deterministic": deterministic})
        with pytest.raises(StartedError):
            asyncio.run(adapter.start())
        found = [
            os.environ[name] for name in ("VLLM_BATCH_INVARIANT", "VLLM_USE_FLASHINFER_SAMPLER")
        ]
        assert found == expected
