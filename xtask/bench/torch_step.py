"""Times training steps of PyTorch on the CPU, for `cargo xtask bench train --against-torch`.

Written from the papers' formulas with torch's own operations: embedding, attention by scaled_dot_product_attention, MLP,
cross entropy, clipping and AdamW in its fused form. The one argument is a JSON object: vocab, context, width, layers,
heads, kv_heads, hidden, llama (RMS norm, rotary positions and SwiGLU, else layer norm, learned positions and GELU),
sequences, steps, threads, compile. Prints the median and the least milliseconds a step.
"""

import json
import statistics
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

c = json.loads(sys.argv[1])
torch.manual_seed(1)
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


model = Model()
loss_of = torch.compile(model) if c["compile"] else model
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.99), weight_decay=0.1, fused=True)
tokens = torch.randint(c["vocab"], (c["sequences"], c["context"] + 1))


def step():
    loss = loss_of(tokens[:, :-1], tokens[:, 1:])
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()


for _ in range(3):
    step()
times = []
for _ in range(c["steps"]):
    start = time.perf_counter()
    step()
    times.append(1e3 * (time.perf_counter() - start))
print(statistics.median(times), min(times))
