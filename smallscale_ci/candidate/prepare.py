"""Planning a candidate: names resolved, leaks looked for, costs known, nothing spent yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from smallscale_ci.candidate.folder import PAIRS, PARENT, SAMPLE, TRAIN, VERDICT, CandidateFolder
from smallscale_ci.candidate.monitor import refuse_unasked
from smallscale_ci.candidate.record import CandidateRequest, StepRecord
from smallscale_ci.config import folders, load, override
from smallscale_ci.config.pairs import PairPolicy
from smallscale_ci.config.policy import GatePolicy
from smallscale_ci.config.profile import EngineProfile
from smallscale_ci.config.seams import STEPS
from smallscale_ci.config.settings import Settings
from smallscale_ci.config.suite import SuiteConfig
from smallscale_ci.config.train import TrainRecipe
from smallscale_ci.errors import ContainerError, EngineError
from smallscale_ci.ids import run_id, slug
from smallscale_ci.pairs import build, leakage
from smallscale_ci.pairs.build import Check
from smallscale_ci.pipeline.prepare import Plan, plan
from smallscale_ci.pipeline.request import Request
from smallscale_ci.pipeline.resume import resume
from smallscale_ci.pipeline.ruled import held
from smallscale_ci.records import Metric, Scale
from smallscale_ci.run.folder import NO_BASELINE, RunFolder, is_run, open_run
from smallscale_ci.run.manifest import COMPLETE
from smallscale_ci.suite.local import load_suite
from smallscale_ci.suite.model import Suite
from smallscale_ci.train.estimate import memory, size, steps
from smallscale_ci.train.llamafactory import Place, render
from smallscale_ci.train.runner import Wanted, runner_for, visible_gpus


@dataclass(frozen=True, eq=False)
class Loop:
    """A candidate that can be made: names resolved and no leak found, before any GPU is used."""

    folder: CandidateFolder
    request: CandidateRequest
    judged: Request  # what parent and candidate are evaluated with
    gate: GatePolicy
    recipe: TrainRecipe
    settings: Settings
    sample: Plan | None  # None: a stored run is used
    parent: Plan
    suite: Suite  # of the training problems
    check: Check
    made: Mapping[str, StepRecord] = field(default_factory=dict)  # by another candidate

    @property
    def name(self) -> str:
        """What reports call the candidate."""
        return slug(f"{self.parent.checkpoint.name}-{self.recipe.name}")


def prepare(
    folder: CandidateFolder,
    request: CandidateRequest,
    settings: Settings,
    wanted: Wanted,
    say: Callable[[str], None],
) -> Loop:
    """Resolve all names and look for leaks; ``wanted`` is where to train.

    Under ``--rules``, evaluation suite, profile and policy come from the rules; training suite and
    recipe come from whoever makes the candidate. Raises the errors of every part: an unknown model,
    recipe, suite, gate or profile, a suite whose data are missing, training problems that are in
    the evaluation, a batch that cannot be split over the ranks.
    """
    makers = settings.makers
    recipe = recipe_of(request, settings)
    asked = _ask(request, suite=request.eval_suite, baseline=NO_BASELINE)
    judged = held(asked, settings, say)
    gate = _gate(judged, settings, free=request.gate is None)
    refuse_unasked(gate.monitor, settings.service)
    if request.once:
        gate = _once(gate, request.eval_epochs or 1)
    parent = _plan(
        folder.of(PARENT),
        replace(judged, epochs=max(request.eval_epochs or 1, gate.max_epochs)),
        settings,
        say,
    )
    if request.sample:
        config = open_run(Path(request.sample)).read_config()
        sample = None
        suite = load_suite(config.suite, Path(config.suite_folder), settings.cache)
    else:
        profile = str(folders.find(EngineProfile, judged.profile, settings.roots))
        asked = _ask(request, profile=profile, baseline=NO_BASELINE, epochs=request.samples)
        sample = _plan(folder.of(SAMPLE), asked, makers, say)
        suite = sample.suite
    check = Check(
        {parent.suite.name: parent.suite.problems},
        request.policy.leaks,
        request.policy.leak_threshold if settings.rules is None else _strictest(request.policy),
        recipe.cutoff_len,
        recipe.max_cut,
        supervised=recipe.objective == "sft",
    )
    leaks = leakage.find_leaks(suite.problems, check.evaluation, check.threshold)
    if leaks and check.leaks == "refuse":
        raise leakage.refuse(leaks)
    loop = Loop(folder, request, judged, gate, recipe, settings, sample, parent, suite, check)
    render(recipe, _place(loop, wanted))
    return loop


def recipe_of(request: CandidateRequest, settings: Settings) -> TrainRecipe:
    """The recipe with its overrides. Raises ``UsageError`` and ``ConfigError``."""
    recipe = load.load(TrainRecipe, request.recipe, settings.makers.roots)
    return override.apply(recipe, override.read(request.overrides, ("recipe",))["recipe"])


def planned(loop: Loop, wanted: Wanted) -> dict[str, Any]:
    """The plan: each step with its state, pairs, training steps, memory and settings.

    ``pairs`` is exact if the answers are there, else the most that there can be; then
    ``exact`` is false. Raises what choosing pairs raises.
    """
    folder, request = loop.folder, loop.request
    is_started = folder.exists()
    states = {step: is_started and folder.is_complete(step) for step in STEPS}
    source = Path(request.sample) if request.sample else folder.of(SAMPLE)
    exact, longest = status(source) == COMPLETE, loop.recipe.cutoff_len
    if exact:
        chosen = build.choose(
            RunFolder(source), loop.suite, request.policy, loop.check, lambda _: None
        )
        pairs = len(chosen.pairs)
        screening = chosen.about.screening
        longest = screening.longest if screening else longest
    else:
        pairs = len(loop.suite.problems) * request.policy.per_problem
        pairs = min(pairs, request.policy.max_pairs or pairs)
    sampled = (
        f"{len(loop.suite.problems)} problems of {loop.suite.name} × {request.samples} answers"
    )
    looks = loop.parent.config.epochs
    evaluated = f"{loop.parent.suite.samples_per_epoch} samples of {loop.parent.suite.name}"
    does = {
        SAMPLE: f"takes the answers in {request.sample}" if request.sample else sampled,
        PAIRS: f"{'' if exact else 'at most '}{pairs} pairs, policy {request.policy.name}",
        TRAIN: f"{steps(loop.recipe, pairs)} steps of {loop.recipe.batch_size} pairs, "
        f"recipe {loop.recipe.name}",
        PARENT: f"{evaluated}, epochs: {looks}",
        VERDICT: f"{evaluated}, epochs: up to {looks}, policy {loop.gate.name}",
    }
    return {
        "folder": str(folder.path),
        "steps": [
            {"step": step, "state": "complete" if states[step] else "to do", "does": does[step]}
            for step in STEPS
        ],
        "pairs": pairs,
        "exact": exact,
        "longest": longest,
        "training": training(loop, wanted, pairs, longest),
    }


def training(loop: Loop, wanted: Wanted, pairs: int, longest: int) -> dict[str, Any]:
    """Steps, memory of one rank and LLaMA-Factory's settings, as far as nobody has to be asked."""
    recipe, place = loop.recipe, _place(loop, wanted)
    needs = memory(recipe, size(loop.parent.checkpoint.path), place, longest)
    return {
        "objective": recipe.objective,
        "steps": steps(recipe, pairs),
        "ranks": place.ranks,
        "gpu": place.gpu,
        "memory_bytes": {**asdict(needs), "total": needs.total},
        "settings": render(recipe, place),
        **_missing(loop, wanted),
    }


