"""Every family at a small size: shapes, finite values, and derivatives up to the third beside central differences.

Losses are compared with the field (gradients, and the double backward of R1 within them), critics with their input
gradients, and the field with its Jacobian products (third derivatives of the discriminator).
"""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import tussle
from tussle.game import placed, replaced
from tussle.networks import network_gan, verify_product
from tussle.networks.conditional import LabeledNormal, pack_labels, packed_pair
from tussle.networks.norms import SpectralNorm
from tussle.networks.zoo import architecture

SMOOTH = {"activation": "silu", "generator_activation": "silu"}
DCGAN = {"size": 8, "layers": 2, "width": 2, "channels": 1, "latent": 2}
CASES = {
    "mlp": ("mlp", {"latent": 3, "width": 6, "depth": 2, "activation": "tanh"}),
    "mlp relu": ("mlp", {"latent": 3, "width": 6, "depth": 2}),
    "mlp with classes": ("mlp", {"latent": 3, "width": 6, "depth": 2, "activation": "silu", "classes": 3}),
    "digits": ("digits", {"latent": 2, "width": 1, "norm": True}),
    **{f"dcgan {n}": ("dcgan", DCGAN | SMOOTH | {"norm": n}) for n in ("none", "batch", "layer", "group", "pixel")},
    "dcgan relu": ("dcgan", DCGAN | {"norm": "none"}),
    "dcgan 5 x 5 residual": ("numerics-resnet-cf", DCGAN | SMOOTH),
    "dcgan with classes": ("dcgan", DCGAN | SMOOTH | {"discriminator_norm": "none", "classes": 2}),
    "resnet": ("resnet", {"size": 8, "width": 2, "latent": 2, "activation": "silu"}),
    "resnet leaky": ("resnet", {"size": 8, "width": 2, "latent": 2}),
    "resnet2 with classes": (
        "resnet2",
        {"size": 8, "width": 2, "latent": 2, "classes": 3, "embed": 2, "activation": "silu", "scale": 0.5},
    ),
    "standard cnn": ("standard-cnn", {"size": 8, "width": 1, "channels": 1, "latent": 2} | SMOOTH),
    "standard cnn without spectral norm": (
        "standard-cnn",
        {"size": 8, "width": 1, "channels": 1, "latent": 2, "spectral": False, "norm": "layer"} | SMOOTH,
    ),
    "r3gan": ("r3gan", {"size": 8, "width": 2, "full": 4, "group": 2, "latent": 2, "blocks": 1, "activation": "silu"}),
    "r3gan leaky": ("r3gan", {"size": 8, "width": 2, "group": 2, "latent": 2, "blocks": 1}),
    "r3gan with classes": (
        "r3gan",
        {"size": 8, "width": 2, "group": 1, "latent": 2, "blocks": 1, "classes": 3, "activation": "silu"},
    ),
}  # fmt: skip
PIECEWISE = {"mlp relu", "dcgan relu", "resnet leaky", "r3gan leaky"}
BATCH = 3


def moved(module, rng):
    """The module away from its start; spectral norms are settled there and keep their vectors."""
    with torch.no_grad():
        for p in module.parameters():
            p += 0.2 * torch.as_tensor(rng.standard_normal(tuple(p.shape)))
    for part in module.modules():
        if isinstance(part, SpectralNorm):
            part.settle(50)
            part.eval()
    return module


def case(name):
    """A game with R1 and R2 in float64, at a point away from the start, where zeros would hide what is wrong."""
    family, options = CASES[name]
    plan = architecture(family, **options)
    rng = np.random.default_rng(2)
    networks = [moved(m.double(), rng) for m in plan.make(seed=1)]
    data, latent = rng.uniform(-1, 1, (20, *plan.shape)), plan.latent
    if plan.classes > 1:
        data, latent = pack_labels(data, rng.integers(0, plan.classes, 20)), LabeledNormal(plan.latent, plan.classes)
        networks = packed_pair(*networks, plan.shape)
    network = network_gan(*networks, data=data, latent=latent, penalties=[tussle.r1(1.0), tussle.r2(0.5)])
    return network.game, network.start, placed(network.game.sampler(BATCH)(0, 0), network.start[0])


@pytest.fixture(params=CASES)
def found(request):
    return (request.param, *case(request.param))


def difference(function, x, t):
    h = np.finfo(float).eps ** (1 / 3) * max(float(x.norm()), 1.0)
    return float(function(x + h * t) - function(x - h * t)) / (2 * h)


def unit(x, seed):
    t = torch.as_tensor(np.random.default_rng(seed).standard_normal(tuple(x.shape)))
    return t / t.norm()


def test_shapes_and_values_are_as_they_should_be(found):
    name, game, point, batch = found
    plan = architecture(CASES[name][0], **CASES[name][1])
    values = math.prod(plan.shape)
    shape = (BATCH, values + 1) if plan.classes > 1 else (BATCH, *plan.shape)
    fakes = game.fakes(point[0], batch).points
    assert fakes.shape == shape
    assert game.logits(point[1], fakes).shape == (BATCH,)
    assert all(bool(torch.isfinite(v).all()) for v in (fakes, *tussle.Field(game)(point, batch)))


def test_fields_are_the_slopes_of_the_losses_and_products_those_of_the_fields(found):
    name, game, point, batch = found
    field = tussle.Field(game)
    checked = verify_product(field, point, batch, directions=1)
    assert checked.relative_error < 1e-6, checked.advice
    if name in PIECEWISE:
        return  # a difference of a loss may cross a kink
    for player, velocity in enumerate(field(point, batch)):
        t = unit(velocity, player)
        slope = difference(lambda x, p=player: game.loss(p, replaced(point, p, x), batch), point[player], t)
        assert slope == pytest.approx(-float(velocity @ t), rel=1e-6, abs=1e-8 * float(velocity.norm()))


@pytest.mark.parametrize("name", [n for n in CASES if n not in PIECEWISE])
def test_input_gradients_are_the_slopes_of_the_critic(name):
    game, point, batch = case(name)
    x = batch.real.points
    slope = tussle.autodiff.input_gradient(lambda z: game.logits(point[1], z), x)
    t = unit(x, 5)
    if CASES[name][1].get("classes", 1) > 1:
        assert not slope[:, -1].any()  # the label has no derivative
        t[:, -1] = 0
    found = difference(lambda z: game.logits(point[1], z).sum(), x, t)
    assert found == pytest.approx(float((slope * t).sum()), rel=1e-6, abs=1e-8 * float(slope.norm()))
