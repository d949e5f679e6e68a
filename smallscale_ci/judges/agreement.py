"""How well two judges agree."""

from __future__ import annotations

from dataclasses import dataclass

from smallscale_ci.records.measured import Agreed


@dataclass
class Agreement:
    """Counts of samples by the rulings of an LLM judge and a rule judge: right or not."""

    both: int = 0
    model_alone: int = 0  # right only to the model
    rule_alone: int = 0
    neither: int = 0

    def add(self, *, model: bool, rule: bool) -> None:
        """Count one more sample."""
        if model and rule:
            self.both += 1
        elif model:
            self.model_alone += 1
        elif rule:
            self.rule_alone += 1
        else:
            self.neither += 1

    @property
    def samples(self) -> int:
        """How many were counted."""
        return self.both + self.model_alone + self.rule_alone + self.neither

    @property
    def share(self) -> float | None:
        """The share on which they agree; ``None`` without samples."""
        return (self.both + self.neither) / self.samples if self.samples else None

    @property
    def kappa(self) -> float | None:
        """Cohen's κ, 0 for chance and 1 for full agreement (Cohen 1960).

        ``None`` if both always give the same single ruling: chance alone would agree fully.
        """
        if self.share is None:
            return None
        model = (self.both + self.model_alone) / self.samples
        rule = (self.both + self.rule_alone) / self.samples
        chance = model * rule + (1 - model) * (1 - rule)
        return (self.share - chance) / (1 - chance) if chance < 1 else None

    def record(self) -> Agreed:
        """The agreement as recorded in manifests."""
        return Agreed(self.samples, self.share, self.kappa, self.model_alone, self.rule_alone)
