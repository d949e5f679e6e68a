"""vLLM through its asynchronous engine (``AsyncLLM``).

Written for 0.31.0 and 0.32.0; the interfaces used are the same in the source of 0.25.1.
"""

from __future__ import annotations

import os
from typing import Any

from . import cpu
from .base import ChatEngine, Output
from .interface import ABORT, ERROR, LENGTH, STOP, EngineDownError, Request, StartError

_FEW_CORES = 4
_METHOD = "VLLM_WORKER_MULTIPROC_METHOD"


class VllmAdapter(ChatEngine):
    """One vLLM engine, tensor parallel inside; all sampling parameters are explicit."""

    finishes = {"stop": STOP, "length": LENGTH, "abort": ABORT, "error": ERROR}  # noqa: RUF012

    def __init__(self, job: dict[str, Any]) -> None:
        super().__init__(job)
        self._engine: Any = None

    async def start(self) -> None:
        """Load the model and its tokenizer. Raises ``StartError``."""
        if self.job.get("deterministic"):
            os.environ["VLLM_BATCH_INVARIANT"] = "1"
            os.environ["VLLM_USE_FLASHINFER_SAMPLER"] = "0"  # it draws per batch, ignoring seeds
        if _cores() <= _FEW_CORES:
            # OpenMP's threads wait for each other at every layer, by default in a loop: no faster
            # where the engine is alone, and four times as slow where other processes want the
            # cores. Read when torch is loaded.
            os.environ.setdefault("OMP_WAIT_POLICY", "passive")
        from vllm.engine.arg_utils import AsyncEngineArgs
        from vllm.platforms import current_platform
        from vllm.v1.engine.async_llm import AsyncLLM

        on_a_cpu: dict[str, Any] = {}
        if current_platform.is_cpu():
            self._refuse_on_a_cpu()
            on_a_cpu = {**cpu.ARGUMENTS, **self._of_few_cores()}
        self.load_chat()
        args = {
            "model": self.job["model"],
            "generation_config": "vllm",
            "load_format": "safetensors",
            "tensor_parallel_size": self.job.get("tensor_parallel", 1),
            "trust_remote_code": self.trust,
            "seed": 0,
            "disable_log_stats": True,
            **on_a_cpu,
            **self.job.get("engine_args", {}),
        }
        try:
            engine_args = AsyncEngineArgs(**args)
        except TypeError as error:
            raise StartError(
                f"vLLM does not accept one of the profile's engine_args: {error}",
                "Compare engine_args in configs/engines with this vLLM's EngineArgs.",
            ) from error
        config = _config(engine_args)
        self._engine = AsyncLLM.from_vllm_config(
            config,
            enable_log_requests=engine_args.enable_log_requests,
            disable_log_stats=engine_args.disable_log_stats,
        )
        self.context = int(config.model_config.max_model_len)
        self.settings = {
            "dtype": str(config.model_config.dtype).removeprefix("torch."),
            "max_model_len": self.context,
            "max_num_seqs": config.scheduler_config.max_num_seqs,
            "max_num_batched_tokens": config.scheduler_config.max_num_batched_tokens,
            "prefix_caching": bool(config.cache_config.enable_prefix_caching),
            "chunked_prefill": bool(config.scheduler_config.enable_chunked_prefill),
            # Kernels without compilation. CUDA graphs do not change results.
            "eager": bool(config.model_config.enforce_eager or config.compilation_config.mode == 0),
            "quantization": str(config.model_config.quantization or ""),
            "tensor_parallel": config.parallel_config.tensor_parallel_size,
            "attention_backend": _attention_backend(config),
            "batch_invariant": os.environ.get("VLLM_BATCH_INVARIANT") == "1",
        }

    def _refuse_on_a_cpu(self) -> None:
        """Raise ``StartError`` for settings that would crash vLLM on a CPU."""
        refused = cpu.refusal(
            deterministic=bool(self.job.get("deterministic")),
            engine_args=self.job.get("engine_args", {}),
        )
        if refused is not None:
            raise StartError(*refused)

    def _of_few_cores(self) -> dict[str, Any]:
        """Keep vLLM from wasting a core if there are few: sets variables, returns arguments.

        Its loop reserves a core, and spins. With the model in the loop's process, nothing is
        reserved, and one process fewer imports torch; vLLM 0.31 and 0.32 do so only without V1
        multiprocessing, and then leave OpenMP's threads to the caller.
        """
        cores = _cores()
        if cores > _FEW_CORES or self.job.get("tensor_parallel", 1) > 1:
            return {}
        os.environ.setdefault("VLLM_CPU_NUM_OF_RESERVED_CPU", "0")
        os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
        os.environ.setdefault("OMP_NUM_THREADS", str(cores))
        return {"distributed_executor_backend": "uni"}

    async def sample(self, request: Request, ids: list[int], max_tokens: int) -> Output:
        """Generate one sample."""
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        spec = self.sampling
        params = SamplingParams(
            temperature=spec["temperature"],
            top_p=spec["top_p"],
            top_k=spec["top_k"],
            min_p=spec["min_p"],
            max_tokens=max_tokens,
            seed=request.seed,
            stop=list(spec["stop"]) or None,
            skip_special_tokens=False,
            logprobs=0 if self.logprobs else None,  # 0: of the sampled token alone
            output_kind=RequestOutputKind.FINAL_ONLY,
        )
        output = None
        try:
            async for update in self._engine.generate(
                {"prompt_token_ids": ids}, params, request_id=request.name
            ):
                output = update
        except Exception as error:
            # vLLM's refusals have many classes; a dead engine has its own.
            if self._engine.errored:
                raise EngineDownError(f"{type(error).__name__}: {error}") from error
            raise
        if output is None or not output.outputs:
            raise ValueError("the engine returned no output")
        best = output.outputs[0]
        tokens = list(best.token_ids)
        logprobs = [
            float(row[token].logprob)
            for row, token in zip(best.logprobs or [], tokens, strict=False)
        ]
        return Output(best.text, tokens, str(best.finish_reason), logprobs)

    async def forget(self) -> None:
        """Drop the prefixes that are cached."""
        await self._engine.reset_prefix_cache()

    async def close(self) -> None:
        """Stop the engine's processes."""
        if self._engine is not None:
            # Without delay: completions are on disk, and the host waits for this process.
            self._engine.shutdown(timeout=0)

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
            "settings": self.settings,
            "end_ids": sorted(self.chat.end_ids),
        }


