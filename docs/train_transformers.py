"""Trains a small Llama with transformers on several processes, for `pipsqueak import`: see scaling.md.

    torchrun --nproc-per-node 2 docs/train_transformers.py stories.txt out/

Needs PyTorch, transformers and tokenizers. Each process computes the gradients of its share of every batch, and
DistributedDataParallel averages them: over gloo on CPUs, over NCCL where there are GPUs.
"""

import argparse
import os
from pathlib import Path

import torch
import torch.distributed as dist
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch.nn.parallel import DistributedDataParallel
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument("text", type=Path, help="the text, its documents apart by lines of <|endoftext|>")
arguments.add_argument("out", type=Path, help="the folder to write")
for name, default in [("vocab", 512), ("width", 96), ("layers", 4), ("heads", 6), ("context", 128), ("batch", 32), ("steps", 1000)]:
    arguments.add_argument(f"--{name}", type=int, default=default)
arguments.add_argument("--learning-rate", type=float, default=3e-3)
o = arguments.parse_args()

END = "<|endoftext|>"


def make_tokenizer(text):
    """Byte-level BPE as GPT-2's, learned from the text."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=o.vocab, initial_alphabet=alphabet, special_tokens=[END], show_progress=False)
    tokenizer.train_from_iterator(text.split(END), trainer)
    return tokenizer


dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
rank, processes = dist.get_rank(), dist.get_world_size()
device = f"cuda:{os.environ['LOCAL_RANK']}" if torch.cuda.is_available() else "cpu"
text = o.text.read_text(encoding="utf-8").replace(f"\n{END}\n", END)
tokenizer = make_tokenizer(text)  # The same in each process.
ids = torch.tensor(tokenizer.encode(text).ids)

torch.manual_seed(1)
config = LlamaConfig(
    vocab_size=tokenizer.get_vocab_size(), hidden_size=o.width, intermediate_size=o.width * 8 // 3, num_hidden_layers=o.layers,
    num_attention_heads=o.heads, num_key_value_heads=o.heads // 2, max_position_embeddings=o.context,
    tie_word_embeddings=True, bos_token_id=0, eos_token_id=0,
)
model = DistributedDataParallel(LlamaForCausalLM(config).to(device))
optimizer = torch.optim.AdamW(model.parameters(), lr=o.learning_rate, weight_decay=0.1, betas=(0.9, 0.95))
schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min((step + 1) / 50, 1 - step / o.steps))
random = torch.Generator().manual_seed(1000 + rank)  # Each process reads other places of the text.
for step in range(o.steps):
    starts = torch.randint(len(ids) - o.context, (o.batch // processes,), generator=random)
    batch = torch.stack([ids[start : start + o.context] for start in starts]).to(device)
    loss = model(input_ids=batch, labels=batch).loss
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    schedule.step()
    if rank == 0 and (step + 1) % 100 == 0:
        print(f"step {step + 1} of {o.steps} on {processes} processes: loss {loss.item():.3f}", flush=True)

if rank == 0:
    model.module.save_pretrained(o.out)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=END, eos_token=END).save_pretrained(o.out)
dist.destroy_process_group()
