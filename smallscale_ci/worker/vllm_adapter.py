"""vLLM through its asynchronous engine (``AsyncLLM``)."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from .adapter import (
    ABORT,
    ERROR,
    LENGTH,
    STOP,
    Completion,
    Request,
    StartError,
    failed,
    prompt_hash,
    without_end,
)
from .chat import Chat

_FINISH = {"stop": STOP, "length": LENGTH, "abort": ABORT, "error": ERROR}


class VllmAdapter:
    """One vLLM engine, tensor parallel inside; all sampling parameters are explicit."""

    def __init__(self, job: dict[str, Any]) -> None:
        self._job = job
        self._sampling = job["sampling"]
        self._chat: Chat
        self._engine: Any = None
        self._context = 0
        self._settings: dict[str, Any] = {}

    async def start(self) -> None:
        """Load the model and its tokenizer. Raises ``StartError``."""
        if self._job.get("deterministic"):
            os.environ["VLLM_BATCH_INVARIANT"] = "1"
        from vllm.engine.arg_utils import AsyncEngineArgs
        from vllm.v1.engine.async_llm import AsyncLLM

        trust = bool(self._job.get("trust_remote_code"))
        self._chat = Chat(self._job["model"], trust_remote_code=trust)
        args = {
            "model": self._job["model"],
            "generation_config": "vllm",
            "load_format": "safetensors",
            "tensor_parallel_size": self._job.get("tensor_parallel", 1),
            "trust_remote_code": trust,
            "seed": 0,
            "disable_log_stats": True,
            **self._job.get("engine_args", {}),
        }
        try:
            engine_args = AsyncEngineArgs(**args)
        except TypeError as error:
            raise StartError(
                f"vLLM does not take one of the profile's engine_args: {error}",
                "Compare engine_args in configs/engines with this vLLM's EngineArgs.",
            ) from error
        self._engine = AsyncLLM.from_engine_args(engine_args)
        config = self._engine.vllm_config
        self._context = int(config.model_config.max_model_len)
        self._settings = {
            "dtype": str(config.model_config.dtype).removeprefix("torch."),
            "max_model_len": self._context,
            "max_num_seqs": config.scheduler_config.max_num_seqs,
            "max_num_batched_tokens": config.scheduler_config.max_num_batched_tokens,
            "prefix_caching": bool(config.cache_config.enable_prefix_caching),
            "tensor_parallel": config.parallel_config.tensor_parallel_size,
        }

    async def generate(self, request: Request) -> Completion:
        """Generate one sample; a prompt without room in the context is an ERROR completion."""
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        ids = await asyncio.to_thread(self._chat.render, request.messages)
        hashed = prompt_hash(ids)
        room = self._context - len(ids)
        if room < 1:
            return failed(
                f"the prompt has {len(ids)} tokens, the model's context {self._context}",
                len(ids),
                hashed,
            )
        spec = self._sampling
        params = SamplingParams(
            temperature=spec["temperature"],
            top_p=spec["top_p"],
            top_k=spec["top_k"],
            min_p=spec["min_p"],
            max_tokens=min(spec["max_tokens"], room),
            seed=request.seed,
            stop=list(spec["stop"]) or None,
            skip_special_tokens=False,
            output_kind=RequestOutputKind.FINAL_ONLY,
        )
        output = None
        async for update in self._engine.generate(
            {"prompt_token_ids": ids}, params, request_id=request.name
        ):
            output = update
        if output is None or not output.outputs:
            return failed("the engine returned no output", len(ids), hashed)
        best = output.outputs[0]
        if best.finish_reason not in _FINISH:
            return failed(f"unknown finish reason '{best.finish_reason}'", len(ids), hashed)
        tokens = without_end(best.token_ids, self._chat.end_ids)
        return Completion(best.text, tokens, len(ids), _FINISH[best.finish_reason], hashed)

    async def close(self) -> None:
        """Stop the engine's processes."""
        if self._engine is not None:
            self._engine.shutdown()

    def info(self) -> dict[str, Any]:
        """Engine, torch and transformers versions, the device, and the settings in force."""
        import torch
        import transformers
        import vllm

        cuda = torch.cuda.is_available()
        return {
            "engine": "vllm",
            "version": vllm.__version__,
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "device": torch.cuda.get_device_name(0) if cuda else "cpu",
            "settings": self._settings,
            "end_ids": sorted(self._chat.end_ids),
        }
