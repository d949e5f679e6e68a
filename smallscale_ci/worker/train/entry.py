"""Training on upstream LLaMA-Factory, without a fork: ``torchrun … FOLDER train FILE.yaml``.

The trainers are LLaMA-Factory's own. Subclasses, installed where it looks for them, add losses that
it lacks, stop before non-finite losses or weights can be saved, and mark each checkpoint as
complete once all of it is on disk. The last line of a failure is JSON after ``FAILED``.
"""

from __future__ import annotations

import argparse
import errno
import importlib.machinery
import importlib.util
import json
import os
import shutil
import sys
import threading
import time
import types
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..loading import without_garbage

FAILED = "smallscale-train-failed: "  # before the JSON of a failure
WHOLE = "whole.json"  # in a checkpoint: its files and their sizes
_WATCH_S = 2.0
_NO_ROOM = ("no space left", "disk quota", "file too large", "file write failed")
_ORPO = ("sft_loss", "odds_ratio_loss")  # metrics of that loss only
_NO_MEMORY = ("out of memory", "can't allocate memory", "cannot allocate memory")


class NotFiniteError(Exception):
    """A loss or weights that are NaN or infinite."""


def main(arguments: list[str]) -> int:
    """Run one of the steps that need the training environment; returns the exit code."""
    parser = argparse.ArgumentParser(prog="train")
    parser.add_argument("step", choices=("train", "check", "export"))
    parser.add_argument("file", type=Path)
    parser.add_argument("--loss", default="", choices=("", "lcpo", "simper"))
    parser.add_argument("--keep", type=int, default=1, help="whole checkpoints that are kept")
    parser.add_argument("--leader", default="", help="FILE=WORD: rank 0 writes WORD there")
    parser.add_argument("--parent", type=int, help="process without which nobody wants the result")
    options = parser.parse_args(arguments)
    stand_in_for_audio()
    threading.Thread(target=_end_alone, args=(options.parent,), daemon=True).start()
    try:
        if options.step == "train":
            _train(options)
        elif options.step == "check":
            from .check import check

            with without_garbage():
                check(options.file)
        else:
            from .export import export

            export(options.file)
    except Exception as error:  # noqa: BLE001 - reported in one line, with its kind, and shown whole
        import traceback

        traceback.print_exc()
        failure = {"kind": _kind(error), "message": f"{type(error).__name__}: {error}"[:2000]}
        sys.stdout.flush()
        sys.stderr.write(f"{FAILED}{json.dumps(failure)}\n")
        sys.stderr.flush()
        # Skip exit handlers: they would hang in a process group whose other ranks wait.
        os._exit(1)
    return 0


def _end_alone(parent: int | None) -> None:
    """Exit at once if torchrun is gone, or ``parent``, which requested the result."""
    starter = os.getppid()
    while True:
        try:
            if parent is not None:
                os.kill(parent, 0)
        except ProcessLookupError:
            os._exit(1)
        except PermissionError:
            pass  # alive, but another user's
        if os.getppid() != starter:
            os._exit(1)
        time.sleep(_WATCH_S)


def stand_in_for_audio() -> None:
    """An empty ``torchaudio``, which LLaMA-Factory imports and text does not need."""
    if "torchaudio" not in sys.modules and importlib.util.find_spec("torchaudio") is None:
        module = types.ModuleType("torchaudio")
        module.__spec__ = importlib.machinery.ModuleSpec("torchaudio", None)
        sys.modules["torchaudio"] = module


def _train(options: argparse.Namespace) -> None:
    with without_garbage():
        import yaml
        from llamafactory.train import tuner
        from llamafactory.train.dpo import trainer as dpo
        from llamafactory.train.sft import workflow as sft

    from . import template

    settings = yaml.safe_load(options.file.read_text(encoding="utf-8"))
    if options.leader and os.environ.get("RANK", "0") == "0":
        path, _, word = options.leader.rpartition("=")
        Path(path).write_text(word, encoding="utf-8")
    if settings.get("deepspeed"):
        from torch.utils.cpp_extension import get_default_build_root

        free_locks(Path(os.environ.get("TORCH_EXTENSIONS_DIR") or get_default_build_root()))
    template.install(template.variables_of(Path(settings["dataset_dir"])))
    dpo.CustomDPOTrainer = _dpo_trainer(dpo.CustomDPOTrainer, options)
    sft.CustomSeq2SeqTrainer = _careful(sft.CustomSeq2SeqTrainer, options)
    tuner.LogCallback = _log(tuner.LogCallback)
    tuner.run_exp(settings)


def free_locks(root: Path) -> None:
    """Remove locks of torch's compiled operators that no process has open.

    Who is killed while DeepSpeed compiles leaves one, and every later training would wait for it.
    """
    locks = [path.resolve() for path in root.rglob("lock")]
    held = set()
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):  # gone, or another user's
            held.add(str(link.readlink()))
    for lock in locks:
        if str(lock) not in held:
            lock.unlink(missing_ok=True)


