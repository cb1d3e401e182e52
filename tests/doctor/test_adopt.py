"""Adoption: what comes in as a user's own goes on as the user's own loop would; what cannot is refused in words."""

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import Tensor, nn

from tussle.doctor.adopt import adopt, bare, read_pace
from tussle.game import placed
from tussle.paces import Adam

DATA = torch.as_tensor(np.random.default_rng(0).standard_normal((64, 3)), dtype=torch.float32)
softplus = nn.functional.softplus


def pair() -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    return (
        nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 3)),
        nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1)),
    )


def taken(generator: Any = None, discriminator: Any = None, **options: Any) -> Any:
    first, second = pair()
    kept = {"loss": "nonsaturating", "data": DATA, "latent": 2} | options
    return adopt(generator or first, discriminator or second, **kept)


# The user's own loop --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("warm", [0, 4])
@pytest.mark.parametrize("penalized", [False, True])
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (torch.optim.Adam, {"lr": 2e-3, "betas": (0.5, 0.9)}),
        (torch.optim.Adam, {"lr": 2e-3, "betas": (0.0, 0.99), "eps": 1e-4}),
        (torch.optim.RMSprop, {"lr": 1e-3, "alpha": 0.9}),
        (torch.optim.SGD, {"lr": 0.05, "momentum": 0.9}),
        (torch.optim.SGD, {"lr": 0.05}),
    ],
)
def test_a_step_is_one_of_the_users_own_loop(kind: Any, options: Any, penalized: bool, warm: int) -> None:
    modules = tuple(m.double() for m in pair())
    paces = kind(modules[0].parameters(), **options), kind(modules[1].parameters(), **options | {"lr": 1e-2})

    def own_step(real: Tensor, z: Tensor) -> None:
        real = real.requires_grad_()
        out = modules[1](real)
        value = softplus(-out).mean() + softplus(modules[1](modules[0](z).detach())).mean()
        if penalized:
            (slope,) = torch.autograd.grad(out.sum(), real, create_graph=True)
            value = value + 0.5 * 3.0 * slope.square().sum(1).mean()
        paces[1].zero_grad()
        value.backward()
        paces[1].step()
        paces[0].zero_grad()
        softplus(-modules[1](modules[0](z))).mean().backward()
        paces[0].step()

    rng = np.random.default_rng(1)
    draw = lambda d: torch.as_tensor(rng.standard_normal((16, d)))
    for _ in range(warm):
        own_step(draw(3), draw(2))
    gan = adopt(*modules, loss="nonsaturating", penalties=["r1=3"] if penalized else [], data=DATA.double(), latent=2,
                pace=paces, batch=16)  # fmt: skip
    point, state = gan.start, gan.state
    for k in range(3):
        batch = placed(gan.game.sampler(16)(0, k), point[0])
        point, state, _ = gan.method.step(point, state, batch)
        own_step(batch.real.points.clone(), batch.latent.points)
    for vector, module in zip(point, modules, strict=True):
        wanted = torch.cat([p.detach().reshape(-1) for p in module.parameters()])
        assert float((vector - wanted).abs().max()) < 1e-12  # float64; the steps are of 1e-3 and more


def test_what_the_optimizers_leave_open_is_said() -> None:
    modules = pair()
    paces = (
        torch.optim.AdamW(modules[0].parameters(), 1e-3, weight_decay=0.1),
        torch.optim.AdamW(list(modules[1].parameters())[:2], 1e-3, betas=(0.5, 0.9)),
    )
    said = " ".join(taken(*modules, pace=paces).assumed)
    assert "weight decay" in said
    assert "leaves 2 of its parameter tensors out" in said
    assert "betas and eps of the generator's optimizer" in said
    assert "64 samples a batch" in said


def test_moments_are_not_taken_over_by_a_rule_with_a_state_of_its_own() -> None:
    modules = pair()
    paces = tuple(torch.optim.Adam(m.parameters(), 1e-3) for m in modules)
    said = " ".join(taken(*modules, pace=paces, rule="extragradient").assumed)
    assert "moments were not taken over" in said


