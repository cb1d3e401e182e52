"""The GAN: data x latent x generator x critic x loss x penalties.

The Dirac-GAN and a convolutional GAN are the same class; only the parts differ. Its expectations are nodes with
weights: all of them from `expectation()` (exact models), or a batch of samples from a `Sampler`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from tussle import checks
from tussle.autodiff import Array, namespace, pullback, stop
from tussle.game import Pair, Point, Stream, scalar
from tussle.laws import Normal, Uniform
from tussle.losses import Loss
from tussle.measures import AbstractMeasure, Nodes, paired
from tussle.penalties import Penalty
from tussle.records import record, static


@record
class Batch:
    """The nodes that one reading of a GAN's losses integrates over."""

    real: Nodes
    latent: Nodes
    noise: Nodes | None = None
    noise_fake: Nodes | None = None
    mix: Nodes | None = None
    shift: Nodes | None = None


@record
class GAN:
    """A two-player game: a generator against a critic (discriminator) that scores realness.

    Args:
        generator: `generator(theta, z)` maps latents (n, k) to fakes (n, ...).
        critic: `critic(psi, x)` maps inputs (n, ...) to one logit each, (n,) or (n, 1); large on real data.
        data: the measure of the real data.
        latent: the measure of the latents.
        loss: what both players minimize, from `loss(name)`.
        penalties: penalties on the critic.
        noise: standard deviation of instance noise on real and fake inputs, or None.
        clip: bound of the critic's parameters after each of its steps, or None.
        noise_order: Gauss-Hermite nodes per dimension for the exact instance noise.
        sizes: number of parameters of generator and critic, where known.
    """

    generator: Callable[[Array, Array], Array] = static()
    critic: Callable[[Array, Array], Array] = static()
    data: AbstractMeasure = static()
    latent: AbstractMeasure = static()
    loss_function: Loss
    penalties: tuple[Penalty, ...] = ()
    noise: Any = None
    clip: Any = None
    noise_order: int = static(default=60)
    sizes: tuple[int, int] | None = static(default=None)
    players: tuple[str, ...] = static(default=("generator", "discriminator"))

    def __post_init__(self) -> None:
        """Check noise and clip."""
        if self.noise is not None:
            checks.nonnegative("noise", self.noise)
        if self.clip is not None:
            checks.positive("clip", self.clip)

    def expectation(self) -> Batch:
        """Return all nodes of all measures: the exact expectations."""
        real = self.data.nodes()
        shape = real.points.shape
        if len(shape) != 2 and (self.noise is not None or any(p.place == "perturbed" for p in self.penalties)):
            message = (
                f"`data` has samples of shape {shape[1:]} under noise; exact expectations over noise are for vectors; "
                "draw batches from sampler(size)."
            )
            raise ValueError(message)
        dimension = shape[1] if len(shape) == 2 else 1
        noise = None if self.noise is None else Normal(np.zeros(dimension), 1.0, self.noise_order).nodes()
        needs = {p.place for p in self.penalties}
        mix = Uniform(0.0, 1.0, 20).nodes() if "interpolates" in needs else None
        shift = Normal(np.zeros(dimension), 1.0, 20).nodes() if "perturbed" in needs else None
        return Batch(real, self.latent.nodes(), noise, noise, mix, shift)

    def scores(self, point: Point, batch: Batch) -> tuple[Nodes, Nodes]:
        """Return the critic's logits on (noisy) real and fake nodes, with their weights."""
        theta, psi = point
        real = self._noisy(batch.real, batch.noise)
        fake = self._noisy(self.fakes(theta, batch), batch.noise_fake)
        return Nodes(self.logits(psi, real.points), real.weights), Nodes(self.logits(psi, fake.points), fake.weights)

    def fakes(self, theta: Array, batch: Batch) -> Nodes:
        """Return the generated nodes, without instance noise."""
        return Nodes(self.generator(theta, batch.latent.points), batch.latent.weights)

    def logits(self, psi: Array, x: Array) -> Array:
        """Return one logit for each input, shape (n,).

        Raises:
            ValueError: if the critic returns more than one number for an input.
        """
        out = self.critic(psi, x)
        if out.ndim == 2 and out.shape[1] == 1:
            out = out[:, 0]
        if tuple(out.shape) != (x.shape[0],):
            message = (
                f"`critic` returned shape {tuple(out.shape)} for {x.shape[0]} input(s); it must return one logit for "
                "each, shape (n,) or (n, 1); drop the other columns or pick the class's own."
            )
            raise ValueError(message)
        return out

    def _noisy(self, nodes: Nodes, noise: Nodes | None) -> Nodes:
        if self.noise is None or noise is None:
            return nodes
        points, shifts, weights = paired(nodes, noise)
        return Nodes(points + self.noise * shifts, weights)

    def loss(self, player: int, point: Point, batch: Batch) -> Array:
        """Return the generator's (0) or the discriminator's (1) loss."""
        if player == 1 and self.penalties:
            return scalar(self._penalized(point, batch))
        real, fake = self.scores(point, batch)
        side = self.loss_function.generator if player == 0 else self.loss_function.critic
        return scalar(side(real.points, fake.points, real.weights, fake.weights))

    def own_loss(self, player: int, point: Point, batch: Batch) -> Array:
        """Return a player's loss, for its own derivatives: what does not depend on its parameters may be left out.

        A plain loss of the generator is read on fakes alone. That spares the critic a pass over the real data.
        """
        if player == 1 or self.loss_function.coupling != "plain":
            return self.loss(player, point, batch)
        theta, psi = point
        fake = self._noisy(self.fakes(theta, batch), batch.noise_fake)
        out = self.logits(psi, fake.points)
        return scalar(self.loss_function.generator(stop(out), out, fake.weights, fake.weights))

    def penalty(self, point: Point, batch: Batch) -> Array:
        """Return the sum of the penalties on the critic."""
        theta, psi = point
        fake = self.fakes(theta, batch) if self._where & {"fake", "interpolates"} else batch.real
        return self._sum(psi, batch, fake, {})

    @property
    def _where(self) -> set[str]:
        return {p.place for p in self.penalties}

    def _penalized(self, point: Point, batch: Batch) -> Array:
        """Return the critic's loss with its penalties; slopes where the scores are read come of the same pass."""
        theta, psi = point
        real, fake = batch.real, self.fakes(theta, batch)
        if self.noise is not None:
            scores = [self._noisy(x, noise) for x, noise in ((real, batch.noise), (fake, batch.noise_fake))]
            outs, slopes = [self.logits(psi, x.points) for x in scores], {}
        else:
            outs, slopes, scores = [], {}, [real, fake]
            for place, nodes in (("real", real), ("fake", fake)):
                if place not in self._where:
                    outs.append(self.logits(psi, nodes.points))
                    continue
                out, pull = pullback(lambda x: self.logits(psi, x), nodes.points)
                outs.append(out)
                slopes[place] = pull(namespace(out).ones_like(out))
        total = self.loss_function.critic(*outs, *(x.weights for x in scores))
        return total + self._sum(psi, batch, fake, slopes)

    def _sum(self, psi: Array, batch: Batch, fake: Nodes, slopes: dict[str, Array]) -> Array:
        """Return the sum of the penalties, given the critic's slopes at the places where they are known."""
        total = None
        for p in self.penalties:
            nodes = p.points(batch.real, fake, batch.mix, batch.shift)
            if p.place in slopes:
                value = p.of_slopes(slopes[p.place], nodes)
            else:
                value = p.value(lambda x: self.logits(psi, x), nodes)
            total = value if total is None else total + value
        return total

    def project(self, player: int, x: Array) -> Array:
        """Clip the critic's parameters where a clip is set."""
        if player == 0 or self.clip is None:
            return x
        xp = namespace(x)
        bound = self.clip * xp.ones_like(x)
        return xp.minimum(xp.maximum(x, -bound), bound)

    def sampler(self, size: int) -> "Sampler":
        """Return a source of random batches of the given size."""
        return Sampler(self, size)


