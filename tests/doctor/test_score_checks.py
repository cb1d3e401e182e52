"""The checks that look at scores, samples and modules: each finds its illness, and none where there is none."""

import math
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import Tensor, nn

from tussle.data.planes import ring
from tussle.doctor.adopt import adopt
from tussle.doctor.diagnose import run_check
from tussle.doctor.examination import Examination
from tussle.doctor.findings import ILLNESS, NAMES, NOTE, WARNING, Checked, clear, unknown
from tussle.doctor.healthy import healthy
from tussle.doctor.mode_collapse import VIEW, axes_of, kinds
from tussle.doctor.patient import Patient
from tussle.doctor.registry import Check
from tussle.doctor.saturated_discriminator import auc
from tussle.game import placed

RING = torch.as_tensor(ring().sample(np.random.default_rng(0), 1200), dtype=torch.float32)
MODE = (torch.atan2(RING[:, 1], RING[:, 0]) / (math.pi / 4)).round() % 8
softplus = nn.functional.softplus


def net(inputs: int, outputs: int, end: nn.Module | None = None, width: int = 32, activation: Any = nn.ReLU) -> Any:
    layers = [nn.Linear(inputs, width), activation(), nn.Linear(width, width), activation(), nn.Linear(width, outputs)]
    return nn.Sequential(*layers, *([] if end is None else [end]))


def patient(
    *,
    generator: Any = None,
    discriminator: Any = None,
    loss: Any = "nonsaturating",
    penalties: Any = ("r1=1",),
    data: Any = RING,
    lr: float = 1e-3,
    latent: int = 8,
    **options: Any,
) -> Patient:
    torch.manual_seed(0)
    return adopt(
        net(8, 2) if generator is None else generator,
        net(2, 1) if discriminator is None else discriminator,
        loss=loss,
        penalties=penalties,
        data=data,
        latent=latent,
        pace=f"adam,lr={lr},beta1=0.0,beta2=0.9",
        batch=64,
        **options,
    )


def trained(one: Patient, steps: int) -> Patient:
    sampler, point, state = one.game.sampler(64), one.start, one.state
    for k in range(steps):
        point, state, _ = one.method.step(point, state, placed(sampler(7, k), point[0]))
    return Patient(**{**vars(one), "start": tuple(x.detach() for x in point), "state": state})


def look(one: Patient, name: str, **options: Any) -> Checked:
    seen = run_check(Check(name, name), Examination(one, **{"depth": "quick", "budget": 60.0, **options}))
    assert seen.name == name
    assert seen.evidence or seen.status == "unknown" or "nothing" in seen.why or "no penalty" in seen.why
    return seen


def severity(seen: Checked) -> str | None:
    assert seen.status == "ran", seen.why
    return None if seen.finding is None else seen.finding.severity


@pytest.fixture(scope="module")
def well() -> Patient:
    """A GAN that trains well: the non-saturating loss with R1 on a ring."""
    return trained(patient(lr=2e-3), 300)


@pytest.fixture(scope="module")
def perfect() -> Patient:
    """A discriminator that is perfect on fakes far from the data, under the minimax loss."""
    return trained(patient(data=RING + 3, penalties=(), loss="minimax", player_steps=(1, 150), lr=2e-3), 4)


MINE = [
    *("double_backward_unsafe", "normalisation_breaks_penalty", "wrong_data_range", "loss_mismatch"),
    *("saturated_discriminator", "vanishing_generator_gradient", "exploding_critic_gradient", "dead_units"),
    *("mode_collapse", "disjoint_supports"),
]


@pytest.mark.parametrize("name", MINE)
def test_a_gan_that_trains_well_has_no_finding_above_a_note(name: str, well: Patient) -> None:
    assert severity(look(well, name)) in (None, NOTE)


@pytest.mark.parametrize("name", MINE)
@pytest.mark.parametrize("loss", ["nonsaturating", "wasserstein"])
def test_new_networks_have_no_illness(name: str, loss: str) -> None:
    penalties = ("wgan_gp=10",) if loss == "wasserstein" else ("r1=1",)
    assert severity(look(patient(loss=loss, penalties=penalties), name)) != ILLNESS


