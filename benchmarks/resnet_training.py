"""Training residual networks on images of 32 x 32 pixels, against the usual loop of PyTorch.

The usual loop is `nn.Module`s, an optimizer of `torch.optim` for each player that goes through its parameters one by
one, separate passes over real data and fakes, and R1 by `torch.autograd.grad` with its graph; where R2 is asked for,
it is the same on the fakes. Ours are the steps that a recipe takes: the critic's loss and penalty from one double
backward pass, and convolutions that are closed under differentiation (`run.fused`). Both are given the same batches,
drawn before the clock starts; that they take the same steps is checked first. One thread, and the time of the process:
what else the machine does is not counted.
"""

import math
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from measure import Row

import tussle

TARGET = 1 / 1.3  # ours / the usual loop
SAME = 1e-5  # how far the parameters may be apart after `CHECKED` steps
CHECKED = 3
EPS = 1e-6  # with 1e-8 a slope that is all rounding moves its weight by the full rate, and any two programs part
LR = 1e-4
GAMMA = 10.0
PROBE = """
import pathlib, resource, sys
import resnet_training as bench
case, which, steps = bench.CASES[int(sys.argv[1])], sys.argv[2], int(sys.argv[3])
problem = bench.Problem(case, steps)
run = problem.usual() if which == "usual" else problem.ours()
for k in range(steps):
    run(k)
status = pathlib.Path("/proc/self/status")  # on Linux the other count begins with the peak of the parent
lines = status.read_text().splitlines() if status.exists() else []
peaks = [int(line.split()[1]) / 2**10 for line in lines if line.startswith("VmHWM")]
print(*peaks or [resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20])
"""


class Case(NamedTuple):
    """A problem: width of the networks, batch, and whether R2 comes beside R1."""

    title: str
    width: int
    batch: int
    both: bool = False


CASES = (
    Case("ResNet 32 x 32, width 32, R1, batch 16", 32, 16),
    Case("ResNet 32 x 32, width 32, R1, batch 64", 32, 64),
    Case("ResNet 32 x 32, width 64, R1, batch 16", 64, 16),
    Case("ResNet 32 x 32, width 32, R1 + R2, batch 16", 32, 16, True),
)
SMALLEST = Case("ResNet 32 x 32, width 2, R1, batch 4", 2, 4)


def benchmark(tiny: bool) -> list[Row]:
    """Compare the loops in time and in memory."""
    if find_spec("torch") is None:
        return [Row("residual networks / the usual loop", math.nan, None, TARGET, "skipped: PyTorch is not installed")]
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    rows = [_speed(case, 3 if tiny else 10) for case in ((SMALLEST,) if tiny else CASES)]
    torch.set_num_threads(threads)
    if sys.platform == "win32" or tiny:
        return rows
    return rows + [_memory(k, 4) for k in range(len(CASES))]


def _speed(case: Case, rounds: int) -> Row:
    problem = Problem(case, max(rounds, CHECKED))
    apart = problem.apart(CHECKED)
    if apart > SAME:
        raise AssertionError(f"the two loops part by {apart:.1e} in {CHECKED} steps of {case.title}")
    times = _shortest(rounds, ours=problem.ours(), usual=problem.usual())
    ours, usual = times["ours"], times["usual"]
    speeds = f"{1 / ours:.1f} steps/s against {1 / usual:.1f}, {usual / ours:.2f} times as many"
    note = f"{speeds}; parameters {apart:.0e} apart after {CHECKED} steps"
    target = TARGET if case is not SMALLEST else None
    return Row(f"{case.title} / the usual loop", ours, usual, target, note)


def _shortest(rounds: int, **calls: Callable[[int], object]) -> dict[str, float]:
    """Return the shortest process time of a step of each loop, in turns."""
    for call in calls.values():
        call(0)
    found = dict.fromkeys(calls, math.inf)
    for k in range(rounds):
        for name, call in calls.items():
            start = time.process_time()
            call(k)
            found[name] = min(found[name], time.process_time() - start)
    return found


def _memory(index: int, steps: int) -> Row:
    ours, usual = (_peak(index, which, steps) for which in ("ours", "usual"))
    name = f"peak memory, {CASES[index].title} / the usual loop"
    return Row(name, ours, usual, 1.0, "of the whole process, libraries and data included", "MiB")


