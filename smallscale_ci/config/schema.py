"""JSON Schemas of the configuration files, for editors and for checks in other repositories."""

from __future__ import annotations

from typing import Any

from smallscale_ci.config.base import NamedConfig
from smallscale_ci.config.grid import GridConfig
from smallscale_ci.config.pairs import PairPolicy
from smallscale_ci.config.policy import GatePolicy
from smallscale_ci.config.profile import EngineProfile
from smallscale_ci.config.suite import SuiteConfig
from smallscale_ci.config.train import TrainRecipe
from smallscale_ci.errors import UsageError, did_you_mean

MODELS: dict[str, type[NamedConfig]] = {
    "suite": SuiteConfig,
    "engine": EngineProfile,
    "gate": GatePolicy,
    "pairs": PairPolicy,
    "train": TrainRecipe,
    "grid": GridConfig,
}


def schema(name: str) -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of files of one of ``MODELS``.

    Raises ``UsageError`` for another name.
    """
    if name not in MODELS:
        raise UsageError(
            f"There is no schema '{name}'{did_you_mean(name, MODELS)}.",
            f"Known: {', '.join(MODELS)}.",
        )
    model = MODELS[name]
    found = model.model_json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **found,
        "title": f"configs/{model.folder}/NAME.yaml",
    }
