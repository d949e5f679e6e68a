"""Checks of the losses, run in the training environment: prints one JSON object of numbers."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
from smallscale_ci.worker.train import entry  # noqa: E402

entry.stand_in_for_audio()

import torch  # noqa: E402
from llamafactory.train.dpo.trainer import CustomDPOTrainer  # noqa: E402
from torch.nn.functional import logsigmoid  # noqa: E402

from smallscale_ci.worker.train import losses  # noqa: E402

BETA = 0.25
EDGES = [-1e-7, -1e-6, -1e-4, -0.01, -0.5, -0.6931, -0.6932, -1.0, -5.0, -40.0]


def upstream(chosen: torch.Tensor, rejected: torch.Tensor) -> torch.Tensor:
    """LLaMA-Factory's own ORPO, as it stands in the installed package."""
    return CustomDPOTrainer.odds_ratio_loss(SimpleNamespace(beta=BETA), chosen, rejected)


def random_pairs() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(7)
    values = -torch.exp(torch.randn(2, 4000, generator=generator, dtype=torch.float64) * 2 - 1)
    return values[0], values[1]


def difference(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    return float(((ours - theirs).abs() / theirs.abs().clamp(min=1.0)).max())


def numeric(function, at: float, other: float, first: bool) -> float:
    """Central difference in float64, with a step that suits the size of ``at``."""
    step = abs(at) * 1e-4

    def value(x: float) -> torch.Tensor:
        a = torch.tensor([x], dtype=torch.float64)
        b = torch.tensor([other], dtype=torch.float64)
        return function(a, b) if first else function(b, a)

    return float((value(at + step) - value(at - step)) / (2 * step))


def gradients() -> float:
    """Largest relative difference of automatic and numeric gradients, over edges and losses."""
    worst = 0.0
    functions = [lambda a, b: losses.lcpo(a, b, BETA), losses.simper]
    for function in functions:
        for at in EDGES:
            for first in (True, False):
                x = torch.tensor([at], dtype=torch.float64, requires_grad=True)
                other = torch.tensor([-0.3], dtype=torch.float64)
                (function(x, other) if first else function(other, x)).sum().backward()
                expected = numeric(function, at, -0.3, first)
                scale = max(abs(expected), 1e-9)
                worst = max(worst, abs(float(x.grad) - expected) / scale)
    return worst


def finite_in(kind: torch.dtype) -> bool:
    values = torch.tensor([0.0, -1e-38, -1e-12, -1e-9, *EDGES, -1e4], dtype=kind)
    chosen, rejected = (part.flatten() for part in torch.meshgrid(values, values, indexing="ij"))
    found = []
    for function in (lambda a, b: losses.lcpo(a, b, BETA), losses.simper):
        a = chosen.clone().requires_grad_()
        b = rejected.clone().requires_grad_()
        loss = function(a, b)
        loss.sum().backward()
        found += [loss, a.grad, b.grad]
    return all(bool(torch.isfinite(part).all()) for part in found)


def trained(pref_loss: str, own: str = "") -> torch.Tensor:
    """The loss that our trainer takes for a setting of LLaMA-Factory, without a model."""
    trainer = object.__new__(entry._dpo_trainer(CustomDPOTrainer, SimpleNamespace(loss=own)))
    trainer.loss_type, trainer.beta, trainer.simpo_gamma = pref_loss, BETA, 0.5
    trainer.label_smoothing = trainer.bco_gemma = 0.0
    trainer.f_divergence_type, trainer.reference_free = "reverse_kl", False
    trainer.accelerator = SimpleNamespace(device="cpu")
    has_reference = pref_loss in {"sigmoid", "ipo"}
    trainer.finetuning_args = SimpleNamespace(use_ref_model=has_reference)
    references = (chosen - 0.5, rejected + 0.25) if has_reference else (None, None)
    return trainer.compute_preference_loss(chosen, rejected, *references)[0]


def off_formula() -> dict[str, float]:
    """How far what each objective trains is from its formula."""
    gain = torch.full_like(chosen, 0.75)  # over the reference, of the chosen answer's log-ratio
    return {
        "lcpo": difference(trained("orpo", "lcpo"), losses.lcpo(chosen, rejected, BETA)),
        "simper": difference(trained("orpo", "simper"), losses.simper(chosen, rejected)),
        "orpo": difference(trained("orpo"), losses.orpo(chosen, rejected, BETA)),
        "simpo": difference(trained("simpo"), -logsigmoid(BETA * (chosen - rejected) - 0.5)),
        "dpo": difference(trained("sigmoid"), -logsigmoid(BETA * gain)),
        "ipo": difference(trained("ipo"), (gain - 1 / (2 * BETA)) ** 2),
    }


chosen, rejected = random_pairs()
near = torch.tensor([-1e-7], dtype=torch.float64)
print(
    json.dumps(
        {
            "orpo": difference(losses.orpo(chosen, rejected, BETA), upstream(chosen, rejected)),
            "lcpo": difference(
                losses.lcpo(chosen, rejected, BETA), upstream(chosen, rejected) + chosen
            ),
            "near_one": abs(float(losses.log_odds(near)) - 16.118095600958319371),  # by decimal
            "gradients": gradients(),
            "finite": {str(k): finite_in(k) for k in (torch.float64, torch.float32)},
            "upstream_is_nan": bool(torch.isnan(upstream(torch.zeros(1), torch.zeros(1))).any()),
            "at_half": float(losses.log_odds(torch.tensor(0.5, dtype=torch.float64).log())),
            "equal": float(losses.lcpo(chosen[:1], chosen[:1], 1.0)),
            "off_formula": off_formula(),
            "simper": float(
                losses.simper(
                    torch.tensor(0.75, dtype=torch.float64).log(),
                    torch.tensor(0.25, dtype=torch.float64).log(),
                )
            ),
        }
    )
)