# Gradients and scores -------------------------------------------------------------------------------------------------


def test_a_perfect_discriminator_is_saturated_and_its_minimax_gradient_vanishes(perfect: Patient) -> None:
    assert severity(look(perfect, "saturated_discriminator")) == ILLNESS
    seen = look(perfect, "vanishing_generator_gradient")
    assert severity(seen) == ILLNESS
    assert "the loss passes little of it on" in seen.why


def test_the_swapped_loss_passes_on_what_minimax_loses(perfect: Patient) -> None:
    swapped = patient(data=RING + 3, penalties=())
    seen = look(Patient(**{**vars(swapped), "start": perfect.start}), "vanishing_generator_gradient")
    assert severity(seen) is None


def test_a_flat_discriminator_passes_nothing_on() -> None:
    flat = net(2, 1, activation=nn.Tanh)
    flat[0].weight.data *= 400  # steps between the data and the fakes, and no slope elsewhere
    flat[0].bias.data.fill_(-600.0)
    seen = look(patient(discriminator=flat, data=RING + 3, penalties=()), "vanishing_generator_gradient")
    assert severity(seen) == ILLNESS
    assert "flat where the fakes are" in seen.why


def test_a_generator_in_the_flat_part_of_its_tanh_is_stuck() -> None:
    stuck = net(8, 2, nn.Tanh())
    stuck[4].bias.data.fill_(12.0)
    seen = look(patient(generator=stuck), "vanishing_generator_gradient")
    assert severity(seen) == ILLNESS
    assert "hardly follow" in seen.why


def test_a_wasserstein_loss_never_saturates() -> None:
    seen = look(trained(patient(data=RING + 3, loss="wasserstein", penalties=(), player_steps=(1, 20)), 4),
                "saturated_discriminator")  # fmt: skip
    assert severity(seen) is None
    assert seen.evidence[0].value == pytest.approx(0.0, abs=1e-6)


def test_a_wasserstein_critic_that_nothing_bounds_explodes() -> None:
    wild = trained(patient(loss="wasserstein", penalties=(), lr=2e-2, player_steps=(1, 10), data=RING + 3), 12)
    seen = look(wild, "exploding_critic_gradient")
    assert severity(seen) == ILLNESS
    assert "nothing bounds it" in seen.why


def test_slopes_are_measured_as_they_are() -> None:
    line = nn.Linear(2, 1)
    line.weight.data = torch.tensor([[3.0, 4.0]])  # slope 5 everywhere
    seen = look(patient(discriminator=line, loss="wasserstein", penalties=()), "exploding_critic_gradient")
    assert seen.evidence[0].value == pytest.approx(5.0, rel=1e-6)


