"""Makes the vectors that tests/pytorch.rs reads: `pip install torch`, then `python make_vectors.py` in this directory.

The models are written from the papers' formulas with torch's own operations and autograd, not from our code. A file is a
list of lines, `name` or `name[length]`, then its values; floats are written so that f32 is recovered exactly.

What is called rounded is of a pass in f64, with the same parameters, whose activations are rounded to int8 and whose
gradients pass as if they were not.
"""

import math

import torch
import torch.nn.functional as F

SEED = 1234
BATCH = 3
STEPS = 10

# Weight of the experts' balance in the loss (Fedus et al. 2022).
BALANCE = 0.01

GPT2 = dict(vocab=13, context=8, width=12, layers=2, heads=3, kv_heads=3, hidden=20, llama=False)
LLAMA = dict(vocab=13, context=8, width=16, layers=2, heads=4, kv_heads=2, hidden=12, llama=True)
EXPERTS = dict(vocab=13, context=8, width=8, layers=2, heads=2, kv_heads=1, hidden=6, llama=True, experts=3)
TWO_EXPERTS = dict(EXPERTS, experts=4, active=2)
TABLES = dict(vocab=13, context=8, width=8, layers=2, heads=2, kv_heads=1, hidden=6, llama=True, bigrams=7, per_layer=True)
LATENT = dict(vocab=13, context=8, width=8, layers=2, heads=2, kv_heads=1, hidden=6, llama=True, latent=5, latent_rotary=4)


def shapes(c):
    """Our parameters' names, in our order, with all layers stacked."""
    width, layers = c["width"], c["layers"]
    mlps = layers * c.get("experts", 1)
    attended, qkv = width, width + 2 * c["kv_heads"] * width // c["heads"]
    if "latent" in c:
        attended, qkv = c["heads"] * c["latent"], (c["heads"] + 1) * (c["latent"] + c["latent_rotary"])
    up = c["hidden"] * (2 if c["llama"] else 1)
    gpt2 = {
        "embedding": (c["vocab"], width),
        "positions": (c["context"], width),
        "attention_norm.gain": (layers, width),
        "attention_norm.bias": (layers, width),
        "attention.qkv": (layers, qkv, width),
        "attention.qkv_bias": (layers, qkv),
        "attention.output": (layers, width, attended),
        "attention.output_bias": (layers, width),
        "mlp_norm.gain": (layers, width),
        "mlp_norm.bias": (layers, width),
        "mlp.up": (mlps, up, width),
        "mlp.up_bias": (mlps, up),
        "mlp.down": (mlps, width, c["hidden"]),
        "mlp.down_bias": (mlps, width),
        "final_norm.gain": (width,),
        "final_norm.bias": (width,),
        "head": (c["vocab"], width),
    }
    if c["llama"]:
        left_out = ("positions", "head")
        gpt2 = {k: v for k, v in gpt2.items() if "bias" not in k and k not in left_out}
    if "experts" in c:
        gpt2["router"] = (layers, c["experts"], width)
    if "bigrams" in c:
        gpt2["bigrams"] = (c["bigrams"], width)
    if "per_layer" in c:
        gpt2["per_layer_embeddings"] = (layers, c["vocab"], width)
    return gpt2