@pytest.mark.parametrize(
    ("make", "wanted"),
    [
        (
            lambda g, d: (torch.optim.Adam(d.parameters()), torch.optim.Adam(g.parameters())),
            "those of the discriminator",
        ),
        (
            lambda g, d: (torch.optim.Adam(g.parameters()), torch.optim.SGD(d.parameters(), 0.1)),
            "both must be of one kind",
        ),
        (lambda g, d: tuple(torch.optim.Adam(m.parameters(), amsgrad=True) for m in (g, d)), "amsgrad"),
        (lambda g, d: tuple(torch.optim.Adam(m.parameters(), maximize=True) for m in (g, d)), "maximize"),
        (
            lambda g, d: tuple(torch.optim.SGD(m.parameters(), 0.1, momentum=0.9, nesterov=True) for m in (g, d)),
            "nesterov",
        ),
        (lambda g, d: tuple(torch.optim.RMSprop(m.parameters(), centered=True) for m in (g, d)), "centered"),
        (
            lambda g, d: tuple(torch.optim.Adam([{"params": [p]} for p in m.parameters()]) for m in (g, d)),
            "4 groups of parameters",
        ),
        (lambda g, d: 3.0, "`pace` is 3.0; it may be a pace"),
        (lambda g, d: "adam,lr=fast", "its options are numbers"),
        (lambda g, d: "adam,gamma=1", "do not fit"),
        (lambda g, d: "adagrad", "`pace` is 'adagrad'"),
    ],
)
def test_paces_that_the_library_has_not_are_refused(make: Any, wanted: str) -> None:
    modules = pair()
    with pytest.raises(ValueError, match=wanted):
        taken(*modules, pace=make(*modules))


def test_a_pace_is_read_from_a_text() -> None:
    pace = read_pace("adam,lr=2e-4,beta1=0.5")
    assert isinstance(pace, Adam)
    assert (pace.lr, pace.beta1, pace.beta2) == (2e-4, 0.5, 0.999)


# Modules --------------------------------------------------------------------------------------------------------------


class Raises(nn.Module):
    def __init__(self, kind: type[Exception]) -> None:
        super().__init__()
        self.weight, self.kind = nn.Parameter(torch.ones(1)), kind

    def forward(self, x: Tensor) -> Tensor:
        raise self.kind("no such thing")


