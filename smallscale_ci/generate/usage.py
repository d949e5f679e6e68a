"""A run's usage: tokens per second, how busy its ranks were, GPU seconds, cost."""

from __future__ import annotations

from dataclasses import replace

from smallscale_ci.config.profile import EngineProfile
from smallscale_ci.generate.scheduler import Scheduler
from smallscale_ci.run.manifest import Manifest, RankUsage, Timings, TokenCounts


def with_usage(
    manifest: Manifest,
    scheduler: Scheduler,
    profile: EngineProfile,
    gpus: tuple[str, ...],
    before: Timings,
) -> Manifest:
    """``manifest`` with timings (seconds), tokens and ranks; its device must be known.

    GPU seconds count from the start of a rank's process, including loading, over all sessions of
    the run: ``before`` are the timings of the earlier ones. Ranks that share GPUs share their
    seconds.
    """
    ranks = {}
    for number, status in sorted(scheduler.ranks.status().items()):
        load, busy, waiting = (float(status[key]) for key in ("load_s", "busy_s", "waiting_s"))
        tokens = scheduler.tokens[number] - scheduler.found[number]
        ranks[str(number)] = RankUsage(
            tokens=tokens,
            tokens_per_s=round(tokens / busy, 1) if busy else 0.0,
            busy_share=_share(busy, waiting),
            busy_s=round(busy, 2),
            waiting_s=round(waiting, 2),
            load_s=round(load, 2),
        )
    held = profile.ranks * profile.tensor_parallel
    share = len(gpus) / held if gpus else 1 / profile.ranks_per_gpu
    width = profile.tensor_parallel * min(1.0, share)
    used = ranks.values()
    alive = sum(rank.load_s + rank.busy_s + rank.waiting_s for rank in used)
    gpu_s = before.gpu_s + (alive * width if manifest.machine.has_gpu else 0.0)
    waiting = sum(rank.waiting_s for rank in used)
    price = profile.price_per_gpu_hour  # of the whole run: one run, one verdict
    timings = Timings(
        start_s=round(scheduler.seconds_to_ready, 2),
        generate_s=round(before.generate_s + scheduler.seconds_ready, 2),
        tokens_per_s=round(scheduler.tokens_per_s, 1),
        busy_share=_share(sum(rank.busy_s for rank in used), waiting),
        waiting_s=round(waiting, 2),
        gpu_s=round(gpu_s, 1),
        cost=None if price is None else round(gpu_s / 3600 * price, 4),
    )
    by_rank = {str(rank): count for rank, count in sorted(scheduler.tokens.items())}
    counts = TokenCounts(scheduler.tokens.total(), by_rank)
    return replace(manifest, timings=timings, tokens=counts, ranks=ranks)


def sentence(manifest: Manifest) -> str:
    """One line for people at the end of a run; empty if nothing was generated."""
    timings, ranks = manifest.timings, manifest.ranks
    tokens = sum(rank.tokens for rank in ranks.values())
    if not tokens:
        return ""
    parts = [f"{tokens:,} tokens"]
    if timings.tokens_per_s >= 1:  # unknown if all came in before the first rank was seen as ready
        parts.append(f"{timings.tokens_per_s:,.0f} tokens/s")
    if len(ranks) > 1:
        each = ", ".join(f"{rank.tokens_per_s:,.0f}" for rank in ranks.values())
        parts.append(f"by rank {each}")
    parts.append(f"engines busy {timings.busy_share:.0%} of their time")
    if timings.gpu_s:
        parts.append(f"{timings.gpu_s / 3600:.2f} GPU hours")
    if timings.cost is not None:
        parts.append(f"cost of this verdict {timings.cost:.2f}")
    return " · ".join(parts)


def _share(busy: float, waiting: float) -> float:
    return round(busy / (busy + waiting), 3) if busy else 0.0
