from pathlib import Path

import pytest

from smallscale_ci.config.folders import names
from smallscale_ci.config.load import dump, load, parse
from smallscale_ci.config.train import TrainRecipe
from smallscale_ci.errors import ConfigError

ROOTS = (Path(__file__).parents[3] / "configs",)


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        parse(TrainRecipe, text, "f.yaml")
    return caught.value.problems


def test_all_recipes_that_were_promised_are_there() -> None:
    wanted = {"lcpo", "dpo", "simpo", "orpo", "ipo", "simper", "sft-shortest"}
    assert wanted <= {*names(TrainRecipe, ROOTS)}


@pytest.mark.parametrize("name", names(TrainRecipe, ROOTS))
def test_shipped_recipes_load_and_survive_being_written_back(name: str) -> None:
    recipe = load(TrainRecipe, name, ROOTS)
    assert recipe.description
    assert parse(TrainRecipe, dump(recipe), "f.yaml") == recipe


def test_lcpo_has_the_authors_settings() -> None:
    recipe = load(TrainRecipe, "lcpo", ROOTS)
    assert (recipe.beta, recipe.learning_rate, recipe.warmup) == (0.1, 5e-6, 0.1)
    assert (recipe.steps, recipe.batch_size, recipe.cutoff_len) == (50, 16, 2300)
    assert recipe.schedule == "cosine"


def test_all_problems_at_once_with_their_lines() -> None:
    text = """name: bad
objective: lcop
learning_rate: fast
btach_size: 4
cutoff_len: 4
lora: {rnak: 8}
warmup: 1
"""
    assert problems(text) == (
        (
            'f.yaml:2: objective: "lcop" is not one of lcpo, dpo, simpo, orpo, ipo, simper, sft '
            "(did you mean 'lcpo'?)"
        ),
        'f.yaml:3: learning_rate: must be a number, not "fast"',
        "f.yaml:4: btach_size: unknown key (did you mean 'batch_size'?)",
        "f.yaml:5: cutoff_len: must be greater than or equal to 16, not 4",
        "f.yaml:6: lora.rnak: unknown key (did you mean 'rank'?)",
        "f.yaml:7: warmup: must be less than 1, not 1",
    )


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("batch_size: 6\nmicro_batch: 4", "batch_size 6 is not a multiple of micro_batch 4"),
        ("lora: {rank: 8}", "lora is given, but tuning is full; say tuning: lora"),
        ("gamma: 1.0", "gamma is an option of simpo only"),
        ("deepspeed: none\noffload: true", "offload is DeepSpeed's, and deepspeed is none"),
    ],
)
def test_contradictions(lines: str, expected: str) -> None:
    assert problems(f"name: a\nobjective: lcpo\n{lines}") == (f"f.yaml:1: {expected}",)


def test_objectives_without_a_beta_refuse_one() -> None:
    (problem,) = problems("name: a\nobjective: simper\nbeta: 2")
    assert problem.endswith("simper has no beta")
