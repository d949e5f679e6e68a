"""How much of everything: rates, seeds, problems, batches, and how the engine is started."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LIMIT = 1280  # completion tokens
CONCISE = "You are a helpful assistant. Think as briefly as you can."
# At 5e-6, the rate of LCPO's authors, this model hardly moves in 50 steps; DPO at 5e-5 no longer
# ends.
GRID = {
    "lcpo": (5e-6, 2e-5, 5e-5),
    "dpo": (5e-6, 2e-5),
    "simpo": (5e-6, 2e-5),
    "orpo": (2e-5, 5e-5),
    "simper": (5e-6, 2e-5),
    "ipo": (5e-6, 2e-5),
    "sft-shortest": (2e-5, 5e-5),
}
SEEDS = (43, 44)  # beside the first grid's, 42
CURVE = (12, 25, 100)  # steps of SFT on the shortest answers, beside the 50 of all
LOSS = 0.01  # of accuracy, that a best rate may cost
TUNED = 2e-5  # LCPO's rate for the loops with ZeRO-3


GRAPHS: dict[str, dict[str, Any]] = {
    "none": {"enforce_eager": True},
    # Many short runs of new weights: graphs pay, compilation does not.
    "decode": {
        "compilation_config": {
            "mode": 0,
            "cudagraph_mode": "FULL_DECODE_ONLY",
            "cudagraph_capture_sizes": [1, 2, 4, 8, 16, 32, 64, 96, 128, 160, 192, 224, 256],
        }
    },
}


@dataclass(frozen=True)
class Size:
    """How much of everything."""

    brief: int = 36_000
    taught: int = 45_000  # the brief ones first
    train: int = 500
    held_out: int = 400
    gated: int = 800  # the verdict's, by which nobody is chosen
    unseen: int = 200
    direct: int = 200
    samples: int = 16
    epochs: int = 2
    sft_epochs: int = 2
    sft_batch: int = 16  # packed sequences
    sft_micro: int = 16
    steps: int = 50
    batch: int = 16
    micro: int = 2
    side_by_side: int = 6  # on each GPU
    few: bool = False  # one of every list

    def of(self, listed: Any) -> Any:
        """What is tried of GRID, CURVE or SEEDS."""
        if not self.few:
            return listed
        if isinstance(listed, Mapping):
            return {name: listed[name][-1:] for name in ("lcpo", "sft-shortest")}
        return listed[:1]


SMALL = Size(40, 60, 6, 3, 5, 5, 2, 4, 1, 1, 4, 2, 2, 2, 1, 1, few=True)
