"""The errors of an LLM judge, as a suite states them."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Counted = tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=1)]]  # so many, of how many


class MeasuredConfig(BaseModel):
    """What a judge said of labelled answers, as ``smallscale judge LABELLED`` counts it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    right: Counted  # called right, of those that are
    wrong: Counted  # called wrong, of those that are

    @model_validator(mode="after")
    def _is_better_than_chance(self) -> Self:
        for name, (count, of) in (("right", self.right), ("wrong", self.wrong)):
            if count > of:
                raise ValueError(f"{name}: {count} of {of} is more than all of them")
        if self.right[0] / self.right[1] + self.wrong[0] / self.wrong[1] <= 1:
            raise ValueError("this judge is no better than chance: nothing can correct it")
        return self