def test_weights_that_are_not_finite_are_told() -> None:
    class Root(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.abs().sum(1).sub(x.abs().sum(1)).sqrt()  # 0 with an infinite slope

    seen = look(
        patient(discriminator=nn.Sequential(nn.Linear(2, 2), Root()), penalties=()), "exploding_critic_gradient"
    )
    assert severity(seen) == ILLNESS


@pytest.mark.parametrize("own", [0.9, 0.0])
def test_auc_is_the_share_of_pairs_in_order(own: float) -> None:
    rng = np.random.default_rng(1)
    real, fake = rng.standard_normal(60) + own, rng.standard_normal(50)
    pairs = np.mean(real[:, None] > fake[None])
    assert auc(real, fake)[0] == pytest.approx(float(pairs), abs=1e-12)


# Data -----------------------------------------------------------------------------------------------------------------


def test_memorized_data_are_an_overfit_and_fresh_ones_are_not() -> None:
    # fakes of the data's own law, nearly: only what is learned by heart tells them apart
    noise = torch.as_tensor(np.random.default_rng(0).standard_normal((440, 24)), dtype=torch.float32)
    same = nn.Linear(24, 24)
    same.weight.data, same.bias.data = torch.eye(24), torch.zeros(24)
    options: Any = {"generator": same, "latent": 24, "penalties": (), "player_steps": (1, 60)}
    few = patient(discriminator=net(24, 1, width=128), data=noise[:40], held_out=noise[40:], **options)
    assert severity(look(trained(few, 4), "discriminator_overfit", depth="standard")) == ILLNESS
    many = patient(discriminator=net(24, 1, width=128), data=noise[:220], held_out=noise[220:], **options)
    assert severity(look(many, "discriminator_overfit")) is None


def test_overfit_is_unknown_without_held_out_data() -> None:
    seen = look(patient(), "discriminator_overfit")
    assert seen.status == "unknown"
    assert "held_out" in seen.why


def test_the_ratio_of_overfit_is_that_of_the_mean_scores() -> None:
    class First(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1))

        def forward(self, x: Tensor) -> Tensor:
            return self.scale * x[:, 0]

    rng = np.random.default_rng(0)
    data, kept = (torch.as_tensor(rng.normal(m, 0.1, (300, 2)), dtype=torch.float32) for m in (1.0, 0.4))
    generator = nn.Linear(8, 2)
    generator.weight.data *= 0.1
    generator.bias.data.zero_()
    seen = look(patient(generator=generator, discriminator=First(), data=data, held_out=kept), "discriminator_overfit")
    assert seen.evidence[0].value == pytest.approx(0.6, abs=0.05)  # (1 - 0.4) / (1 - 0)
    assert severity(seen) == ILLNESS


def test_supports_that_nothing_bridges_are_disjoint(perfect: Patient) -> None:
    seen = look(perfect, "disjoint_supports")
    assert severity(seen) == ILLNESS
    assert "found out" in seen.why


def test_disjoint_supports_under_a_penalty_are_a_note() -> None:
    assert severity(look(patient(data=RING + 3), "disjoint_supports")) == NOTE


def test_a_probe_tells_nothing_of_fakes_that_are_real() -> None:
    data = torch.as_tensor(np.random.default_rng(0).standard_normal((900, 8)), dtype=torch.float32)
    generator = nn.Linear(8, 8)
    generator.weight.data = torch.eye(8)
    generator.bias.data.zero_()
    seen = look(patient(generator=generator, discriminator=net(8, 1), data=data), "disjoint_supports")
    assert severity(seen) is None
    number = seen.evidence[0]
    assert abs(number.value - 0.5) < 4 * number.uncertainty


def test_a_probe_that_does_not_fit_into_the_budget_is_not_trained() -> None:
    seen = look(patient(), "disjoint_supports", budget=0.15)
    assert seen.status == "unknown"
    assert "budget" in seen.why


@pytest.mark.parametrize(("modes", "ill"), [((0.0, 4.0), True), (tuple(map(float, range(8))), False)])
def test_two_modes_of_eight_are_a_collapse(modes: tuple[float, ...], ill: bool) -> None:
    class Copies(nn.Module):
        """Draws the data of some modes, with a parameter that does nothing to speak of."""

        def __init__(self) -> None:
            super().__init__()
            self.shift = nn.Parameter(torch.zeros(2))
            rows = RING[torch.isin(MODE, torch.tensor(modes))]
            self.rows = nn.Parameter(rows, requires_grad=False)

        def forward(self, z: Tensor) -> Tensor:
            which = (torch.special.ndtr(z[:, 0]) * len(self.rows)).long().clamp(0, len(self.rows) - 1)
            return self.rows[which] + 0.01 * z[:, :2] + self.shift

    seen = look(patient(generator=Copies()), "mode_collapse", depth="standard")
    assert severity(seen) == (ILLNESS if ill else None)
    wanted = 1 - len(modes) / 8
    assert seen.evidence[0].value == pytest.approx(wanted, abs=0.06 + 3 * seen.evidence[0].uncertainty)