def _peak(index: int, which: str, steps: int) -> float:
    """Return the peak memory of a fresh process in MiB."""
    command = [sys.executable, "-c", PROBE, str(index), which, str(steps)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parent)
    return float(done.stdout)


class Problem:
    """A problem with its batches, and the loops that train on it; each call of a loop takes one step."""

    def __init__(self, case: Case, count: int) -> None:
        from tussle.game import placed
        from tussle.networks import network_gan
        from tussle.networks.zoo import make_networks

        self.case = case
        self.data = np.random.default_rng(0).uniform(-1, 1, (256, 3, 32, 32)).astype(np.float32)
        self.options = {"seed": 0, "size": 32, "width": case.width, "channels": 3, "latent": 64}
        penalties = (tussle.r1(GAMMA), tussle.r2(GAMMA)) if case.both else (tussle.r1(GAMMA),)
        pair = make_networks("resnet", **self.options)
        self.made = network_gan(*pair, data=self.data, latent=64, penalties=penalties)
        self.sampler = self.made.game.sampler(case.batch).streams(2)
        self.batches = [placed(self.sampler(0, k), self.made.start[0]) for k in range(count)]

    def ours(self) -> Callable[[int], Any]:
        """Return a call that takes a step as a recipe would."""
        from tussle.training.affine import fields
        from tussle.training.recipes import recipe

        run, pace = {"batch": self.case.batch}, {"name": "rmsprop", "lr": LR}
        plain = {"run": run, "networks": {"name": "resnet"}, "pace": pace}
        field = fields(recipe(plain), self.made)(self.made.game)
        method = tussle.Map(field, tussle.alternating(tussle.rmsprop(LR, eps=EPS), first="discriminator"))
        point = self.made.start
        state = method.init(point)

        def step(k: int) -> Any:
            nonlocal point, state
            point, state, _ = method.step(point, state, self.batches[k])
            return point

        return step

    def usual(self) -> Callable[[int], Any]:
        """Return a call that takes a step of the usual loop."""
        import torch
        from torch.nn import functional

        from tussle.networks.zoo import make_networks

        generator, discriminator = pair = make_networks("resnet", **self.options)
        optimizers = [torch.optim.RMSprop(m.parameters(), lr=LR, eps=EPS) for m in pair]

        def penalize(scores: Any, x: Any) -> None:
            (slope,) = torch.autograd.grad(scores.sum(), x, create_graph=True)
            (0.5 * GAMMA * slope.square().flatten(1).sum(1).mean()).backward()

        def train_discriminator(real: Any, latent: Any) -> None:
            generator.requires_grad_(False)
            discriminator.requires_grad_(True)
            optimizers[1].zero_grad()
            real = real.detach().requires_grad_()
            scores = discriminator(real)
            functional.softplus(-scores).mean().backward(retain_graph=True)
            penalize(scores, real)
            with torch.no_grad():
                fake = generator(latent)
            fake.requires_grad_(self.case.both)
            scores = discriminator(fake)
            functional.softplus(scores).mean().backward(retain_graph=self.case.both)
            if self.case.both:
                penalize(scores, fake)
            optimizers[1].step()

        def train_generator(latent: Any) -> None:
            generator.requires_grad_(True)
            discriminator.requires_grad_(False)
            optimizers[0].zero_grad()
            functional.softplus(-discriminator(generator(latent))).mean().backward()
            optimizers[0].step()

        def step(k: int) -> Any:
            first, second = self.batches[k].batches
            train_discriminator(first.real.points, first.latent.points)
            train_generator(second.latent.points)
            return tuple(torch.cat([p.detach().reshape(-1) for p in m.parameters()]) for m in pair)

        return step

    def apart(self, count: int) -> float:
        """Return how far the parameters of the two loops are apart after some steps, at most."""
        found: list[Any] = []
        for step in (self.ours(), self.usual()):
            points = [step(k) for k in range(count)]
            found.append(points[-1])
        return max(float((a - b).abs().max()) for a, b in zip(*found, strict=True))
