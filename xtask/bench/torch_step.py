"""Times training steps of PyTorch on the CPU, for `cargo xtask bench train --against-torch`.

Written from the papers' formulas with torch's own operations: embedding, attention by scaled_dot_product_attention, MLP,
cross entropy, clipping and AdamW. The one argument is a JSON object: vocab, context, width, layers, heads, kv_heads,
hidden, llama (RMS norm, rotary positions and SwiGLU, else layer norm, learned positions and GELU), sequences, steps,
threads, compile, fused (AdamW in one kernel). Prints the median and the least milliseconds a step.

With text and seed instead of steps, compile and fused, it trains nanoGPT's recipe for a CPU (2,000 steps, a learning
rate of 1e-3 that falls along a cosine to 1e-4, no decay of vectors) on the characters of the text's first nine tenths,
and prints the loss over the whole of the last.
"""

import json
import math
import statistics
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

c = json.loads(sys.argv[1])
torch.manual_seed(c.get("seed", 1))
torch.set_num_threads(c["threads"])
HEAD = c["width"] // c["heads"]


def rotation(length):
    angles = torch.outer(torch.arange(length).float(), 10000.0 ** (-torch.arange(0, HEAD, 2).float() / HEAD))
    return angles.cos().repeat_interleave(2, -1), angles.sin().repeat_interleave(2, -1)


def rotate(x, cos, sin):
    other = torch.stack((-x[..., 1::2], x[..., ::2]), -1).flatten(-2)
    return x * cos + other * sin


def norm():
    return nn.RMSNorm(c["width"], 1e-5) if c["llama"] else nn.LayerNorm(c["width"], bias=False)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        width, kv = c["width"], c["kv_heads"] * HEAD
        self.sizes = [width, kv, kv]
        self.attention_norm, self.mlp_norm = norm(), norm()
        self.qkv = nn.Linear(width, width + 2 * kv, bias=False)
        self.output = nn.Linear(width, width, bias=False)
        self.up = nn.Linear(width, c["hidden"] * (2 if c["llama"] else 1), bias=False)
        self.down = nn.Linear(c["hidden"], width, bias=False)

    def attend(self, x, cos, sin):
        q, k, v = (t.unflatten(-1, (-1, HEAD)).transpose(1, 2) for t in self.qkv(x).split(self.sizes, -1))
        if c["llama"]:
            q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        groups = c["heads"] != c["kv_heads"]
        out = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=groups)
        return self.output(out.transpose(1, 2).flatten(-2))

    def mlp(self, x):
        up = self.up(x)
        if c["llama"]:
            gate, up = up.chunk(2, -1)
            return self.down(F.silu(gate) * up)
        return self.down(F.gelu(up, approximate="tanh"))

    def forward(self, x, cos, sin):
        x = x + self.attend(self.attention_norm(x), cos, sin)
        return x + self.mlp(self.mlp_norm(x))


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(c["vocab"], c["width"])
        self.positions = None if c["llama"] else nn.Embedding(c["context"], c["width"])
        self.blocks = nn.ModuleList(Block() for _ in range(c["layers"]))
        self.norm = norm()
        cos, sin = rotation(c["context"])
        self.register_buffer("cos", cos)
        self.register_buffer("sin", sin)

    def forward(self, tokens, targets):
        x = self.embedding(tokens)
        if self.positions is not None:
            x = x + self.positions.weight
        for block in self.blocks:
            x = block(x, self.cos, self.sin)
        logits = F.linear(self.norm(x), self.embedding.weight)
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


def update(loss, optimizer, model):
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()


def adamw(groups):
    return torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.99), weight_decay=0.1, fused=c.get("fused", True))


def print_times():
    model = Model()
    loss_of = torch.compile(model) if c["compile"] else model
    optimizer = adamw(model.parameters())
    tokens = torch.randint(c["vocab"], (c["sequences"], c["context"] + 1))
    times = []
    for _ in range(3 + c["steps"]):
        start = time.perf_counter()
        update(loss_of(tokens[:, :-1], tokens[:, 1:]), optimizer, model)
        times.append(1e3 * (time.perf_counter() - start))
    print(statistics.median(times[3:]), min(times[3:]))


def nanogpt_init(model):
    """Normal noise of 0.02, less where a block ends."""
    for name, p in model.named_parameters():
        if p.dim() == 2:
            into_stream = name.endswith(("output.weight", "down.weight"))
            nn.init.normal_(p, std=0.02 / math.sqrt(2 * c["layers"]) if into_stream else 0.02)


def print_loss(steps=2000, warmup=100):
    with open(c["text"], encoding="utf-8", newline="") as file:
        text = file.read()
    id_of = {character: i for i, character in enumerate(sorted(set(text)))}
    c["vocab"] = len(id_of)
    tokens = torch.tensor([id_of[character] for character in text])
    learnt, held_out = tokens.split([len(tokens) // 10 * 9, len(tokens) - len(tokens) // 10 * 9])
    model = Model()
    nanogpt_init(model)
    matrices = [p for p in model.parameters() if p.dim() == 2]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    optimizer = adamw([{"params": matrices}, {"params": vectors, "weight_decay": 0.0}])
    window = torch.arange(c["context"] + 1)
    for i in range(steps):
        progress = max(0, i - warmup) / (steps - warmup)
        rate = (i + 1) / (warmup + 1) if i < warmup else 0.1 + 0.45 * (1 + math.cos(math.pi * progress))
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * rate
        batch = learnt[torch.randint(len(learnt) - c["context"], (c["sequences"], 1)) + window]
        update(model(batch[:, :-1], batch[:, 1:]), optimizer, model)
    starts = torch.arange(0, len(held_out) - c["context"], c["context"])
    with torch.no_grad():
        losses = [model(w[:, :-1], w[:, 1:]).item() * len(w) for w in held_out[starts[:, None] + window].split(64)]
    print(sum(losses) / len(starts))


print_loss() if "text" in c else print_times()
