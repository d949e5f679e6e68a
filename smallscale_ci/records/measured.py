"""How often a judge errs, as a sample shows whose answers people have labelled."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measured:
    """Counts of a labelled sample.

    Of ``right_of`` right answers the judge called ``right`` right, of ``wrong_of`` wrong ones it
    called ``wrong`` wrong.
    """

    right: int = 0
    right_of: int = 0
    wrong: int = 0
    wrong_of: int = 0

    @property
    def complete(self) -> bool:
        """Whether the sample has right and wrong answers."""
        return self.right_of > 0 and self.wrong_of > 0

    @property
    def sensitivity(self) -> float:
        """The share of right answers that are called right; needs some."""
        return self.right / self.right_of

    @property
    def specificity(self) -> float:
        """The share of wrong answers that are called wrong; needs some."""
        return self.wrong / self.wrong_of

    @property
    def kept(self) -> float:
        """What is left of a true difference between two models (Youden's J)."""
        return self.sensitivity + self.specificity - 1


@dataclass(frozen=True, slots=True)
class Corrected(Measured):
    """An accuracy that the errors of its judge correct, with its 95% interval."""

    corrected: float = 0.0
    low: float = 0.0
    high: float = 0.0
