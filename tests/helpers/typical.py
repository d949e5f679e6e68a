"""Baselines as the published suites typically have them, for what needs no model but a plan."""

import numpy as np

from helpers.runs import CUT, RIGHT, WRONG, grid, together
from smallscale_ci.run.samples import Samples

LIMIT = 32_768  # tokens

# problems, samples of each in an epoch, mean accuracy, share of answers that are cut off
SHAPES = {
    "math": (4964, 1, 0.85, 0.01),
    "math-500": (500, 1, 0.85, 0.01),
    "gsm8k": (1319, 1, 0.9, 0.002),
    "aime24": (30, 16, 0.4, 0.1),
    "aime25": (30, 16, 0.35, 0.1),
    "amc23": (40, 16, 0.75, 0.03),
    "olympiadbench": (674, 1, 0.5, 0.05),
    "minervamath": (272, 1, 0.4, 0.01),
    "limr": (1389, 1, 0.7, 0.03),
    "hle-math": (976, 1, 0.06, 0.2),
    "mmlu": (14042, 1, 0.7, 0.002),
    "gpqa-d": (198, 1, 0.5, 0.03),
    "winogrande": (1267, 1, 0.7, 0.0),
    "arc-c": (1172, 1, 0.9, 0.0),
    "lcb": (175, 1, 0.35, 0.1),
}


def typical(task: str, epochs: int, rng: np.random.Generator, limit: int | None = None) -> Samples:
    """``epochs`` epochs of a model of about 8 billion parameters on ``task``.

    Solve rates are bimodal, lengths log-normal: between problems with σ 0.4, within with 0.35, and
    three times as long where nothing is solved.
    """
    problems, repeats, accuracy, cut = SHAPES[task]
    problems = min(problems, limit or problems)
    shape = (problems, epochs * repeats)
    rate = rng.beta(2 * accuracy, 2 * (1 - accuracy), problems)[:, None]
    # The hardest tenth of the problems has all the answers that are cut off.
    hard = rate <= np.quantile(rate, max(0.1, 2 * cut))
    truncated = hard & (rng.random(shape) < cut / hard.mean())
    right = rng.random(shape) < rate
    outcome = np.where(truncated, CUT, np.where(right, RIGHT, WRONG))
    length = 4000 * np.exp(1.2 * (1 - rate) + rng.normal(0, 0.4, problems)[:, None])
    tokens = np.ceil(np.minimum(length * rng.lognormal(0, 0.35, shape), LIMIT - 1))
    tokens[truncated] = LIMIT
    return grid(outcome, tokens, task)


def suite(tasks: dict[str, int | None], epochs: int, seed: int = 0) -> Samples:
    """A run of several tasks, each with a limit of problems or none."""
    rng = np.random.default_rng(seed)
    return together(*(typical(task, epochs, rng, limit) for task, limit in tasks.items()))
