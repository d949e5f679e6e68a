"""Why a training ended, as an error that says how to resume."""

from __future__ import annotations

import re
import signal
from contextlib import suppress
from pathlib import Path
from shlex import quote

from smallscale_ci.errors import EngineError, SmallscaleError, StorageError
from smallscale_ci.train.checkpoints import newest_whole
from smallscale_ci.train.launch import Printed
from smallscale_ci.train.llamafactory import CHECKPOINTS

_SIGNAL = re.compile(r"Signal (\d+) \((SIG[A-Z]+)\)")
_SIGTERM = "15"  # the signal with which torchrun ends the other ranks
_LESS = (
    "It needs less with a smaller micro_batch or cutoff_len, gradient_checkpointing, more ranks "
    "with deepspeed: zero3, offload: true, or tuning: lora."
)


def failure(printed: Printed, code: int, out: Path) -> SmallscaleError:
    """The error of a training that ended with ``code``."""
    last = newest_whole(out / CHECKPOINTS)
    kept = f"{last.name} is whole" if last else "no checkpoint had been saved"
    go_on = f"Resume with: smallscale train --resume {quote(str(out))}"
    told = printed.failure or {"kind": "", "message": ""}
    killed = [found for found in _SIGNAL.findall(printed.text()) if found[0] != _SIGTERM]
    message = told["message"].partition(": ")[2] or told["message"]
    match told["kind"]:
        case "not-finite":
            return EngineError(
                f"Training was stopped: {message}. {kept}.",
                "Lower learning_rate or max_grad_norm in a copy of the recipe and train again"
                + (f"; the model before it is in {last}." if last else "."),
            )
        case "out-of-memory":
            return EngineError(f"Training ran out of memory; {kept}.", _LESS, printed.tail())
        case "disk-full":
            return StorageError(
                f"A file could not be written to {out}: {message}. {kept}.",
                f"Free disk space (an optimiser's state is large). {go_on}",
            )
        case "deadline":
            return EngineError(
                f"The container reached its deadline; {kept}.",
                f"{go_on} (each session has container.deadline_h hours)"
                if last
                else "Raise container.deadline_h in a copy of the recipe and train again.",
                printed.tail(),
            )
        case "other" if not killed:  # otherwise it is only a consequence of another rank's death
            return EngineError(f"Training failed: {message}; {kept}.", go_on, printed.tail())
    dead = killed[0] if killed else _signal(code)
    what, hint = f"Training ended with code {code}; {kept}.", go_on
    if dead is not None:
        who = "A rank" if killed else "Training"
        what = f"{who} was killed (signal {dead[0]}, {dead[1]}); {kept}."
        hint = f"Check who killed it: the system does if memory runs out. {go_on}"
    return EngineError(what, hint, printed.tail())


def _signal(code: int) -> tuple[str, str] | None:
    """Number and name of the signal that a process (-9) or a container (137) died of, if any."""
    number = -code if code < 0 else code - 128
    with suppress(ValueError):
        return str(number), signal.Signals(number).name
    return None
