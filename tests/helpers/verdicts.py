"""Simulated runs of one task, and what the gate says of them."""

import numpy as np

from helpers.runs import simulate
from smallscale_ci.config.policy import GatePolicy, Margins

WIDE = GatePolicy(
    name="wide", margins=Margins(accuracy=0.12, tokens=0.2, truncation=0.05), max_epochs=1
)


def rates(seed=0, n=300):
    return np.random.default_rng(seed).beta(1.6, 0.4, n)


def run(seed, p, epochs, **options):
    return simulate(np.random.default_rng(seed), p, epochs, **options)


def one(verdict, metric, task="math"):
    return next(c for c in verdict.checks if c.metric is metric and c.task == task)