def _missing(loop: Loop, wanted: Wanted) -> dict[str, str]:
    """What is missing for training, and the remedy; empty if nothing is."""
    try:
        runner_for(loop.recipe, wanted, loop.settings, run_id="dry-run", say=lambda _: None)
    except (EngineError, ContainerError) as error:
        return {"missing": error.message, "remedy": error.hint}
    return {"missing": "", "remedy": ""}


def _place(loop: Loop, wanted: Wanted) -> Place:
    gpus = wanted.gpus if wanted.gpus is not None else visible_gpus(loop.settings.environment)
    return Place(
        str(loop.parent.checkpoint.path),
        str(loop.folder.of(PAIRS)),
        str(loop.folder.of(TRAIN)),
        ranks=wanted.ranks or max(1, len(gpus)),
        gpu=bool(gpus),
    )


def verdict_plan(loop: Loop, say: Callable[[str], None]) -> Plan:
    """The evaluation of the trained model against the run of its parent."""
    asked = replace(
        loop.judged,
        model=str(loop.folder.model),
        baseline=str(loop.folder.of(PARENT)),
        epochs=loop.request.eval_epochs,
    )
    plan = _plan(loop.folder.of(VERDICT), asked, loop.settings, say)
    config = plan.config
    if not is_run(plan.run.path):
        name = run_id(loop.settings.now(), plan.suite.name, loop.name, loop.settings.nonce())
        config = config.model_copy(update={"gate": loop.gate, "name": name})
    # Every model made here is in a folder called `model`: reports name it by its candidate.
    return replace(plan, config=config, checkpoint=replace(plan.checkpoint, name=loop.name))


def _ask(request: CandidateRequest, **more: Any) -> Request:
    """A run of the loop; ``more`` says which suite, model and baseline."""
    return Request(
        **{
            "model": request.model,
            "suite": request.train_suite,
            "profile": request.profile,
            "gate": request.gate,
            "seed": request.seed,
            "template": request.template,
            "ranks": request.ranks,
            "tensor_parallel": request.tensor_parallel,
            "gpus": request.gpus,
            "runtime": request.runtime,
            **more,
        }
    )


def _plan(path: Path, asked: Request, settings: Settings, say: Callable[[str], None]) -> Plan:
    """The plan of a run in ``path``: a new one, or the one that was started there."""
    if is_run(path) and status(path) != COMPLETE:
        return resume(path, settings, say=say)
    new = plan(asked, settings, say=say)
    return replace(new, run=RunFolder(path))


def status(path: Path) -> str:
    """How the run in ``path`` ended; empty if there is none."""
    return RunFolder(path).read_manifest().status if is_run(path) else ""


def _once(gate: GatePolicy, epochs: int) -> GatePolicy:
    """``gate`` with one look, after ``epochs``, so that all members are measured alike."""
    update = {"max_epochs": epochs, "looks_per_epoch": 1, "on_inconclusive": "extend"}
    return gate.model_copy(update=update)


def _strictest(policy: PairPolicy) -> float:
    """The leakage threshold, which whoever makes a candidate may not raise."""
    return min(policy.leak_threshold, PairPolicy().leak_threshold)


def _gate(judged: Request, settings: Settings, *, free: bool) -> GatePolicy:
    """The policy that was named, or the suite's; ``free``: tokens are shown but not gated."""
    suite = load.load(SuiteConfig, judged.suite, settings.roots)
    gate = load.load(GatePolicy, judged.gate or suite.gate, settings.fixed)
    if not free:
        return gate
    lengths = {metric.value: None for metric in Metric if metric.scale is Scale.LENGTH}
    return gate.model_copy(
        update={
            "name": f"{gate.name}-without-tokens",
            "margins": gate.margins.model_copy(update=lengths),
            "task_margins": {
                task: margins.model_copy(update=lengths)
                for task, margins in gate.task_margins.items()
            },
        }
    )
