"""SGLang through ``Engine.async_generate`` with prompt token ids.

Written for 0.5.17 and 0.5.21; ``tests/gpu`` runs it.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from .base import ChatEngine, Output
from .interface import ABORT, LENGTH, STOP, EngineDownError, Request, StartError

_SETTINGS = (
    "attention_backend", "sampling_backend", "mem_fraction_static", "max_running_requests",
    "chunked_prefill_size", "disable_radix_cache", "disable_cuda_graph", "quantization",
    "kv_cache_dtype", "enable_deterministic_inference",
)  # fmt: skip


class SglangAdapter(ChatEngine):
    """One SGLang engine, tensor parallel inside; all sampling parameters are explicit."""

    finishes = {"stop": STOP, "length": LENGTH, "abort": ABORT}  # noqa: RUF012

    def __init__(self, job: dict[str, Any]) -> None:
        super().__init__(job)
        self._deterministic = bool(job.get("deterministic"))
        self._engine: Any = None

    async def start(self) -> None:
        """Load the model and its tokenizer. Raises ``StartError``."""
        import sglang

        self.load_chat()
        args = {
            "model_path": self.job["model"],
            "load_format": "safetensors",
            "tp_size": self.job.get("tensor_parallel", 1),
            "trust_remote_code": self.trust,
            "random_seed": 0,
            "log_level": "info",
            "enable_deterministic_inference": self._deterministic,
            **self.job.get("engine_args", {}),
        }
        try:
            self._engine = sglang.Engine(**args)
        except TypeError as error:
            raise StartError(
                f"SGLang does not accept one of the profile's engine_args: {error}",
                "Compare engine_args in configs/engines with this SGLang's ServerArgs.",
            ) from error
        model = self._engine.tokenizer_manager.model_config
        self.context = int(model.context_len)
        resolved = self._resolved()
        self.settings = {
            "dtype": str(model.dtype).removeprefix("torch."),
            "max_model_len": self.context,
            "tensor_parallel": args["tp_size"],
            **{name: resolved[name] for name in _SETTINGS if name in resolved},
        }

    async def sample(self, request: Request, ids: list[int], max_tokens: int) -> Output:
        """Generate one sample."""
        try:
            found = await self._engine.async_generate(
                input_ids=ids,
                sampling_params=self.parameters(request.seed, max_tokens),
                return_logprob=self.logprobs,
                rid=request.name,
            )
        except Exception as error:
            # An aborted request raises an HTTP error of the web framework.
            if getattr(error, "status_code", None) is None and not isinstance(error, ValueError):
                raise EngineDownError(f"{type(error).__name__}: {error}") from error
            if isinstance(error, ValueError):
                raise
            raise ValueError(f"SGLang aborted it: {getattr(error, 'detail', error)}") from error
        meta = found["meta_info"]
        finish = meta["finish_reason"]
        logprobs = [float(row[0]) for row in meta.get("output_token_logprobs") or []]
        word = finish["type"] if isinstance(finish, dict) else str(finish)
        return Output(found["text"], list(found["output_ids"]), word, logprobs)

    def parameters(self, seed: int, max_tokens: int) -> dict[str, Any]:
        """SGLang's sampling parameters, with no default left implicit."""
        spec = self.sampling
        parameters = {
            "temperature": spec["temperature"],
            "top_p": spec["top_p"],
            "top_k": spec["top_k"] or -1,  # −1: all
            "min_p": spec["min_p"],
            "max_new_tokens": max_tokens,
            "stop": list(spec["stop"]) or None,
            "frequency_penalty": 0.0,
            "presence_penalty": 0.0,
            "repetition_penalty": 1.0,
            "skip_special_tokens": False,
            "spaces_between_special_tokens": True,
        }
        # Without deterministic inference, SGLang ignores the seed, so none is passed.
        return {**parameters, "sampling_seed": seed} if self._deterministic else parameters

    async def forget(self) -> None:
        """Drop cached prefixes."""
        await self._engine.tokenizer_manager.flush_cache()

    async def close(self) -> None:
        """Stop the engine's processes."""
        if self._engine is not None:
            self._engine.shutdown()

    def info(self) -> dict[str, Any]:
        """Engine, torch and transformers versions, the device, and the settings in force."""
        import sglang
        import torch
        import transformers

        cuda = torch.cuda.is_available()
        return {
            "engine": "sglang",
            "version": sglang.__version__,
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "device": torch.cuda.get_device_name(0) if cuda else "cpu",
            "settings": self.settings,
            "end_ids": sorted(self.chat.end_ids),
        }

    def _resolved(self) -> dict[str, Any]:
        """The server arguments in force, including SGLang's defaults."""
        arguments = self._engine.server_args
        if hasattr(arguments, "resolved_dict"):  # 0.5.21
            return dict(arguments.resolved_dict())
        plain = dataclasses.asdict(arguments)
        return dict(self._engine.tokenizer_manager.resolved_config_dict(plain))