def _careful(base: Any, options: argparse.Namespace) -> Any:
    """``base``, changed to never save non-finite values and to mark complete checkpoints."""
    import torch

    class Careful(base):  # type: ignore[misc]
        def compute_loss(self, *arguments: Any, **named: Any) -> Any:
            result = super().compute_loss(*arguments, **named)
            loss = result[0] if isinstance(result, tuple) else result
            if not torch.isfinite(loss).all():
                step = self.state.global_step + 1
                raise NotFiniteError(f"the loss of step {step} is {float(loss)}")
            return result

        def save_model(self, *arguments: Any, **named: Any) -> None:
            # Gradients can overflow while the loss is still finite; weights show it a step earlier.
            for name, weights in self.model.named_parameters():
                values = getattr(weights, "ds_tensor", weights)  # ZeRO-3: this rank's part
                if weights.requires_grad and not torch.isfinite(values).all():
                    step = self.state.global_step
                    raise NotFiniteError(f"the weights {name} after step {step} are not finite")
            super().save_model(*arguments, **named)

        def _track_num_input_tokens(self, inputs: dict[str, Any]) -> None:
            mask = inputs.get("attention_mask")
            if (
                mask is not None and mask.dim() > 2
            ):  # of packed examples, where the mask tells examples apart and is not a count
                inputs = {key: value for key, value in inputs.items() if key != "attention_mask"}
            super()._track_num_input_tokens(inputs)  # it then counts tokens other than padding

        def _save_checkpoint(self, *arguments: Any, **named: Any) -> None:
            super()._save_checkpoint(*arguments, **named)
            if torch.distributed.is_initialized():
                torch.distributed.barrier()  # all ranks have written their parts
            if self.args.should_save:
                folder = Path(self.args.output_dir)
                mark_whole(folder / f"checkpoint-{self.state.global_step}")
                rotate(folder, options.keep)

    return Careful


def _dpo_trainer(base: Any, options: argparse.Namespace) -> Any:
    """LLaMA-Factory's trainer for pairs, with the requested loss.

    Its ORPO branch has what our losses need: mean log-probabilities and no reference model.
    """
    from . import losses

    class Preference(_careful(base, options)):  # type: ignore[misc]
        def odds_ratio_loss(self, chosen_logps: Any, rejected_logps: Any) -> Any:
            if options.loss == "lcpo":
                return losses.lcpo(chosen_logps, rejected_logps, self.beta)
            if options.loss == "simper":
                return losses.simper(chosen_logps, rejected_logps)
            return losses.orpo(chosen_logps, rejected_logps, self.beta)

        def dpo_loss(self, *arguments: Any, **named: Any) -> Any:
            # Upstream does not pass the kind on, so trl would use the sigmoid for all.
            return super().dpo_loss(*arguments, **{"loss_type": self.loss_type, **named})

        def get_batch_loss_metrics(self, *arguments: Any, **named: Any) -> Any:
            loss, metrics = super().get_batch_loss_metrics(*arguments, **named)
            if options.loss:  # these two are ORPO's
                metrics = {key: metrics[key] for key in metrics if not key.endswith(_ORPO)}
            return loss, metrics

    return Preference


def _log(base: Any) -> Any:
    """LLaMA-Factory's writer of ``trainer_log.jsonl``, with margin, gradient norm and time."""

    class Log(base):  # type: ignore[misc]
        def on_log(self, args: Any, state: Any, control: Any, **named: Any) -> None:
            last = state.log_history[-1]
            more = {"margin": last.get("rewards/margins"), "grad_norm": last.get("grad_norm")}
            self._more = {**getattr(self, "_more", {}), state.global_step: more}
            super().on_log(args, state, control, **named)

        def _write_log(self, output_dir: str, logs: dict[str, Any]) -> None:
            more = self._more.pop(logs.get("current_steps"), {})
            known = {key: value for key, value in more.items() if value is not None}
            super()._write_log(output_dir, {**logs, **known, "time": time.time()})

    return Log


def mark_whole(checkpoint: Path) -> None:
    """Record the files of ``checkpoint``: one that lacks any of them is not resumed from."""
    files = {
        path.relative_to(checkpoint).as_posix(): path.stat().st_size
        for path in sorted(checkpoint.rglob("*"))
        if path.is_file()
    }
    part = checkpoint / f".{WHOLE}"
    with part.open("w", encoding="utf-8") as stream:
        json.dump(files, stream)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(checkpoint / WHOLE)


def rotate(folder: Path, keep: int) -> None:
    """Remove all but the newest ``keep`` whole checkpoints; names that are not ours stay."""
    whole = {
        int(path.name.removeprefix("checkpoint-")): path
        for path in folder.glob("checkpoint-*")
        if path.name.removeprefix("checkpoint-").isdecimal()
        and (path / WHOLE).is_file()
        and not path.is_symlink()
    }
    for _, path in sorted(whole.items())[: -keep or None]:
        shutil.rmtree(path, ignore_errors=True)


def _kind(error: BaseException) -> str:
    """The kind of failure: one with a remedy, or "other"."""
    text = f"{type(error).__name__} {error}".lower()
    if isinstance(error, NotFiniteError):
        return "not-finite"
    if isinstance(error, MemoryError) or any(word in text for word in _NO_MEMORY):
        return "out-of-memory"
    number = getattr(error, "errno", None)
    full = number in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
    if full or any(word in text for word in _NO_ROOM):
        return "disk-full"
    return "other"
