"""How often a judge errs on a labelled sample, and how often it agrees with another."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measured:
    """Counts of a labelled sample.

    The judge accepted ``right`` of ``right_of`` right answers, and rejected ``wrong`` of
    ``wrong_of`` wrong ones.
    """

    right: int = 0
    right_of: int = 0
    wrong: int = 0
    wrong_of: int = 0

    @property
    def complete(self) -> bool:
        """Whether the sample has both right and wrong answers."""
        return self.right_of > 0 and self.wrong_of > 0

    @property
    def sensitivity(self) -> float:
        """The share of right answers that are accepted. Needs ``right_of`` > 0."""
        return self.right / self.right_of

    @property
    def specificity(self) -> float:
        """The share of wrong answers that are rejected. Needs ``wrong_of`` > 0."""
        return self.wrong / self.wrong_of

    @property
    def kept(self) -> float:
        """The share of a true difference between two models that remains (Youden's J)."""
        return self.sensitivity + self.specificity - 1


@dataclass(frozen=True, slots=True)
class Corrected(Measured):
    """An accuracy corrected for the errors of its judge, with its 95% interval."""

    corrected: float = 0.0
    low: float = 0.0
    high: float = 0.0


@dataclass(frozen=True, slots=True)
class Agreed:
    """How often an LLM judge and a rule judge agreed; ``None`` if the samples cannot tell."""

    samples: int = 0
    agree: float | None = None
    """The share of samples on which they agree."""
    kappa: float | None = None
    """Cohen's κ, 0 for chance and 1 for full agreement (Cohen 1960)."""
    model_alone: int = 0
    """Samples that are right to the model alone."""
    rule_alone: int = 0