@record
class Sampler:
    """Draws batches of samples from a GAN's measures; the k-th batch depends on the seed and k alone.

    Args:
        gan: whose measures are sampled.
        size: samples per batch.
        readings: batches per step, for rules that read the field more than once; they get a `Stream`.
        double: whether each batch is a `Pair` of independent ones.
    """

    gan: GAN
    size: int = static(default=64)
    readings: int = static(default=1)
    double: bool = static(default=False)

    def __post_init__(self) -> None:
        """Check the batch size against the loss."""
        checks.count("size", self.size)
        if self.size == 1 and self.gan.loss_function.coupling != "plain":
            coupling = self.gan.loss_function.coupling
            message = (
                f"`size` is 1 with {'an' if coupling[0] in 'aeiou' else 'a'} {coupling} loss; such a loss compares "
                "samples across the batch and needs at least 2; take a larger batch or a plain loss."
            )
            raise ValueError(message)

    def pairs(self) -> "Sampler":
        """Return the sampler that draws two independent batches at a time."""
        return Sampler(self.gan, self.size, self.readings, True)

    def streams(self, readings: int) -> "Sampler":
        """Return the sampler that draws a fresh batch for each reading within a step."""
        return Sampler(self.gan, self.size, readings, self.double)

    def __call__(self, seed: int, step: int) -> Any:
        """Return the batch of one step, in NumPy."""
        rng = np.random.Generator(np.random.Philox(key=[seed, step]))
        drawn = tuple(self._reading(rng) for _ in range(self.readings))
        return Stream(drawn) if self.readings > 1 else drawn[0]

    def _reading(self, rng: np.random.Generator) -> Any:
        return Pair(self._batch(rng), self._batch(rng)) if self.double else self._batch(rng)

    def _batch(self, rng: np.random.Generator) -> Batch:
        real = self.gan.data.sample(rng, self.size)
        latent = self.gan.latent.sample(rng, self.size)
        needs = {p.place for p in self.gan.penalties}
        noisy = self.gan.noise is not None

        def normal(wanted: bool) -> Nodes | None:
            return Nodes(rng.standard_normal(real.shape)) if wanted else None

        mix = Nodes(rng.random((self.size, 1))) if "interpolates" in needs else None
        return Batch(Nodes(real), Nodes(latent), normal(noisy), normal(noisy), mix, normal("perturbed" in needs))