@pytest.mark.parametrize("shape", [(60, 40), (40, 90)])
def test_principal_axes_are_those_of_the_svd(shape: tuple[int, int]) -> None:
    rows = np.random.default_rng(0).standard_normal(shape)
    wanted = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)[2][:VIEW]
    found = axes_of(rows)
    np.testing.assert_allclose(found @ found.T, wanted.T @ wanted, atol=1e-9)  # the same subspace, orthonormal


@pytest.mark.parametrize("count", [1, 3, 8])
def test_clumps_are_counted(count: int) -> None:
    angle = 2 * np.pi * np.arange(count) / count
    centers = np.stack([np.cos(angle), np.sin(angle)], axis=1) * (count > 1)
    assert kinds(np.repeat(centers, 40, axis=0)) == pytest.approx(count, rel=0.05)


def test_a_generator_that_ignores_its_input_is_a_collapse() -> None:
    class Deaf(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = net(8, 2)

        def forward(self, z: Tensor) -> Tensor:
            return self.inner(torch.zeros_like(z))

    seen = look(patient(generator=Deaf()), "mode_collapse")
    assert severity(seen) == ILLNESS
    assert "ignores its input" in seen.why


def test_a_last_layer_that_starts_at_zero_is_no_illness() -> None:
    zero = net(8, 2)
    zero[4].weight.data.zero_()
    assert severity(look(patient(generator=zero), "mode_collapse")) == WARNING


@pytest.mark.parametrize(
    ("end", "data", "wanted"),
    [
        (nn.Tanh(), RING * 100 + 128, ILLNESS),  # bytes
        (nn.Tanh(), (RING + 1.1) / 2.2, WARNING),  # [0, 1] is half of the range
        (nn.Tanh(), RING / 1.2, None),
        (nn.Sigmoid(), RING, ILLNESS),
        (nn.Sigmoid(), (RING + 1.1) / 2.2, None),
        (nn.ReLU(), RING, ILLNESS),
        (None, RING * 100 + 128, ILLNESS),
        (None, RING, None),
    ],
)
def test_the_range_of_data_is_held_against_the_generators(end: Any, data: Tensor, wanted: str | None) -> None:
    assert severity(look(patient(generator=net(8, 2, end), data=data), "wrong_data_range")) == wanted


# Losses ---------------------------------------------------------------------------------------------------------------


def _bce(labels: float) -> Any:
    return lambda y: nn.functional.binary_cross_entropy(y, torch.full_like(y, labels))


PROBABILITIES = (_bce(1.0), lambda r, f: _bce(1.0)(r) + _bce(0.0)(f))
OWN = (lambda f: softplus(-f).mean(), lambda r, f: softplus(-r).mean() + softplus(f).mean())


@pytest.mark.parametrize(
    ("end", "loss", "wanted"),
    [
        (nn.Sigmoid(), "nonsaturating", "wants them further out"),
        (nn.Sigmoid(), OWN, "wants them further out"),
        (nn.Tanh(), "wasserstein", "wants them further out"),
        (nn.Sigmoid(), "least_squares,a=-1,b=1,c=0", "wants them further out"),
        (nn.Sigmoid(), "least_squares", None),
        (nn.Tanh(), "hinge", None),
        (nn.Sigmoid(), PROBABILITIES, None),
        (None, PROBABILITIES, "takes probabilities"),
        (None, "nonsaturating", None),
        (None, OWN, None),
    ],
)
def test_the_last_activation_is_held_against_the_loss(end: Any, loss: Any, wanted: str | None) -> None:
    seen = look(patient(discriminator=net(2, 1, end), loss=loss), "loss_mismatch")
    assert severity(seen) == (None if wanted is None else ILLNESS)
    assert wanted is None or wanted in seen.why


def test_a_sigmoid_that_the_graph_hides_is_found_by_its_bounds() -> None:
    class Hidden(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            return x.sigmoid()

        @staticmethod
        def backward(ctx: Any, *grads: Tensor) -> Tensor:
            (x,) = ctx.saved_tensors
            return grads[0] * x.sigmoid() * (1 - x.sigmoid())

    class End(nn.Module):
        def forward(self, x: Tensor) -> Any:
            return Hidden.apply(3 * x)

    seen = look(patient(discriminator=net(2, 1, End())), "loss_mismatch")
    assert severity(seen) == ILLNESS
    assert "are bounded" in seen.why


@pytest.mark.parametrize(
    ("generator", "critic", "wanted"),
    [
        (lambda f: softplus(f).mean(), OWN[1], "the labels of one of them are swapped"),
        (OWN[0], lambda r, f: softplus(r).mean() + softplus(-f).mean(), "the labels of one of them are swapped"),
        (OWN[0], lambda r, f: softplus(-r).mean() + softplus(-f).mean(), "does not part them"),
        (lambda f: softplus(-f.detach()).mean() + 0 * f.sum(), OWN[1], "passes no gradient"),
    ],
)
def test_swapped_labels_are_found(generator: Any, critic: Any, wanted: str) -> None:
    seen = look(patient(loss=(generator, critic)), "loss_mismatch")
    assert severity(seen) == ILLNESS
    assert wanted in seen.why


def test_a_discriminator_trained_with_other_labels_is_told() -> None:
    swapped = (lambda f: softplus(f).mean(), lambda r, f: softplus(r).mean() + softplus(-f).mean())
    there = trained(patient(loss=swapped, penalties=(), player_steps=(1, 100), lr=2e-3, data=RING + 2), 2)
    named = patient(data=RING + 2)
    seen = look(Patient(**{**vars(named), "start": there.start}), "loss_mismatch")
    assert severity(seen) == WARNING
    assert "scores fakes above real data" in seen.why


def test_a_known_mistake_in_own_functions_is_named() -> None:
    swapped = (lambda f: softplus(f).mean(), lambda r, f: softplus(r).mean() + softplus(-f).mean())
    seen = look(patient(loss=swapped), "loss_mismatch")
    assert severity(seen) == WARNING
    assert "sides exchanged" in seen.why


# Modules --------------------------------------------------------------------------------------------------------------


def normed(norm: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Linear(2, 16), norm, nn.LeakyReLU(0.2), nn.Linear(16, 1))


@pytest.mark.parametrize(
    ("norm", "penalties", "wanted"),
    [
        (nn.BatchNorm1d(16), ("r1=1",), ILLNESS),
        (nn.BatchNorm1d(16), ("wgan_gp=10",), ILLNESS),
        (nn.BatchNorm1d(16).eval(), ("r1=1",), None),
        (nn.BatchNorm1d(16), (), None),
        (nn.LayerNorm(16), ("r1=1",), NOTE),  # third derivatives only
        (nn.GroupNorm(4, 16), ("r1=1",), None),
        (nn.Identity(), ("r1=1",), None),
    ],
)
def test_norms_under_penalties(norm: nn.Module, penalties: Any, wanted: str | None) -> None:
    seen = look(patient(discriminator=normed(norm), penalties=penalties), "normalisation_breaks_penalty")
    assert severity(seen) == wanted


def test_untrusted_third_derivatives_are_a_warning_where_the_method_uses_them() -> None:
    from tussle.adjust import consensus

    bent = patient(discriminator=normed(nn.LayerNorm(16)), adjust=[consensus(1.0)])
    seen = look(bent, "normalisation_breaks_penalty")
    assert severity(seen) == WARNING
    assert "(LayerNorm)" in seen.why


class InPlace(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        y = x.sigmoid()
        z = 2 * y
        y.mul_(2)
        return z * y


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.into = nn.Linear(2, 4)

    def forward(self, x: Tensor) -> Tensor:
        h = self.into(x).view(-1, 1, 2, 2)
        return nn.functional.scaled_dot_product_attention(h, h, h).flatten(1)


class Once(torch.autograd.Function):
    """A tanh whose backward hides its own derivative."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.tanh()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grads[0] * (1 - x.detach().tanh() ** 2)


class Silent(nn.Module):
    def forward(self, x: Tensor) -> Any:
        return Once.apply(2 * x)


class Half(nn.Module):
    def __init__(self, kind: torch.dtype) -> None:
        super().__init__()
        self.inner, self.kind = net(2, 1, activation=nn.Softplus), kind

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=self.kind):
            return self.inner(x).float()


def between(module: nn.Module, width: int = 16) -> nn.Module:
    return nn.Sequential(nn.Linear(2, width), module, nn.Linear(width, 1))


@pytest.mark.parametrize(
    ("discriminator", "wanted", "words"),
    [
        (between(InPlace()), ILLNESS, r"1 (InPlace)"),
        (nn.Sequential(Attention(), nn.Linear(4, 1)), ILLNESS, "0 (Attention)"),
        (between(Silent()), ILLNESS, "without an error being raised (its own functions: Once)"),
        (nn.DataParallel(net(2, 1)), WARNING, "DataParallel"),
        (Half(torch.float16), WARNING, "float16"),
        (Half(torch.bfloat16), None, ""),
        (between(nn.ReLU(inplace=True)), None, ""),
        (between(nn.Tanh()), None, ""),
    ],
)
def test_what_cannot_be_differentiated_twice_is_named(discriminator: nn.Module, wanted: Any, words: str) -> None:
    seen = look(patient(discriminator=discriminator), "double_backward_unsafe")
    assert severity(seen) == wanted
    assert words in seen.why


def test_without_penalties_an_unsafe_module_is_a_warning() -> None:
    seen = look(
        patient(discriminator=nn.Sequential(Attention(), nn.Linear(4, 1)), penalties=()), "double_backward_unsafe"
    )
    assert severity(seen) == WARNING


def test_a_compiled_part_is_named_and_examined_without_its_compilation() -> None:
    class OptimizedModule(nn.Module):  # as torch.compile wraps it; importing the compiler takes seconds
        def __init__(self, inner: nn.Module) -> None:
            super().__init__()
            self._orig_mod = inner

        def forward(self, x: Tensor) -> Tensor:
            raise AssertionError("the compiled module was called")

    seen = look(patient(discriminator=nn.Sequential(OptimizedModule(net(2, 8)), nn.Linear(8, 1))),
                "double_backward_unsafe")  # fmt: skip
    assert severity(seen) == ILLNESS
    assert "0 of the discriminator is compiled" in seen.why


@pytest.mark.parametrize(("dead", "wanted"), [(0, None), (24, WARNING), (30, ILLNESS)])
def test_dead_units_are_counted(dead: int, wanted: str | None) -> None:
    discriminator = net(2, 1)
    discriminator[0].weight.data[:] = torch.randn(32, 2, generator=torch.Generator().manual_seed(0))
    discriminator[0].bias.data[:] = 0.0
    discriminator[0].bias.data[:dead] = -100.0
    seen = look(patient(discriminator=discriminator), "dead_units")
    assert severity(seen) == wanted
    if dead:
        assert seen.evidence[0].value == dead / 32


def test_units_of_a_functional_activation_are_seen() -> None:
    class Functional(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.into, self.out = nn.Linear(8, 32), nn.Linear(32, 2)
            self.into.bias.data.fill_(-100.0)

        def forward(self, z: Tensor) -> Tensor:
            return self.out(nn.functional.relu(self.into(z)))

    seen = look(patient(generator=Functional()), "dead_units")
    assert severity(seen) == ILLNESS
    assert "generator: relu" in seen.why


# Healthy --------------------------------------------------------------------------------------------------------------


def test_health_says_what_was_checked_and_what_was_not() -> None:
    told = healthy([clear("plateau", "it moves"), unknown("rotation", "no time")], interrupted=True)
    assert (told.name, told.severity, told.confidence) == ("healthy", NOTE, 0.5)
    assert "not checked: rotation" in told.words
    assert "interrupted" in told.words
    assert healthy([]).confidence == 0.0


def test_every_check_has_a_name_of_a_finding() -> None:
    assert set(MINE) | {"discriminator_overfit", "healthy"} <= set(NAMES)
