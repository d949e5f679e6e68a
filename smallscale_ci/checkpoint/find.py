"""From the name of a model (an alias, a path or a hub id) to its folder."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path

from smallscale_ci.checkpoint.embedded import ALIASES, converted
from smallscale_ci.checkpoint.model import Checkpoint
from smallscale_ci.checkpoint.servable import inspect
from smallscale_ci.errors import NOT_WRITABLE, SmallscaleError, StorageError, UsageError
from smallscale_ci.ids import slug

_HUB_FILES = ("*.json", "*.safetensors", "*.model", "*.txt", "*.jinja", "*.tiktoken")


def resolve(
    model: str,
    *,
    cache: Path,
    engine_python: Path | None,
    say: Callable[[str], None],
) -> Checkpoint:
    """Find, fetch or convert ``model`` and check that it can be served.

    ``model`` is an alias, a folder, or ``org/name[@revision]`` on the hub. ``engine_python``
    converts embedded models; ``say`` announces slow steps. Raises ``UsageError`` for what is
    not a checkpoint, ``EngineError`` and ``StorageError`` when fetching or converting fails.
    """
    path = Path(model).expanduser()
    if path.is_dir():
        return inspect(
            path.resolve(), name_of(model), str(path.resolve()), cache=cache / "hashes", say=say
        )
    if path.is_file():
        gguf = " GGUF is not served: give the safetensors." if path.suffix == ".gguf" else ""
        raise UsageError(
            f"{model} is a file, not a checkpoint folder.{gguf}",
            "Give the folder that holds config.json, *.safetensors and the tokenizer.",
        )
    if model in ALIASES:
        folder = converted(model, cache, engine_python, say)
        try:
            return inspect(folder, model, model, cache=cache / "hashes")
        except UsageError as error:
            error.hint = f"It is our copy of '{model}': remove {folder}, and it is made again."
            raise
    looks_like_path = model.startswith((".", "/", "~")) or model.count("/") > 1
    if looks_like_path or "/" not in model:
        near = difflib.get_close_matches(model, ALIASES, n=1)
        meant = f"Did you mean '{near[0]}'? " if near else ""
        raise UsageError(
            f"There is no model '{model}'.",
            f"{meant}Give a checkpoint folder, a hub id (org/name[@revision]) or an alias: "
            f"{', '.join(ALIASES)}.",
        )
    return _from_hub(model, cache, say)


def name_of(model: str) -> str:
    """The name of ``model`` in baselines, known before anything is fetched."""
    path = Path(model).expanduser()
    if path.is_dir():
        return slug(path.resolve().name)
    return slug(model.partition("@")[0].rpartition("/")[2])


def _from_hub(model: str, cache: Path, say: Callable[[str], None]) -> Checkpoint:
    """Download a pinned snapshot; the commit it resolved to becomes part of its identity."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    name, _, revision = model.partition("@")
    say(f"fetching {model} from the hub")
    try:
        path = snapshot_download(
            name,
            revision=revision or None,
            cache_dir=cache / "hub",
            allow_patterns=list(_HUB_FILES),
        )
    except GatedRepoError as error:
        raise UsageError(
            f"The hub does not let you read {name}: it is gated.",
            "Accept its terms on the hub and set HF_TOKEN.",
        ) from error
    except RevisionNotFoundError as error:
        raise UsageError(
            f"{name} has no revision '{revision}' on the hub.", "Give a branch, tag or commit."
        ) from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise UsageError(
            f"There is no model '{name}' on the hub, and no such folder here.",
            "Check the spelling; a private model needs HF_TOKEN.",
        ) from error
    except (LocalEntryNotFoundError, OfflineModeIsEnabled, HfHubHTTPError, OSError) as error:
        if getattr(error, "errno", None) in NOT_WRITABLE:
            raise StorageError(
                f"The model {name} could not be written to {cache / 'hub'}: {error.strerror}.",
                "Free disk space, or name another folder in SMALLSCALE_CACHE.",
            ) from error
        raise SmallscaleError(
            f"There is no folder {name} here, and the hub could not be reached for it.",
            "Check the spelling of the folder, or the network.",
        ) from error
    commit = Path(path).name
    return inspect(Path(path), name_of(model), f"{name}@{commit}", cache=cache / "hashes", say=say)