class Labeled(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.inner, self.table = nn.Linear(inputs, outputs), nn.Embedding(4, outputs)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.inner(x) + self.table(y)


@pytest.mark.parametrize(
    "kind", [RuntimeError, ValueError, KeyError, AssertionError, AttributeError, ZeroDivisionError]
)
@pytest.mark.parametrize("which", ["generator", "discriminator"])
def test_a_module_that_raises_in_forward_is_named(which: str, kind: type[Exception]) -> None:
    with pytest.raises(ValueError, match=rf"`{which}` (failed|raised).*no such thing"):
        taken(**{which: Raises(kind)})


def test_modules_on_different_devices_are_refused() -> None:
    with pytest.raises(ValueError, match=r"on meta and `discriminator` torch\.float32 on cpu; they must agree"):
        taken(nn.Linear(2, 3, device="meta"))


def test_modules_without_values_are_refused() -> None:
    with pytest.raises(ValueError, match=r"`generator`.*device meta, where they have no values"):
        taken(nn.Linear(2, 3, device="meta"), nn.Linear(3, 1, device="meta"))


def test_a_module_in_two_places_is_refused() -> None:
    split = nn.Sequential(nn.Linear(3, 3, device="meta"), nn.Linear(3, 1))
    with pytest.raises(ValueError, match="parameters of devices cpu, meta"):
        taken(discriminator=split)


@pytest.mark.parametrize("which", ["generator", "discriminator"])
def test_a_module_that_needs_labels_and_gets_none_is_told_how(which: str) -> None:
    made = Labeled(2, 3) if which == "generator" else Labeled(3, 1)
    with pytest.raises(ValueError, match=rf"`{which}` needs 2 inputs \(x, y\).*classes=K"):
        taken(**{which: made})


def test_labels_are_asked_for_where_there_are_classes() -> None:
    with pytest.raises(ValueError, match="`data` has no labels, and `classes` is 4"):
        taken(Labeled(2, 3), Labeled(3, 1), classes=4)


def test_a_label_beyond_the_classes_is_refused() -> None:
    with pytest.raises(ValueError, match="the label 5; labels go from 0 to classes - 1 = 3"):
        taken(Labeled(2, 3), Labeled(3, 1), classes=4, data=(DATA, torch.full((64,), 5)))


def test_conditional_modules_are_taken_with_their_labels() -> None:
    modules = Labeled(2, 3), Labeled(3, 1)
    y = torch.arange(64) % 4
    gan = adopt(*modules, loss="hinge", data=(DATA, y), latent=2, classes=4)
    with torch.no_grad():
        wanted = modules[1](DATA, y)[:, 0].numpy()
    np.testing.assert_allclose(gan.logits(gan.real), wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"data": DATA.clone().index_fill_(0, torch.tensor([3]), float("nan"))}, r"holds 1 sample\(s\) of 64 with nan"),
        ({"data": DATA[:1]}, r"`data` has 1 sample\(s\); a diagnosis needs at least 2"),
        ({"data": (DATA * 10).long()}, "must be of floating type"),
        ({"data": []}, "gave no batch"),
        ({"data": [DATA[:4], DATA[:4, :2]]}, "samples of shapes"),
        ({"data": 3}, "`data` is a int"),
        ({"held_out": DATA[:1]}, r"`held_out` has 1 sample\(s\)"),
        ({"held_out": DATA[:, :2]}, r"`held_out` has samples of shape \(2,\); they must have that of `data`, \(3,\)"),
        ({"latent": 5}, "`generator` failed on inputs of shape"),
        ({"latent": lambda n: None}, r"`latent`\(2\) returned NoneType"),
        ({"loss": 3}, "`loss` is 3"),
        ({"loss": "nonsense"}, "`loss` is 'nonsense'"),
        ({"penalties": ["r1=much"]}, "its weight must be a number"),
        ({"penalties": ["r3=1"]}, "`penalties` is 'r3'"),
        ({"rule": "nonsense"}, "`rule` is 'nonsense'"),
        ({"rule": "simultaneous", "player_steps": (1, 2)}, "only alternating has turns"),
        ({"batch": 0}, "`batch` is 0"),
        ({"classes": 0}, "`classes` is 0"),
    ],
)
def test_bad_input_is_refused_in_words(options: Any, wanted: str) -> None:
    with pytest.raises(ValueError, match=wanted):
        taken(**options)


def test_a_function_is_no_module() -> None:
    with pytest.raises(ValueError, match=r"`generator` is a function; it must be a torch\.nn\.Module"):
        taken(lambda z: z)


def test_a_generator_that_ignores_its_input_is_taken_for_the_diagnosis_to_tell() -> None:
    class Deaf(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.point = nn.Parameter(torch.ones(3))

        def forward(self, z: Tensor) -> Tensor:
            return self.point.expand(len(z), 3)

    assert np.ptp(taken(Deaf()).fakes(5), axis=0).max() == 0.0


def test_wrappers_are_taken_off() -> None:
    class OptimizedModule(nn.Module):
        def __init__(self, inner: nn.Module) -> None:
            super().__init__()
            self._orig_mod = inner

        def forward(self, x: Tensor) -> Tensor:
            raise AssertionError("the compiled module was called")

    inner = nn.Linear(3, 4)
    assert bare(nn.DataParallel(OptimizedModule(inner))) is inner
    nested = nn.Sequential(OptimizedModule(inner), nn.Linear(4, 1))
    gan = taken(discriminator=nested)
    with torch.no_grad():
        wanted = nested[1](inner(DATA))[:, 0].numpy()
    np.testing.assert_allclose(gan.logits(DATA.numpy()), wanted, rtol=1e-6, atol=1e-7)
    assert type(nested[0]).__name__ == "OptimizedModule"  # the user's own is as it was


def test_own_losses_are_the_functions_given() -> None:
    gan = taken(loss=(lambda f: -f.mean(), lambda r, f: (f - r).mean()))
    wasserstein = taken(loss="wasserstein")
    batch = placed(gan.game.sampler(16)(0, 0), gan.start[0])
    for own, named in zip(gan.field(gan.start, batch), wasserstein.field(wasserstein.start, batch), strict=True):
        np.testing.assert_allclose(own.numpy(), named.numpy(), rtol=1e-4, atol=1e-7)
