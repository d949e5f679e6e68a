"""What a seed of its own costs each request in vLLM's CPU sampler: run by an engine's Python.

    .envs/engine-vllm-cpu/bin/python benchmarks/bench_seeds.py

Nothing of smallscale is used. One step draws one token for every request: sampled without seeds,
with a seed for each request as vLLM does it, and as it could be (noise drawn once, from the
requests' own generators). The three in turn, CPU seconds, medians; ratios to "without seeds".
"""

import os
import statistics
import time
from collections.abc import Callable

os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")

import torch
import vllm
from vllm.platforms import current_platform
from vllm.v1.sample.ops.topk_topp_sampler import TopKTopPSampler

VOCABULARY = 49_152  # SmolLM2's
ROUNDS = 15


def main() -> None:
    torch.set_num_threads(1)
    current_platform.import_kernels()
    sampler = TopKTopPSampler()
    print(f"vLLM {vllm.__version__}, torch {torch.__version__}, {VOCABULARY} tokens, one thread")
    print("requests  without seeds  seeds       noise once")
    for requests in (8, 64):
        logits = torch.randn(requests, VOCABULARY)
        own = {i: torch.Generator().manual_seed(i) for i in range(requests)}

        def once(logits: torch.Tensor = logits, own: dict[int, torch.Generator] = own) -> None:
            noise = torch.empty_like(logits)
            for place, generator in own.items():
                noise[place].exponential_(generator=generator)
            (logits.softmax(-1, dtype=torch.float32) / noise).argmax(-1)

        def without(logits: torch.Tensor = logits) -> None:
            sampler.forward_cpu(logits, {}, None, None)

        def seeded(logits: torch.Tensor = logits, own: dict[int, torch.Generator] = own) -> None:
            sampler.forward_cpu(logits, own, None, None)

        base, price, could = timed([without, seeded, once])
        print(
            f"{requests:8}  {1000 * base:8.2f} ms   {1000 * price:6.2f} ms ({price / base:.2f} x)"
            f"  {1000 * could:6.2f} ms ({could / base:.2f} x)"
        )


def timed(steps: list[Callable[[], None]]) -> list[float]:
    """CPU seconds of each step: the median of rounds in which they take turns."""
    for step in steps:
        step()
    taken: list[list[float]] = [[] for _ in steps]
    for _ in range(ROUNDS):
        for step, seconds in zip(steps, taken, strict=True):
            before = time.process_time()
            step()
            seconds.append(time.process_time() - before)
    return [statistics.median(seconds) for seconds in taken]


if __name__ == "__main__":
    main()