def _cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _config(engine_args: Any) -> Any:
    """Build the configuration. On a CPU, an engine with a single process is forked.

    vLLM forks if it has a GPU. On a CPU it spawns, so that each process reads its own OpenMP
    settings when it loads torch, and imports everything a second time: a third of a start. The
    single process of ``uni`` has this one's settings. VLLM_WORKER_MULTIPROC_METHOD in a profile
    wins.
    """
    from vllm.usage.usage_lib import UsageContext

    chosen = os.environ.get(_METHOD, "fork")
    config = engine_args.create_engine_config(UsageContext.ENGINE_CONTEXT)
    alone = config.parallel_config.distributed_executor_backend == "uni"
    if alone and config.device_config.device_type == "cpu":
        os.environ[_METHOD] = chosen
    return config


def _attention_backend(config: Any) -> str:
    """The attention backend that vLLM chooses for this model here, found in vLLM's own way."""
    try:
        from vllm.config import set_current_vllm_config
        from vllm.v1.attention.selector import get_attn_backend

        model = config.model_config
        with set_current_vllm_config(config):
            chosen = get_attn_backend(
                model.get_head_size(),
                model.dtype,
                config.cache_config.cache_dtype,
                use_mla=bool(model.use_mla),
            )
        return str(chosen.get_name())
    except Exception:  # noqa: BLE001 - only told, never needed: an engine that runs is not stopped
        asked = getattr(getattr(config, "attention_config", None), "backend", None)
        return str(getattr(asked, "name", asked) or "auto")
