"""Adoption and diagnosis leave a user's modules, gradients, buffers, modes and random numbers as they were."""

import copy
import random
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tussle.doctor.adopt import adopt
from tussle.doctor.diagnose import diagnose
from tussle.doctor.patient import changes, snapshot

NAMES = (
    *("double_backward_unsafe", "normalisation_breaks_penalty", "wrong_data_range", "loss_mismatch"),
    *("saturated_discriminator", "vanishing_generator_gradient", "exploding_critic_gradient", "dead_units"),
    *("mode_collapse", "discriminator_overfit", "disjoint_supports"),
)
DATA = torch.as_tensor(np.random.default_rng(0).standard_normal((120, 3)), dtype=torch.float32)


def state(modules: Any) -> dict[str, Any]:
    """Return all that must stay, read in another way than the library's own."""
    found: dict[str, Any] = {"torch": torch.get_rng_state().tolist(), "python": random.getstate()}
    numbers: Any = np.random.get_state()  # noqa: NPY002
    found["numpy"] = (numbers[1].tolist(), *numbers[2:])
    for k, one in enumerate(modules):
        found[f"{k} values"] = {name: value.tolist() for name, value in one.state_dict().items()}
        found[f"{k} gradients"] = [None if p.grad is None else p.grad.tolist() for p in one.parameters()]
        found[f"{k} addresses"] = [p.data_ptr() for p in one.parameters()]
        found[f"{k} modes"] = [m.training for m in one.modules()]
        found[f"{k} trainable"] = [p.requires_grad for p in one.parameters()]
        found[f"{k} hooks"] = [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in one.modules()]
    return found


def batch_norm() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.LeakyReLU(0.2), nn.Linear(8, 1))


def spectral_norm() -> nn.Module:
    return nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Linear(3, 8)), nn.ReLU(), nn.Linear(8, 1))


def dropout() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.3), nn.Tanh(), nn.Linear(8, 1))


def mixed_modes() -> nn.Module:
    made = batch_norm()
    made[1].eval()
    made[0].weight.requires_grad_(False)
    return made


@pytest.mark.parametrize("discriminator", [batch_norm, spectral_norm, dropout, mixed_modes])
def test_a_diagnosis_leaves_everything_as_it_was(discriminator: Any) -> None:
    torch.manual_seed(1)
    modules = (nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3)), discriminator())
    modules[1](modules[0](torch.randn(16, 2))).sum().backward()  # gradients and running statistics
    before = state(modules)
    loader = DataLoader(TensorDataset(DATA), 32, shuffle=True)
    draw = lambda n: torch.randn(n, 2) * random.random() * np.random.rand()  # noqa: NPY002
    held = DATA[:40] + 0.1
    gan = adopt(*modules, loss="nonsaturating", penalties=["r1=1"], data=loader, latent=draw, held_out=held, seed=0)
    assert state(modules) == before
    report = diagnose(gan, names=NAMES, cures=False, depth="quick")
    assert state(modules) == before
    assert [one.name for one in report.checks if one.status == "ran"] != []


def test_the_random_numbers_of_a_loader_go_on_as_before() -> None:
    own = torch.Generator().manual_seed(3)
    loader = DataLoader(TensorDataset(DATA), 32, shuffle=True, generator=own)
    before = own.get_state()
    adopt(nn.Linear(2, 3), nn.Linear(3, 1), loss="hinge", data=loader, latent=2)
    assert torch.equal(own.get_state(), before)


@pytest.mark.parametrize(
    ("touch", "name"),
    [
        (lambda m: m[1].weight.data.add_(1e-3), "1.weight"),
        (lambda m: m[0].eval(), "0..mode"),
        (lambda m: m[1].weight.requires_grad_(False), "1.weight.wanted"),
        (lambda m: m[0](torch.zeros(2, 2)).sum().backward(), "0.0.weight.grad"),
        (lambda m: m[0](torch.ones(2, 2)), "0.1.running_mean.buffer"),
        (lambda m: torch.rand(1), "torch"),
        (lambda m: np.random.rand(), "numpy position"),  # noqa: NPY002
        (lambda m: random.random(), "python"),
    ],
)
def test_every_change_is_noticed(touch: Any, name: str) -> None:
    modules = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)), nn.Linear(3, 1)
    before = snapshot(modules)
    assert changes(before, snapshot(modules)) == []
    touch(modules)
    assert name in changes(before, snapshot(modules))


def test_a_diagnosis_that_changed_something_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    modules = nn.Linear(2, 3), nn.Linear(3, 1)
    gan = adopt(*modules, loss="hinge", data=DATA, latent=2)
    plain = diagnose.__globals__["run_check"]

    def clumsy(check: Any, exam: Any) -> Any:
        modules[0].bias.data.add_(1.0)
        return plain(check, exam)

    monkeypatch.setitem(diagnose.__globals__, "run_check", clumsy)
    with pytest.raises(RuntimeError, match=r"changed 0\.bias of the user's own"):
        diagnose(gan, names=["wrong_data_range"], cures=False, depth="quick")


def test_players_are_copies() -> None:
    modules = nn.Linear(2, 3), nn.Linear(3, 1)
    kept = copy.deepcopy(modules)
    gan = adopt(*modules, loss="hinge", data=DATA, latent=2)
    for vector in gan.start:
        vector.add_(1.0)
    for one, before in zip(modules, kept, strict=True):
        assert all(map(torch.equal, one.parameters(), before.parameters()))
