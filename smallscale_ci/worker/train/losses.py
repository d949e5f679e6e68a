"""Losses on preference pairs that LLaMA-Factory lacks, as pure functions of log-probabilities.

Everywhere ``chosen`` and ``rejected`` are tensors of one shape that hold, for each pair, the mean
log-probability of the answer's tokens, logp = log p(y|x) / |y|, at most 0. A loss has that shape.
"""

from __future__ import annotations

import math

import torch
from torch.nn.functional import logsigmoid

_LN2 = math.log(2)
# If every token is certain, log-odds are infinite; from here on they are kept finite.
CERTAIN = -1e-9


def log_odds(logp: torch.Tensor) -> torch.Tensor:
    """log(p / (1 − p)) of p = exp(``logp``), finite also for p → 1.

    log(1 − eˣ) is log(−expm1(x)) above −ln 2 and log1p(−eˣ) below: the other form of each loses
    all digits there (Mächler 2012, "Accurately computing log(1 − exp(−|a|))"). Above ``CERTAIN``
    the value is that at ``CERTAIN`` and the gradient is 0.
    """
    logp = logp.clamp(max=CERTAIN)
    near = logp > -_LN2
    # where() differentiates both branches: neither may see inputs outside its range.
    edge = torch.full_like(logp, -_LN2)
    above = torch.log(-torch.expm1(torch.where(near, logp, edge)))
    below = torch.log1p(-torch.exp(torch.where(near, edge, logp)))
    return logp - torch.where(near, above, below)


def lcpo(chosen: torch.Tensor, rejected: torch.Tensor, beta: float) -> torch.Tensor:
    """LCPO: −β · log σ(log-odds(chosen) − log-odds(rejected)), without a reference model.

    Source: B. Hong et al. 2026, "Pruning Long Chain-of-Thought of Large Reasoning Models via
    Small-Scale Preference Optimization" (arXiv 2508.10164); β as in the authors' code. It is ORPO
    (J. Hong et al. 2024) without its likelihood term.
    """
    return -beta * logsigmoid(log_odds(chosen) - log_odds(rejected))


def orpo(chosen: torch.Tensor, rejected: torch.Tensor, beta: float) -> torch.Tensor:
    """ORPO: −logp(chosen) + LCPO (J. Hong et al. 2024), in the stable form."""
    return -chosen + lcpo(chosen, rejected, beta)


def simper(chosen: torch.Tensor, rejected: torch.Tensor) -> torch.Tensor:
    """SimPER: p(rejected) − p(chosen), inverse perplexities; no hyperparameter.

    Source: Xiao et al. 2025, "SimPER: A Minimalist Approach to Preference Alignment without
    Hyperparameters" (arXiv 2502.00883).
    """
    return torch.exp(rejected) - torch.exp(chosen)
