"""What a run used: tokens per second, how busy its ranks were, GPU seconds, cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smallscale_ci.config.models import EngineProfile
from smallscale_ci.generate.scheduler import Scheduler

_HOSTS = ("", "cpu", "none")  # devices that cost no GPU


def usage(
    scheduler: Scheduler, profile: EngineProfile, gpus: tuple[str, ...], before: Mapping[str, Any]
) -> dict[str, Any]:
    """``timings``, ``tokens`` and ``ranks`` of the manifest.

    GPU seconds count from the start of a rank's process, loading included, for all sessions of the
    run: ``before`` are the timings of the earlier ones. Ranks that share GPUs share their seconds.
    """
    ranks = {}
    for number, status in sorted(scheduler.ranks.status().items()):
        load, busy, waiting = (float(status[key]) for key in ("load_s", "busy_s", "waiting_s"))
        tokens = scheduler.tokens[number] - scheduler.found[number]
        ranks[str(number)] = {
            "tokens": tokens,
            "tokens_per_s": round(tokens / busy, 1) if busy else 0.0,
            "busy_share": _share(busy, waiting),
            "busy_s": round(busy, 2),
            "waiting_s": round(waiting, 2),  # nothing in flight and nothing to claim
            "load_s": round(load, 2),
        }
    held = profile.ranks * profile.tensor_parallel
    share = len(gpus) / held if gpus else 1 / profile.ranks_per_gpu
    width = profile.tensor_parallel * min(1.0, share)
    on_gpu = scheduler.ranks.info().get("device", "") not in _HOSTS
    alive = sum(rank["load_s"] + rank["busy_s"] + rank["waiting_s"] for rank in ranks.values())
    gpu_s = before.get("gpu_s", 0.0) + (alive * width if on_gpu else 0.0)
    busy, waiting = (sum(rank[key] for rank in ranks.values()) for key in ("busy_s", "waiting_s"))
    timings: dict[str, Any] = {
        "start_s": round(scheduler.seconds_to_ready, 2),
        "generate_s": round(before.get("generate_s", 0.0) + scheduler.seconds_ready, 2),
        "tokens_per_s": round(scheduler.tokens_per_s, 1),
        "busy_share": _share(busy, waiting),
        "waiting_s": round(waiting, 2),
        "gpu_s": round(gpu_s, 1),
    }
    if profile.price_per_gpu_hour is not None:  # of the whole run: one run, one verdict
        timings["cost"] = round(gpu_s / 3600 * profile.price_per_gpu_hour, 4)
    by_rank = {str(rank): count for rank, count in sorted(scheduler.tokens.items())}
    counts = {"completion": scheduler.tokens.total(), "by_rank": by_rank}
    return {"timings": timings, "tokens": counts, "ranks": ranks}


def sentence(manifest: Mapping[str, Any]) -> str:
    """One line for people at the end of a run; empty where nothing was generated."""
    timings, ranks = manifest.get("timings", {}), manifest.get("ranks", {})
    tokens = sum(rank["tokens"] for rank in ranks.values())
    if not tokens:
        return ""
    parts = [f"{tokens:,} tokens", f"{timings['tokens_per_s']:,.0f} tokens/s"]
    if len(ranks) > 1:
        each = ", ".join(f"{rank['tokens_per_s']:,.0f}" for rank in ranks.values())
        parts.append(f"by rank {each}")
    parts.append(f"engines busy {timings['busy_share']:.0%} of their time")
    if timings["gpu_s"]:
        parts.append(f"{timings['gpu_s'] / 3600:.2f} GPU hours")
    if "cost" in timings:
        parts.append(f"cost of this verdict {timings['cost']:.2f}")
    return " · ".join(parts)


def _share(busy: float, waiting: float) -> float:
    return round(busy / (busy + waiting), 3) if busy else 0.0
