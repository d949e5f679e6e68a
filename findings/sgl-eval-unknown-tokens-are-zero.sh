#!/usr/bin/env bash
# sgl-eval 0.1.3: where a server reports no usage, a prediction is written with
# num_generated_tokens: 0, num_reasoning_tokens: 0 and num_answer_tokens: 0, beside its text. A count
# that is not known cannot be told from an empty answer but by the text: means of tokens over such
# files are too low, silently.
#
# Prints the row; exits 1 where that is no longer so. No endpoint and no GPU are needed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" --quiet install --no-deps sgl-eval==0.1.3
"$folder/env/bin/python" - <<'PYTHON'
import sys

from sgl_eval.predictions import sample_to_pred
from sgl_eval.types import Example, Sample

sample = Sample(text="The answer is 4.", finish_reason="stop")  # as without usage
row = sample_to_pred(sample, Example(id="a", inputs={"problem": "2+2?"}, target="4"))
print(sample.completion_tokens, "→", row)
counts = [row[f"num_{kind}_tokens"] for kind in ("generated", "reasoning", "answer")]
sys.exit(sample.completion_tokens is not None or counts != [0, 0, 0])
PYTHON
