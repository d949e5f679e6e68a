"""Make a tiny checkpoint of random weights: ``python tiny.py TOKENIZER_FOLDER TARGET``.

It has the tokenizer and chat template of another checkpoint, trains in milliseconds a step, and is
made in the training environment.
"""

import sys

import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

source, target = sys.argv[1:]
tokenizer = AutoTokenizer.from_pretrained(source)
torch.manual_seed(0)
config = LlamaConfig(
    vocab_size=len(tokenizer),
    hidden_size=32,
    intermediate_size=64,
    num_hidden_layers=2,
    num_attention_heads=2,
    num_key_value_heads=1,
    max_position_embeddings=512,
    tie_word_embeddings=True,
    bos_token_id=1,
    eos_token_id=2,
    pad_token_id=2,
)
LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(target)
tokenizer.save_pretrained(target)