def rotate(x):
    """[batch, heads, length, head]: pairs of neighbouring channels as complex numbers (Llama's own code)."""
    length, head = x.shape[-2:]
    positions, pairs = torch.arange(length, dtype=x.dtype), torch.arange(0, head, 2, dtype=x.dtype)
    angles = torch.outer(positions, 10000.0 ** (-pairs / head))
    turned = torch.view_as_complex(x.reshape(*x.shape[:-1], head // 2, 2)) * torch.polar(torch.ones_like(angles), angles)
    return torch.view_as_real(turned).flatten(-2)


def rounded(c, x, to_bfloat16=False):
    """int8 with one scale for the last axis, that of keys and values rounded up to bfloat16; the gradient is 1."""
    if not c.get("rounds"):
        return x
    scale = x.detach().abs().amax(-1, keepdim=True) / 127
    if to_bfloat16:
        scale = ((scale.float().view(torch.int32) + 0xFFFF) & -0x10000).view(torch.float32).double()
    return x + (torch.round(x / scale) * scale - x).detach()


def norm(c, p, name, x, layer=...):
    gain = p[name + ".gain"][layer]
    if c["llama"]:
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * gain
    return F.layer_norm(x, x.shape[-1:], gain, p[name + ".bias"][layer], 1e-5)


def linear(c, p, name, x, layer):
    bias = p.get(name + "_bias")
    return F.linear(rounded(c, x), p[name][layer], None if bias is None else bias[layer])


def latent_attention(c, p, x, layer):
    """DeepSeek-V2's equations 9 to 19 with the up-projections absorbed: all heads attend to one latent and its rotary key."""
    heads, latent, rotary = c["heads"], c["latent"], c["latent_rotary"]
    both = latent + rotary
    q, k = linear(c, p, "attention.qkv", x, layer).split([heads * both, both], -1)
    q, k = (t.unflatten(-1, (-1, both)).transpose(1, 2) for t in (q, k))
    q, k = (torch.cat([t[..., :latent], rotate(t[..., latent:].contiguous())], -1) for t in (q, k))
    q, k = rounded(c, q), rounded(c, k, True)
    scores = torch.einsum("bhqd,bkd->bhqk", q, k[:, 0]) / math.sqrt(both)
    future = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
    out = torch.einsum("bhqk,bkd->bqhd", scores.masked_fill(future, -math.inf).softmax(-1), k[:, 0, :, :latent])
    return linear(c, p, "attention.output", out.flatten(-2), layer)


def attention(c, p, x, layer):
    if "latent" in c:
        return latent_attention(c, p, x, layer)
    head, kv = c["width"] // c["heads"], c["kv_heads"]
    q, k, v = linear(c, p, "attention.qkv", x, layer).split([c["width"], kv * head, kv * head], -1)
    q, k, v = (t.unflatten(-1, (-1, head)).transpose(1, 2) for t in (q, k, v))
    if c["llama"]:
        q, k = rotate(q), rotate(k)
    q = rounded(c, q)
    k, v = (rounded(c, t.transpose(1, 2).flatten(-2), True).unflatten(-1, (-1, head)).transpose(1, 2) for t in (k, v))
    if c["llama"]:
        k, v = (t.repeat_interleave(c["heads"] // kv, dim=1) for t in (k, v))
    out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    return linear(c, p, "attention.output", out.transpose(1, 2).flatten(-2), layer)


def mlp(c, p, x, layer):
    up = linear(c, p, "mlp.up", x, layer)
    if c["llama"]:
        gate, up = up.chunk(2, -1)
        up = F.silu(gate) * up
    else:
        up = F.gelu(up, approximate="tanh")
    return linear(c, p, "mlp.down", up, layer)


def experts(c, p, x, layer):
    """Each token's result is that of its likeliest expert, times the probability, or that of its likeliest two, weighted by the
    softmax of their scores (Mixtral); and the balance of the layer's experts: over all tokens, or, as in a step that takes each
    sequence by itself, the mean of the sequences'."""
    count, active = c["experts"], c.get("active", 1)
    scores = F.linear(rounded(c, x), p["router"][layer])
    probabilities = scores.softmax(-1)
    chosen = F.one_hot(scores.topk(active).indices, count).sum(-2)
    weights = chosen * probabilities if active == 1 else scores.masked_fill(chosen == 0, -math.inf).softmax(-1)
    all_results = torch.stack([mlp(c, p, x, layer * count + expert) for expert in range(count)], -1)
    over = 1 if c.get("by_sequence") else (0, 1)
    shares, means = (chosen.to(x.dtype) / active).mean(over, keepdim=True), probabilities.mean(over, keepdim=True)
    balance = BALANCE * count * (shares * means).sum(-1).mean()
    return (all_results * weights.unsqueeze(-2)).sum(-1), balance


def pair_rows(c, tokens):
    """The row for each token but the first and the one before it, by the hash that docs/model-format.md names."""
    factor, word = 0x9E3779B1, 0xFFFFFFFF
    mixed = ((tokens[:, :-1] << 16 | tokens[:, 1:]) * factor) & word
    return (((mixed ^ (mixed >> 15)) * factor & word) >> 16) * c["bigrams"] >> 16


def forward(c, p, tokens):
    """The logits, and what is added to the loss that is followed."""
    added = 0.0
    x = p["embedding"][tokens]
    if "bigrams" in c:
        x = x + F.pad(p["bigrams"][pair_rows(c, tokens)], (0, 0, 1, 0))
    if not c["llama"]:
        x = x + p["positions"][: tokens.shape[1]]
    for layer in range(c["layers"]):
        if "per_layer" in c:
            x = x + p["per_layer_embeddings"][layer][tokens]
        x = x + attention(c, p, norm(c, p, "attention_norm", x, layer), layer)
        normed = norm(c, p, "mlp_norm", x, layer)
        result, balance = experts(c, p, normed, layer) if "experts" in c else (mlp(c, p, normed, layer), 0.0)
        x, added = x + result, added + balance
    return F.linear(rounded(c, norm(c, p, "final_norm", x)), p.get("head", p["embedding"])), added


def losses(c, p, tokens):
    """The logits, their loss, and the loss that is followed."""
    out, added = forward(c, p, tokens[:, :-1])
    loss = F.cross_entropy(out.flatten(0, 1), tokens[:, 1:].flatten())
    return out, loss, loss + added


def make(name, c):
    torch.manual_seed(SEED)
    p = {k: 0.2 * torch.randn(s) + (1.0 if "gain" in k else 0.0) for k, s in shapes(c).items()}
    p = {k: v.requires_grad_() for k, v in p.items()}
    tokens = torch.randint(c["vocab"], (BATCH, c["context"] + 1))
    with open(name + ".txt", "w") as file:
        write = lambda what, values: file.write(f"{what}\n{' '.join(f'{v:.9g}' for v in values)}\n")
        write("tokens", tokens.flatten().tolist())
        for k, v in p.items():
            write("parameter " + k, v.flatten().tolist())
        out, loss, followed = losses(c, p, tokens)
        followed.backward()
        write("logits", out.flatten().tolist())
        write("loss", [loss.item()])
        for k, v in p.items():
            write("gradient " + k, v.grad.flatten().tolist())
        write_rounded(write, c, p, tokens)
        every_loss, norms = train(c, p, tokens)
        write("losses", every_loss)
        write("norms", norms)


def write_rounded(write, c, p, tokens):
    c = dict(c, rounds=True)
    p = {k: v.detach().double().requires_grad_() for k, v in p.items()}
    out, loss, followed = losses(c, p, tokens)
    followed.backward()
    write("rounded logits", out.flatten().tolist())
    write("rounded loss", [loss.item()])
    for k, v in p.items():
        write("rounded gradient " + k, v.grad.flatten().tolist())


def train(c, p, tokens):
    """Ten steps of AdamW on one batch, with clipping, and decay of everything that has rows and columns."""
    c = dict(c, by_sequence=True)
    decays = lambda k: k in ("embedding", "positions", "head", "bigrams") or (p[k].dim() == 3)
    groups = [
        {"params": [v for k, v in p.items() if decays(k)], "weight_decay": 0.1},
        {"params": [v for k, v in p.items() if not decays(k)], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=1e-2, betas=(0.9, 0.99), eps=1e-8)
    every_loss, norms = [], []
    for step in range(STEPS):
        warmup = min((step + 1) / 4, 1.0)
        rate = 1e-2 * warmup if step < 3 else 1e-3 + 0.5 * (1 + math.cos(math.pi * (step - 3) / 7)) * 9e-3
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        _, loss, followed = losses(c, p, tokens)
        followed.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(p.values(), 0.5).item())
        every_loss.append(loss.item())
        optimizer.step()
    return every_loss, norms


make("gpt2", GPT2)
make("llama", LLAMA)
make("experts", EXPERTS)
make("two_experts", TWO_EXPERTS)
make("tables", TABLES)
make("latent", LATENT)
