"""inspect_ai's scorer ``math`` on pairs, for ``bench_judges.py --inspect-python``.

Runs in an environment of its own, with inspect_ai and latex2sympy2-extended: JSON lines with gold
and answer on stdin, one line ``true`` or ``false`` for each on stdout. After an item whose time was
up it ends, because the thread that was given up goes on: start it again with the rest.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys

from inspect_ai.model import ModelName, ModelOutput
from inspect_ai.scorer import Target, math
from inspect_ai.solver import TaskState


async def main() -> None:
    scorer = math()
    for line in sys.stdin:
        pair = json.loads(line)
        raw = pair["answer"].startswith("RAW:")
        text = pair["answer"][4:] if raw else f"The answer is $\\boxed{{{pair['answer']}}}$."
        state = TaskState(
            model=ModelName("none/none"),
            sample_id=1,
            epoch=1,
            input="Which?",
            messages=[],
            output=ModelOutput.from_content("none/none", text),
        )
        try:
            score = await scorer(state, Target(pair["gold"]))
        except Exception:  # noqa: BLE001 - a gold that it cannot parse, and what sympy raises
            score = None
        print(json.dumps(score is not None and score.value == "C"), flush=True)
        if score is not None and "timeout" in str(score.metadata):
            os._exit(0)


asyncio.run(main())
