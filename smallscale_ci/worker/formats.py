"""The known formats of thinking, each with its source: the only table of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Format:
    """The marks of one family of models. ``*`` in a mark stands for up to 16 letters or digits.

    ``begins`` are phrases that open thinking if they start a text. ``closes`` also holds the mark
    that starts the answer, if a format has one, because models forget to close. ``paired`` closing
    marks also end other things, so they count only after an opening mark. Tags in angle brackets
    are read in any case and with attributes. ``source`` names the template or parser that the marks
    were taken from.
    """

    name: str
    opens: tuple[str, ...]
    closes: tuple[str, ...]
    source: str
    begins: tuple[str, ...] = ()
    paired: bool = False


# Marks start with "<", "[" or "◁". Paths are those of vLLM 0.31 unless another project is named.
FORMATS = (
    Format(
        "think",
        ("<think>", "<thinking>", "<think:*>"),
        ("</think>", "</thinking>", "</think:*>"),
        "chat templates of DeepSeek-R1/V3, Qwen3, QwQ, GLM-4.5 to 4.7, MiniMax-M2, Nemotron Nano, "
        "Phi-4-reasoning, OLMo 3, Granite 3.3, ERNIE 4.5, Step 3, EXAONE 4, Kimi K2; "
        "<thinking>: Apriel; <think:…>: reasoning/hy_v4_reasoning_parser.py (Hunyuan)",
    ),
    Format(
        "mistral",
        ("[THINK]", "[think]"),
        ("[/THINK]", "[/think]"),
        "reasoning/mistral_reasoning_parser.py (Magistral)",
    ),
    Format(
        "openthinker",
        ("<|begin_of_thought|>",),
        ("<|end_of_thought|>", "<|begin_of_solution|>"),
        "system prompt of OpenThinker and Sky-T1 (model cards)",
    ),
    Format(
        "s1",
        ("<|im_start|>think",),
        ("<|im_start|>answer",),
        "s1's evaluation (simplescaling/s1: thinking_start, thinking_end)",
    ),
    Format(
        "s1-stripped",
        (),
        ("\nanswer\n",),
        "the same without its special tokens",
        begins=("think\n",),
    ),
    Format(
        "kimi-vl",
        ("◁think▷", "◁ think ▷"),
        ("◁/think▷", "◁ /think ▷"),
        "model card of Kimi-VL-A3B-Thinking",
    ),
    Format("seed", ("<seed:think>",), ("</seed:think>",), "parser/seed_oss.py (Seed-OSS)"),
    Format(
        "reasoning",
        ("<reasoning>", "<reason>"),
        ("</reasoning>", "</reason>"),
        "prompts of GRPO recipes (TRL, Unsloth): <reasoning>…</reasoning><answer>…",
    ),
    Format(
        "working-out",
        ("<start_working_out>", "<working_out>"),
        ("<end_working_out>", "</working_out>", "</start_working_out>"),
        "Unsloth's GRPO notebooks (reasoning_start, reasoning_end)",
    ),
    Format(
        "thought",
        ("<thought>", "<thoughts>"),
        ("</thought>", "</thoughts>"),
        "chat template of EXAONE Deep; Marco-o1",
    ),
    Format(
        "scratchpad",
        (
            *("<scratchpad>", "<reflection>", "<analysis>", "<cot>", "<chain_of_thought>"),
            *("<inner_monologue>", "<internal_monologue>"),
        ),
        (
            *("</scratchpad>", "</reflection>", "</analysis>", "</cot>", "</chain_of_thought>"),
            *("</inner_monologue>", "</internal_monologue>"),
        ),
        "prompts that ask for work before the answer; Reflection Llama (model card)",
        paired=True,
    ),
    Format(
        "gemma",
        ("<|channel>thought", "<|channel>"),
        ("<channel|>",),
        "reasoning/gemma4_utils.py (Gemma 4)",
    ),
    Format(
        "medgemma", ("<unused94>thought", "<unused94>"), ("<unused95>",), "model card of MedGemma"
    ),
    Format(
        "cohere",
        ("<|START_THINKING|>",),
        ("<|END_THINKING|>", "<|START_RESPONSE|>", "<|START_TEXT|>"),
        "reasoning/cohere_command_reasoning_parser.py (Command A Reasoning)",
    ),
    Format(
        "apertus",
        ("<|inner_prefix|>",),
        ("<|inner_suffix|>",),
        "vLLM's apertus_reasoning_parser.py; chat template of Apertus",
    ),
    Format("minimax-m3", ("<mm:think>",), ("</mm:think>",), "minimax_m3_reasoning_parser.py"),
    Format(
        "longcat",
        ("<longcat_think>",),
        ("</longcat_think>",),
        "vLLM's longcat_reasoning_parser.py",
    ),
    Format(
        "k2",
        ("<think_fast>", "<think_faster>", "<ifm|think>", "<ifm|think_*>"),
        ("</think_fast>", "</think_faster>", "</ifm|think>", "</ifm|think_*>"),
        "reasoning/k2_horizon_reasoning_parser.py; chat template of K2-V2",
    ),
    Format(
        "kimi-k3",
        ("<|open|>think<|sep|>",),
        ("<|close|>think<|sep|>", "<|open|>response<|sep|>"),
        "reasoning/kimi_k3_reasoning_parser.py",
    ),
    Format(
        "inkling",
        ("<|content_thinking|>",),
        ("<|end_message|>", "<|content_text|>"),
        "parser/inkling.py",
        paired=True,
    ),
    Format("solar", ("<|think|>",), ("<|content|>",), "chat template of Solar Open"),
    Format(
        "solar-2",
        ("<|think:start|>",),
        ("<|think:end|>",),
        "vLLM's solar_open2_reasoning_parser.py",
    ),
    Format(
        "open-webui",
        ('<details type="reasoning">',),
        ("</details>",),
        "chats as Open WebUI stores them (backend, reasoning details)",
        paired=True,
    ),
    Format("pangu", ("[unused16]",), ("[unused17]",), "vLLM's pangu_reasoning_parser.py"),
    Format(
        "plamo-3",
        ("<|plamo:begin_think:plamo|>",),
        ("<|plamo:end_think:plamo|>",),
        "vLLM's plamo3_reasoning_parser.py",
    ),
    Format(
        "apriel",
        (),
        ("[BEGIN FINAL RESPONSE]",),
        "chat template of Apriel 1.5 and 1.6 (llama.cpp, models/templates)",
        begins=("Here are my reasoning steps:",),
    ),
    Format(
        "granite-3.2",
        (),
        ("Here is my response:", "Here's my response:"),
        "reasoning/granite_reasoning_parser.py",
        begins=("Here is my thought process:", "Here's my thought process:"),
    ),
    Format(
        "huatuo",
        (),
        ("## Final Response",),
        "README of HuatuoGPT-o1 (output format)",
        begins=("## Thinking\n",),
    ),
    Format(
        "ollama",
        (),
        ("...done thinking.",),
        "what `ollama run` prints (cmd/cmd.go, thinkingOutput…Text)",
        begins=("Thinking...\n",),
    ),
)
# Tool calls and remarks about the budget, between two marks, are not part of an answer. An
# empty second mark stands for the end of the text. Tags (<tool_call>, <minimax:tool_call>,
# <TOOLCALL>, <function_calls> …) are read in ``thinking``. Sources: the tool parsers of vLLM 0.31
# (vllm/parser and vllm/tool_parsers) and the models' chat templates.
ASIDES = (
    ("[TOOL_CALLS]", ""),  # Mistral
    ("<|START_ACTION|>", "<|END_ACTION|>"),  # Cohere
    ("<|tools_prefix|>", "<|tools_suffix|>"),  # Apertus
    ("<|open|>tools<|sep|>", "<|close|>tools<|sep|>"),  # Kimi K3
    ("<|plamo:begin_tool_requests:plamo|>", "<|plamo:end_tool_requests:plamo|>"),  # PLaMo 3
    ("<|tool_call:start|>", "<|tool_call:end|>"),  # Solar Open 2
    ("<|content_invoke_tool_json|>", "<|end_message|>"),  # Inkling
    ("<|content_invoke_tool_text|>", "<|end_message|>"),
    ("<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"),  # DeepSeek V3, R1
    ("<｜DSML｜function_calls>", "</｜DSML｜function_calls>"),  # DeepSeek V3.2
    ("<｜DSML｜tool_calls>", "</｜DSML｜tool_calls>"),  # DeepSeek V4
    ("<｜tool_calls_begin｜>", "<｜tool_calls_end｜>"),  # Step 3
    ("<|tool_calls_section_begin|>", "<|tool_calls_section_end|>"),  # Kimi K2
    ("<|tool_call_start|>", "<|tool_call_end|>"),  # LFM2
    ("<|tool_call>", "<tool_call|>"),  # Gemma 4
    ("<|tool_response>", "<tool_response|>"),
    ("<|tool_call|>", "<|/tool_call|>"),  # Granite 3, Phi-4-mini
    ("<start_function_call>", "<end_function_call>"),  # FunctionGemma
    ("<|python_tag|>", "<|eom_id|>"),  # Llama 3
    ("<|action_start|>", "<|action_end|>"),  # InternLM
)
HARMONY = "harmony"  # channels, read by ``thinking``; source: openai/harmony, docs/format.md
