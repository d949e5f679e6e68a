"""The plain script that `generate` is measured against: ``LLM.chat`` over all prompts at once.

``python bare.py JOB.json``, in the engine's Python. The job has ``model``, ``arguments`` of the
engine, ``sampling``, ``chats`` and ``seeds``; prints RESULT and the result as JSON.
"""

import json
import sys
import time
from collections import Counter
from pathlib import Path

KEYS = ("temperature", "top_p", "top_k", "min_p", "max_tokens")


def main() -> None:
    from vllm import LLM, SamplingParams

    job = json.loads(Path(sys.argv[1]).read_text())
    began = time.monotonic()
    llm = LLM(job["model"], generation_config="vllm", seed=0, **job["arguments"])
    start_s = time.monotonic() - began
    same = {key: job["sampling"][key] for key in KEYS}
    params = [SamplingParams(seed=s, skip_special_tokens=False, **same) for s in job["seeds"]]
    began = time.monotonic()
    outputs = llm.chat(job["chats"], params, use_tqdm=False)
    seconds = time.monotonic() - began
    best = [output.outputs[0] for output in outputs]
    result = {
        "tokens": sum(len(o.token_ids) - (o.finish_reason == "stop") for o in best),
        "seconds": seconds,
        "start_s": start_s,
        "finish": Counter(str(o.finish_reason) for o in best),
    }
    print("\nRESULT", json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
