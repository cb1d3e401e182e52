"""Training perceptrons on problems in the plane, against the usual loop of PyTorch.

The usual loop is `nn.Module`s, an optimizer of `torch.optim` for each player, separate passes over real data and fakes,
and R1 by `torch.autograd.grad` with its graph; it runs on one thread, which is its fastest for such small layers. Ours
are the compiled steps of the same map, and the same mapped over 16 seeds. Both are given the same batches, drawn before
the clock starts; that they take the same steps is checked first.
"""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from measure import Row, best, cores

import tussle

TARGET = 0.2  # ours / the usual loop
SAME = 1e-5  # how far the parameters may be apart after `CHECKED` steps
CHECKED = 10
SEEDS = 16
EPS = 1e-6  # with 1e-8 a slope that is all rounding moves its weight by the full rate, and any two programs part
PROBE = """
import pathlib, resource, sys
import mlp_training
case, which, steps = mlp_training.CASES[int(sys.argv[1])], sys.argv[2], int(sys.argv[3])
problem = mlp_training.Problem(case, 64)
run = problem.usual_loop() if which == "usual" else problem.ours()
for _ in range(steps // 64):
    run()
status = pathlib.Path("/proc/self/status")  # on Linux the other count begins with the peak of the parent
lines = status.read_text().splitlines() if status.exists() else []
peaks = [int(line.split()[1]) / 2**10 for line in lines if line.startswith("VmHWM")]
print(*peaks or [resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20])
"""


class Case(NamedTuple):
    """A problem: networks, data, batch, R1 and optimizer."""

    title: str
    network: str
    options: dict[str, Any]
    data: str
    batch: int
    gamma: float
    optimizer: str
    lr: float
    target: float | None = TARGET


CASES = (
    Case("ring of 8, 4 x 16, batch 64, RMSProp", "numerics-mog", {}, "ring", 64, 0.0, "rmsprop", 1e-4),
    Case("ring of 8, 4 x 16, batch 512, RMSProp", "numerics-mog", {}, "ring", 512, 0.0, "rmsprop", 1e-4),
    Case("ring of 8, 4 x 16, R1, batch 512, RMSProp", "numerics-mog", {}, "ring", 512, 1.0, "rmsprop", 1e-4),
    Case("circle, 4 x 16, R1, batch 64, SGD", "mescheder-2d", {}, "circle", 64, 1.0, "sgd", 1e-2),
    Case("circle, 4 x 64, R1, batch 64, SGD", "mescheder-2d", {"width": 64}, "circle", 64, 1.0, "sgd", 1e-2, None),
)


def benchmark(tiny: bool) -> list[Row]:
    """Compare the loops on each problem, one run and many, and their memory on the first with R1."""
    if find_spec("torch") is None:
        return [Row("perceptrons / the usual loop", float("nan"), None, TARGET, "skipped: PyTorch is not installed")]
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    cases = CASES[:1] if tiny else CASES
    rows = [row for case in cases for row in _rows(case, tiny)]
    torch.set_num_threads(threads)
    return rows if sys.platform == "win32" else [*rows, _memory(tiny)]


def _rows(case: Case, tiny: bool) -> list[Row]:
    count, seeds, rounds = (4, 2, 1) if tiny else (64, SEEDS, 6)
    problem = Problem(case, count)
    apart = problem.apart(min(CHECKED, count))
    if apart > SAME:
        raise AssertionError(f"the two loops part by {apart:.1e} in {CHECKED} steps of {case.title}")
    times = best(rounds, ours=problem.ours(), many=problem.many(seeds), usual=problem.usual_loop())
    usual, ours, many = (times["usual"] / count, times["ours"] / count, times["many"] / count / seeds)
    speeds = f"{1 / ours:,.0f} steps/s against {1 / usual:,.0f}; parameters {apart:.0e} apart after {CHECKED} steps"
    lanes = f"{1 / many:,.0f} steps/s of all {seeds} seeds together, on {cores()} cores"
    return [
        Row(f"{case.title} / the usual loop", ours, usual, case.target, speeds),
        Row(f"the same, a seed of {seeds} at once / the usual loop", many, usual, case.target, lanes),
    ]


def _memory(tiny: bool) -> Row:
    steps = 64 if tiny else 2048
    ours, usual = (_peak(which, steps) for which in ("ours", "usual"))
    note = "of the whole process; ours holds JAX and its compiler beside PyTorch, which makes the weights"
    return Row(f"peak memory, {steps:,} steps of batch 512 with R1 / the usual loop", ours, usual, None, note, "MiB")


