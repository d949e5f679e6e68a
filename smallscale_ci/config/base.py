"""The base of all configuration files: frozen models, data and constraints, no behaviour.

``config.load`` turns YAML into them; ``smallscale schema`` prints their JSON schemas.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class Config(BaseModel):
    """Base of all configuration models: frozen, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class NamedConfig(Config):
    """A model that is a file, ``configs/<folder>/<name>.yaml``; ``kind`` is its name in texts."""

    folder: ClassVar[str]
    kind: ClassVar[str]

    name: Name
    description: str = ""
