"""Makes gptq.txt: a matrix rounded as calibration rounds it, by an independent program in float64.

    python3 make_vectors.py > gptq.txt    (numpy 2.4)

GPTQ as in Frantar et al. 2022, with the inverse of the Hessian and its Cholesky factor, where the program itself factors the
Hessian. The compensation before it is a least-squares problem, solved by numpy.linalg.lstsq.
"""

import numpy as np

ROWS, COLUMNS, TOKENS, DAMPING = 6, 40, 120, 0.01
LANES = 16
FORMATS = {"int8": (127, 0.7), "int4": (7, 0.44), "ternary": (1, 0.23)}

random = np.random.default_rng(7)


def single(x):
    """As the program reads it: short numbers, in float32."""
    return np.round(x, 3).astype(np.float32).astype(np.float64)


def gptq(w, inverse_factor, scale, largest):
    """Rounds one row, passing each column's error on to the columns behind it."""
    w, q = w.copy(), np.zeros_like(w)
    for k in range(len(w)):
        q[k] = np.clip(np.rint(w[k] / scale), -largest, largest)
        error = (w[k] - scale * q[k]) / inverse_factor[k, k]
        w[k:] -= error * inverse_factor[k, k:]
    return q


def round_row(w, h, largest, narrowest):
    """The best of several scales, each refined for its integers."""
    inverse_factor = np.linalg.cholesky(np.linalg.inv(h)).T  # upper: h⁻¹ = factorᵀ factor
    widest = np.abs(w).max() / largest
    best = None
    for lane in range(LANES - 1):
        tried = widest * (1 - (1 - narrowest) / (LANES - 2) * lane)
        q = gptq(w, inverse_factor, tried, largest)
        scale = (w @ h @ q) / (q @ h @ q)
        e = w - scale * q
        if best is None or e @ h @ e < best[0]:
            best = (e @ h @ e, q, scale)
    return best[1], best[2]


def show(name, values, form="{:.7g}"):
    print(name, *(form.format(v + 0.0) for v in np.ravel(values)))


# Inputs that go together, and whose channels differ in size.
mix = random.normal(size=(COLUMNS, COLUMNS)) / np.sqrt(COLUMNS) + np.eye(COLUMNS)
x = single(random.normal(size=(TOKENS, COLUMNS)) @ mix * random.uniform(0.2, 2, COLUMNS))
difference = single(0.05 * random.normal(size=(TOKENS, COLUMNS)))
stream = single(0.1 * random.normal(size=(TOKENS, ROWS)))
w = single(random.normal(size=(ROWS, COLUMNS)) * random.uniform(0.5, 2, (ROWS, 1)))

h = x.T @ x / TOKENS
damping = DAMPING * np.trace(h) / COLUMNS
target = (x + difference) @ w.T + stream
# The mean square of v x - t, plus the damping times |v - w|².
left = np.vstack([x / np.sqrt(TOKENS), np.sqrt(damping) * np.eye(COLUMNS)])
right = np.vstack([target / np.sqrt(TOKENS), np.sqrt(damping) * w.T])
compensated = np.linalg.lstsq(left, right, rcond=None)[0].T

show("x", x)
show("difference", difference)
show("stream", stream)
show("weights", w)
show("compensated", compensated)
for name, (largest, narrowest) in FORMATS.items():
    rounded = [round_row(row, h + damping * np.eye(COLUMNS), largest, narrowest) for row in w]
    show(name, [q for q, _ in rounded], "{:.0f}")
    show(f"{name}_scales", [scale for _, scale in rounded])
