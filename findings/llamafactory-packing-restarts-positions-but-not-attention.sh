#!/usr/bin/env bash
# LLaMA-Factory 0.9.5 with transformers 5.6.0, supervised training. With `packing: true` positions
# restart at each example of a packed sequence, but attention does not: an example sees those before
# it, at the same positions as its own tokens. (Packing usually counts positions on; `neat_packing`
# hides the others.) Neither that nor a warning is printed.
# With `neat_packing: true` that is right, but the trainer's count of tokens that are not padding is
# −9,223,372,036,854,775,808 for each batch: it adds up the mask, which is four-dimensional there.
#
# Packs the same second example after two different first ones and compares its logits, then counts
# as the trainer does; exits 1 where that is no longer so. Installs 1.3 GB into a temporary folder;
# PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu keeps torch that small.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" --quiet install torch==2.13.0
"$folder/env/bin/pip" --quiet install --no-deps \
    accelerate==1.11.0 aiohappyeyeballs==2.7.1 aiohttp==3.14.5 aiosignal==1.4.0 anyio==4.16.0 \
    attrs==26.1.0 av==18.1.0 certifi==2026.10.18 charset-normalizer==3.5.2 click==8.5.1 \
    datasets==4.0.0 dill==0.3.8 filelock==4.2.12 frozenlist==1.8.0 fsspec==2025.3.0 h11==0.16.0 \
    httpcore==1.0.9 httpx==0.28.1 huggingface_hub==1.33.0 idna==3.20 Jinja2==3.1.6 \
    llamafactory==0.9.5 MarkupSafe==3.0.4 multidict==7.2.1 multiprocess==0.70.16 \
    numpy==2.4.6 omegaconf==2.4.0 packaging==26.3 pandas==3.1.1 peft==0.18.1 \
    pillow==13.0.0 propcache==0.5.4 protobuf==7.36.2 psutil==7.2.2 pyarrow==26.0.1 \
    Pygments==2.21.0 python-dateutil==4.0.0 PyYAML==6.0.3 regex==2026.11.15 requests==2.34.2 \
    rich==15.0.0 safetensors==0.8.0 scipy==1.17.1 sentencepiece==0.2.3 \
    tokenizers==0.22.2 tqdm==4.70.1 transformers==5.6.0 trl==0.24.0 \
    typing_extensions==4.16.0 urllib3==2.8.0 xxhash==4.1.0 yarl==1.25.1
cat >"$folder/packed.py" <<'PYTHON'
import importlib.machinery
import sys
import types

audio = types.ModuleType("torchaudio")  # imported by LLaMA-Factory, and not needed for text
audio.__spec__ = importlib.machinery.ModuleSpec("torchaudio", None)
sys.modules["torchaudio"] = audio

import torch
from llamafactory.data.collator import SFTDataCollatorWith4DAttentionMask
from llamafactory.data.processor.supervised import PackedSupervisedDatasetProcessor
from llamafactory.data.template import get_template_and_fix_tokenizer
from llamafactory.hparams.data_args import DataArguments
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

words = "<unk> <s> </s> <pad> what is one two three plus minus four Human Assistant :".split()
inner = Tokenizer(models.WordLevel({word: at for at, word in enumerate(words)}, unk_token="<unk>"))
inner.pre_tokenizer = pre_tokenizers.Whitespace()
torch.manual_seed(0)
model = LlamaForCausalLM(
    LlamaConfig(
        vocab_size=len(words), hidden_size=64, intermediate_size=128, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, attn_implementation="sdpa",
    )
).eval()


def packed(first: str, neat: bool):
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner, unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )
    data = DataArguments(template="default", cutoff_len=32, packing=True, neat_packing=neat)
    template = get_template_and_fix_tokenizer(tokenizer, data)
    processor = PackedSupervisedDatasetProcessor(
        template=template, tokenizer=tokenizer, processor=None, data_args=data
    )
    texts = ["what is one plus two", first]  # of equal lengths the last comes first
    rows = processor.preprocess_dataset(
        {
            "_prompt": [[{"role": "user", "content": text}] for text in texts],
            "_response": [[{"role": "assistant", "content": "three"}]] * 2,
            **{key: [""] * 2 for key in ("_system", "_tools")},
            **{key: [None] * 2 for key in ("_images", "_videos", "_audios")},
        }
    )
    keys = ("input_ids", "attention_mask", "labels", "position_ids")
    collate = SFTDataCollatorWith4DAttentionMask(
        template=template, model=model, tokenizer=tokenizer, label_pad_token_id=-100,
        block_diag_attn=neat, neat_packing=neat, attn_implementation="sdpa", compute_dtype=torch.float32,
    )
    return collate([{key: rows[key][0] for key in keys}])


held = True
for neat in (False, True):
    one, other = packed("what is two plus two", neat), packed("what is four minus one", neat)
    starts = (one["position_ids"][0] == 0).nonzero().flatten().tolist()
    second = slice(starts[1], starts[2])
    with torch.no_grad():
        logits = [model(**{k: v for k, v in f.items() if k != "labels"}).logits[0] for f in (one, other)]
    equal = torch.equal(one["input_ids"][0][second], other["input_ids"][0][second])
    differs = float((logits[0][second] - logits[1][second]).abs().max())
    # As transformers.Trainer counts with include_num_input_tokens_seen: non_padding.
    count = int(torch.as_tensor(one["attention_mask"].sum(), dtype=torch.int64))
    print(f"neat_packing {neat}: positions restart at {starts[:2]}, tokens of the second example equal: "
          f"{equal}, its logits differ by up to {differs:.3f}, tokens counted: {count:,}")
    held &= equal and (differs < 1e-5 and count < 0 if neat else differs > 1e-3)
sys.exit(0 if held else 1)
PYTHON
HF_HUB_OFFLINE=1 "$folder/env/bin/python" "$folder/packed.py" 2>"$folder/errors" || {
    tail -n 5 "$folder/errors"
    exit 1
}
