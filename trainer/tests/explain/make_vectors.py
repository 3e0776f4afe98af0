"""Makes the vectors that tests/explain.rs reads: `pip install numpy`, then `python make_vectors.py` in this directory.

Every vector of a forward pass in f64, from the papers' formulas: a toy as a beginner meets it, and a small Llama.
"""

import json

import numpy as np

TOY = dict(vocab=7, context=3, width=4, layers=1, heads=2, kv_heads=2, hidden=8)
LLAMA = dict(vocab=11, context=6, width=12, layers=2, heads=2, kv_heads=1, hidden=10)
TOKENS = {"toy": [3, 1, 6], "llama": [10, 0, 3, 3, 7]}


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def rms(x, gain):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5) * gain


def rotate(x):
    """[positions, head]: pairs of neighbours are turned, the i-th by position / 10000^(2i / head)."""
    positions, head = x.shape
    angles = np.arange(positions)[:, None] / 10000.0 ** (np.arange(0, head, 2) / head)
    a, b = x[:, 0::2], x[:, 1::2]
    out = np.empty_like(x)
    out[:, 0::2] = a * np.cos(angles) - b * np.sin(angles)
    out[:, 1::2] = a * np.sin(angles) + b * np.cos(angles)
    return out


def make(name, c, rng):
    llama = name == "llama"
    width, head = c["width"], c["width"] // c["heads"]
    kv = c["kv_heads"] * head
    normal = lambda *shape: (rng.standard_normal(shape) * 0.5).astype(np.float32)
    p = {"embedding": normal(c["vocab"], width)}
    p["attention.qkv"] = normal(c["layers"], width + 2 * kv, width)
    p["attention.output"] = normal(c["layers"], width, width)
    p["mlp.up"] = normal(c["layers"], c["hidden"] * (2 if llama else 1), width)
    p["mlp.down"] = normal(c["layers"], width, c["hidden"])
    if llama:
        for norm in ("attention_norm.gain", "mlp_norm.gain"):
            p[norm] = 1 + normal(c["layers"], width)
        p["final_norm.gain"] = 1 + normal(width)
    else:
        p["head"] = normal(c["vocab"], width)
    w = {name: value.astype(np.float64) for name, value in p.items()}

    tokens = TOKENS[name]
    n = len(tokens)
    seen = {}
    x = w["embedding"][tokens]
    if not llama:
        i = np.arange(width)
        angles = np.arange(n)[:, None] / 10000.0 ** ((i // 2 * 2) / width)
        x = x + np.where(i % 2 == 0, np.sin(angles), np.cos(angles))
    seen["embedding"] = x
    for layer in range(c["layers"]):
        see = lambda name, value: seen.__setitem__(f"{layer} {name}", value)
        y = rms(x, w["attention_norm.gain"][layer]) if llama else x
        see("attentionInput", y)
        qkv = y @ w["attention.qkv"][layer].T
        taken = []
        for h in range(c["heads"]):
            of = h * c["kv_heads"] // c["heads"]
            q = qkv[:, h * head : (h + 1) * head]
            k = qkv[:, width + of * head : width + (of + 1) * head]
            v = qkv[:, width + kv + of * head : width + kv + (of + 1) * head]
            if llama:
                q, k = rotate(q), rotate(k)
            scores = q @ k.T / np.sqrt(head)
            weights = [softmax(scores[t, : t + 1]) for t in range(n)]
            taken.append(np.stack([weights[t] @ v[: t + 1] for t in range(n)]))
            for part, value in (("queries", q), ("keys", k), ("values", v)):
                see(f"{h} {part}", value)
            see(f"{h} scores", [scores[t, : t + 1] for t in range(n)])
            see(f"{h} weights", weights)
        taken = np.concatenate(taken, axis=1)
        see("attended", taken)
        out = taken @ w["attention.output"][layer].T
        see("attentionOutput", out)
        x = x + out if llama else out
        see("attentionResidual", x)
        y = rms(x, w["mlp_norm.gain"][layer]) if llama else x
        see("mlpInput", y)
        units = y @ w["mlp.up"][layer].T
        see("units", units)
        if llama:
            gate, up = units[:, : c["hidden"]], units[:, c["hidden"] :]
            active = gate / (1 + np.exp(-gate)) * up
        else:
            active = np.maximum(units, 0)
        see("activated", active)
        out = active @ w["mlp.down"][layer].T
        see("mlpOutput", out)
        x = x + out if llama else out
        see("mlpResidual", x)
    final = rms(x, w["final_norm.gain"]) if llama else x
    seen["finalInput"] = final
    seen["logits"] = [final[-1] @ w["embedding" if llama else "head"].T]
    lists = lambda rows: [[float(f"{value:.9g}") for value in row] for row in rows]
    parameters = {name: [float(f"{v:.9g}") for v in value.reshape(-1)] for name, value in p.items()}
    return dict(tokens=tokens, parameters=parameters, seen={name: lists(rows) for name, rows in seen.items()})


if __name__ == "__main__":
    rng = np.random.default_rng(7)
    with open("vectors.json", "w") as file:
        json.dump({"toy": make("toy", TOY, rng), "llama": make("llama", LLAMA, rng)}, file)
        file.write("\n")
