"""vLLM's adapter without vLLM: what is set before it is imported. tests/gpu runs the real one."""

import asyncio
import os
import sys
from types import ModuleType
from unittest import mock

import pytest
from helpers.token_engine import SAMPLING

from smallscale_ci.worker.engines.vllm import VllmAdapter

NAMES = ("VLLM_BATCH_INVARIANT", "VLLM_USE_FLASHINFER_SAMPLER")


class StartedError(Exception):
    """In place of an engine on a GPU."""


class Platform:
    @staticmethod
    def is_cpu() -> bool:
        raise StartedError


@pytest.fixture
def vllm(monkeypatch):
    """Modules with the names that the adapter imports first; what it sets is taken back."""
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
    with mock.patch.dict(os.environ):
        yield


def start(**job: object) -> None:
    with pytest.raises(StartedError):
        asyncio.run(VllmAdapter({"model": "m", "sampling": SAMPLING, **job}).start())


@pytest.mark.usefixtures("vllm")
@pytest.mark.parametrize(
    ("deterministic", "expected"), [(False, ["as it was"] * 2), (True, ["1", "0"])]
)
def test_a_deterministic_vllm_also_leaves_the_flashinfer_sampler(
    monkeypatch, deterministic, expected
):
    for name in NAMES:
        monkeypatch.setenv(name, "as it was")
    start(deterministic=deterministic)
    assert [os.environ[name] for name in NAMES] == expected


@pytest.mark.usefixtures("vllm")
@pytest.mark.parametrize(
    ("cores", "chosen", "expected"),
    [(2, None, "passive"), (4, None, "passive"), (5, None, None), (2, "active", "active")],
)
def test_on_few_cores_threads_sleep_while_they_wait(monkeypatch, cores, chosen, expected):
    # Set and taken away again: what the adapter sets is undone after the test.
    monkeypatch.setenv("OMP_WAIT_POLICY", chosen or "")
    if chosen is None:
        monkeypatch.delenv("OMP_WAIT_POLICY")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))
    start()
    assert os.environ.get("OMP_WAIT_POLICY") == expected
