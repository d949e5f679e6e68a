import pytest

from smallscale_ci.config.load import parse
from smallscale_ci.config.profile import EngineProfile
from smallscale_ci.config.secret import without_secrets
from smallscale_ci.config.suite import SuiteConfig
from smallscale_ci.errors import ConfigError

SECRET = "sk-proj-0123456789abcdef"


def problems(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(EngineProfile, f"name: e\n{text}", "e.yaml")
    return "\n".join(caught.value.problems)


@pytest.mark.parametrize(
    "text",
    [
        f"engine: openai\nengine_args: {{api_key: {SECRET}}}",
        f"engine: openai\napi_key: {SECRET}",
        f"engine: openai\nengine_args: {{api_key_env: {SECRET}}}",
        f"engine: openai\nengine_args: {{extra_body: {{metadata: {{Api-Key: {SECRET}}}}}}}",
        f"engine: openai\nengine_args: {{extra_body: {{x: [{SECRET}]}}}}",
        f"engine: openai\nengine_args: {{extra_body: {{authorization: 'Bearer {SECRET}'}}}}",
        f"engine: openai\nengine_args: {{base_url: 'https://me:{SECRET}@host/v1'}}",
        f"engine: openai\nenv: {{OPENAI_API_KEY: {SECRET}}}",
        f"engine: vllm\nengine_args: {{hf_token: {SECRET}}}",
        f"engine: vllm\nenv: {{HF_TOKEN: {SECRET}}}",
        f"engine: sglang\nengine_args: {{api-key: {SECRET}}}",
        f"engine: vllm\ntemplate: {{system: {SECRET}}}",
    ],
)
def test_a_secret_is_refused_and_not_repeated(text):
    said = problems(text)
    assert SECRET not in said
    assert "0123456789" not in said


def test_what_is_only_called_alike_is_no_secret():
    text = (
        "name: e\nengine: vllm\nengine_args: {max_num_batched_tokens: 4096, seed: 1}\n"
        "env: {VLLM_LOGGING_LEVEL: INFO, TOKENIZERS_PARALLELISM: 'false'}\n"
    )
    assert parse(EngineProfile, text, "e.yaml").env["TOKENIZERS_PARALLELISM"] == "false"
    text = (
        "name: e\nengine: openai\nengine_args:\n  base_url: https://host/v1\n  api_key_env: KEY_2\n"
        "  extra_body: {stop_token: '</s>', eos_token: x, tokens: a, ignore_eos: true}\n"
    )
    assert parse(EngineProfile, text, "e.yaml").engine_args["api_key_env"] == "KEY_2"


def test_the_request_of_an_llm_judge_holds_no_secret():
    judge = f"{{name: llm, model: m, request: {{extra_headers: {{api-key: {SECRET}}}}}}}"
    text = f"name: s\ntasks: [{{name: t, source: a.jsonl, judge: {judge}}}]\n"
    with pytest.raises(ConfigError) as caught:
        parse(SuiteConfig, text, "s.yaml")
    said = "\n".join(caught.value.problems)
    assert "looks like a secret" in said
    assert SECRET not in said


def test_variables_named_like_secrets_are_left_out_but_the_one_to_keep():
    secret = {
        *("HF_TOKEN", "GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "OPENAI_API_KEY", "openai_apikey"),
        *("db_password", "PGPASSWD", "SSH_PASSPHRASE", "AZURE_CREDENTIALS", "GH_PAT", "MY_SECRET"),
    }
    plain = {
        *("PATH", "HTTPS_PROXY", "TOKENIZERS_PARALLELISM", "VLLM_CPU_KVCACHE_SPACE", "MONKEY"),
        *("KEYBOARD", "SECRETARY", "DISPATCH", "CUDA_VISIBLE_DEVICES", "PASS"),
    }
    environment = dict.fromkeys([*secret, *plain], "x")
    assert without_secrets(environment).keys() == plain
    assert without_secrets(environment, keep="HF_TOKEN").keys() == {*plain, "HF_TOKEN"}