def _peak(which: str, steps: int) -> float:
    """Return the peak memory of a fresh process in MiB."""
    command = [sys.executable, "-c", PROBE, "2", which, str(steps)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parent)
    return float(done.stdout)


class Problem:
    """A problem with its batches, and the loops that train on it."""

    def __init__(self, case: Case, count: int) -> None:
        from tussle.data.planes import plane
        from tussle.networks.zoo import make_networks
        from tussle.training.compiled import CompiledSteps

        self.case, self.count = case, count
        self.made = self._dense(plane(case.data))
        pace = tussle.sgd(case.lr) if case.optimizer == "sgd" else tussle.rmsprop(case.lr, eps=EPS)
        self.map = tussle.Map(tussle.Field(self.made.game), tussle.alternating(pace, first="discriminator"))
        self.sampler = self.made.game.sampler(case.batch).streams(2)
        self.drawn = {(0, k): self.sampler(0, k) for k in range(count)}
        self.modules = make_networks(case.network, seed=0, **case.options)
        self.steps = CompiledSteps(self.map, count)

    def _dense(self, data: Any) -> Any:
        from tussle.networks.dense import dense_gan

        penalties = (tussle.r1(self.case.gamma),) if self.case.gamma else ()
        return dense_gan(self.case.network, data=data, penalties=penalties, options=self.case.options)

    def ours(self) -> Any:
        """Return a call that takes `count` steps from the start, stacking of the batches included."""
        point = self.steps.place(self.made.start)
        state, batches = self.steps.init(point), list(self.drawn.values())[: self.count]
        return lambda: self.steps.advance(point, state, batches)

    def many(self, seeds: int) -> Any:
        """Return a call that takes `count` steps of each of many seeds."""
        from tussle.training.many import stacked_starts, train_many

        starts = stacked_starts([self.made.start] * seeds)
        drawn = {(s, k): self.sampler(s, k) for s in range(seeds) for k in range(self.count)}

        def batches(seed: int, step: int) -> Any:
            return drawn[seed, step]

        return lambda: train_many(self.map, starts, self.count, batches=batches, seeds=range(seeds), every=self.count)

    def usual_loop(self, count: int | None = None) -> Any:
        """Return a call that takes `count` steps, going on from where it was."""
        import torch
        from torch.nn import functional

        generator, discriminator = self.modules
        optimizers = [_optimizer(self.case, m) for m in self.modules]
        batches = [self._tensors(self.drawn[0, k]) for k in range(count or self.count)]
        gamma = self.case.gamma

        def train_discriminator(real: Any, latent: Any) -> None:
            optimizers[1].zero_grad()
            real = real.detach().requires_grad_(gamma > 0)
            scores = discriminator(real)
            loss = functional.softplus(-scores).mean()
            if gamma:
                (slope,) = torch.autograd.grad(scores.sum(), real, create_graph=True)
                loss = loss + 0.5 * gamma * slope.square().sum(1).mean()
            loss.backward()
            with torch.no_grad():
                fake = generator(latent)
            functional.softplus(discriminator(fake)).mean().backward()
            optimizers[1].step()

        def train_generator(latent: Any) -> None:
            optimizers[0].zero_grad()
            functional.softplus(-discriminator(generator(latent))).mean().backward()
            optimizers[0].step()

        def run() -> None:
            for (real, first), (_, second) in batches:
                train_discriminator(real, first)
                train_generator(second)

        return run

    def _tensors(self, stream: Any) -> Any:
        import torch

        return [
            tuple(torch.as_tensor(x, dtype=torch.float32) for x in (b.real.points, b.latent.points))
            for b in stream.batches
        ]

    def apart(self, count: int) -> float:
        """Return how far the parameters of the two loops are apart after some steps, at most."""
        point = self.steps.place(self.made.start)
        found = self.steps.advance(point, self.steps.init(point), [self.drawn[0, k] for k in range(count)])
        self.usual_loop(count)()
        theirs = [np.concatenate([p.detach().numpy().ravel() for p in m.parameters()]) for m in self.modules]
        return max(float(np.abs(a - b).max()) for a, b in zip(found.point, theirs, strict=True))


def _optimizer(case: Case, module: Any) -> Any:
    import torch

    if case.optimizer == "sgd":
        return torch.optim.SGD(module.parameters(), lr=case.lr)
    return torch.optim.RMSprop(module.parameters(), lr=case.lr, eps=EPS)
