"""The synthetic twin: rows whose columns go together, and planted ones that are normal in each column alone.

Three hidden numbers move nine columns, some of them heavy-tailed, and two categories. Anomalies come in two
families: ``mixed`` rows take a part of their numbers from another row, so that they no longer go together;
``misnamed`` rows have a category that their numbers never have.
"""

import io

import numpy as np

from gradus.core.randomness import seed_from

NAMES = ("seconds", "bytes_in", "bytes_out", "packets", "load", "delay", "heat", "size", "rate")
PROTOCOLS = ("udp", "tcp", "icmp")
STATES = ("open", "half", "shut")


def correlated_rows(count: int, *, anomalies: int, seed: int, name: str) -> str:
    """A table with a header and a column ``label``, as the text of a file, rows in random order."""
    rng = np.random.default_rng(seed_from(seed, "correlated rows", name))
    total = count + anomalies
    hidden = rng.normal(size=(total, 3))
    mix = np.random.default_rng(seed_from(seed, "correlated rows")).normal(size=(3, len(NAMES)))
    numbers = np.tanh(hidden) @ mix + 0.05 * rng.normal(size=(total, len(NAMES)))
    protocol = np.digitize(hidden[:, 0], (-0.5, 0.5))
    state = np.digitize(hidden[:, 1], (-0.5, 0.5))
    label = np.full(total, "normal", dtype=object)
    odd = np.arange(count, total)
    mixed, misnamed = odd[: len(odd) // 2], odd[len(odd) // 2 :]
    label[mixed], label[misnamed] = "mixed", "misnamed"
    half = rng.permuted(np.tile(np.arange(len(NAMES)) < len(NAMES) // 2, (len(mixed), 1)), axis=1)
    numbers[mixed] = np.where(half, numbers[rng.integers(count, size=len(mixed))], numbers[mixed])
    far = np.abs(hidden[misnamed, 0]) > 0.5  # near a border either name would do
    protocol[misnamed] = np.where(far, 2 - protocol[misnamed], (protocol[misnamed] + 1) % 3)
    state[misnamed] = (state[misnamed] + rng.integers(1, 3, size=len(misnamed))) % 3
    numbers[:, 1:4] = np.exp(2 * numbers[:, 1:4])  # bytes and packets are heavy-tailed
    text = io.StringIO()
    text.write(",".join((*NAMES, "protocol", "state", "label")) + "\n")
    for row in rng.permutation(total).tolist():
        cells = [f"{value:.5g}" for value in numbers[row]]
        text.write(",".join((*cells, PROTOCOLS[protocol[row]], STATES[state[row]], label[row])) + "\n")
    return text.getvalue()
