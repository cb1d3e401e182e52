"""One product J^T u of a network's field, against one evaluation of that field.

The field is recorded once; each product is one pass back through the record. Both are timed on the flat vectors of a
convolutional GAN in float32 and on one thread: how well such small layers can be shared between threads is another
matter.
"""

from importlib.util import find_spec

import numpy as np
from measure import Row, best

import tussle
from tussle.game import placed
from tussle.jacobian import products


def benchmark(tiny: bool) -> list[Row]:
    """Compare without and with R1, whose gradient adds one derivative to both."""
    if find_spec("torch") is None:
        return [Row("J^T u of a network", float("nan"), None, 4.0, "skipped: PyTorch is not installed")]
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    rows = [_row(tiny, (), "no penalty"), _row(tiny, (tussle.r1(1.0),), "R1")]
    torch.set_num_threads(threads)
    return rows


def _row(tiny: bool, penalties: tuple[tussle.Penalty, ...], name: str) -> Row:
    from tussle.networks import network_gan, small_networks

    width, size, rounds = (1, 4, 1) if tiny else (40, 32, 10)
    rng = np.random.default_rng(0)
    images = rng.standard_normal((256, 1, 8, 8), dtype=np.float32)
    made = network_gan(*small_networks(16, width), data=images, latent=16, penalties=penalties)
    field, at = tussle.Field(made.game), made.start
    batch = placed(made.game.sampler(size)(0, 0), at[0])
    push, pull = products(field, at, batch)
    vector = rng.standard_normal(sum(map(len, at)), dtype=np.float32)
    times = best(rounds, field=lambda: field(at, batch), pull=lambda: pull(vector), push=lambda: push(vector))
    note = f"{len(vector):,} weights, batches of {size}; J t costs {times['push'] / times['field']:.1f} fields"
    return Row(f"J^T u of a network, {name} / field", times["pull"], times["field"], 4.0, note)
