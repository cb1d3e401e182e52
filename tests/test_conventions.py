"""Conventions of penalty weights, as published."""

import numpy as np
import pytest

import tussle
from battery import printed
from tussle.conventions import gamma_for_resolution, lazy_weight


def test_a_reg_param_of_ten_is_a_gamma_of_twenty():
    assert tussle.gamma_from(10.0) == 20.0
    assert tussle.gamma_to(20.0) == 10.0
    assert tussle.gamma_from(10.0, "gamma/2") == tussle.gamma_to(10.0, "gamma/2") == 10.0


def test_a_gamma_of_ten_is_the_printed_noise():
    assert tussle.noise_from_gamma(10.0) == printed("4.472135955")
    assert tussle.gamma_from_noise(0.7) == pytest.approx(0.245, abs=1e-15)


@pytest.mark.parametrize("slope", [-0.25, -1.0])
def test_noise_and_gamma_are_converted_back_and_forth(slope):
    for gamma in (0.0, 0.3, 7.0):
        sigma = tussle.noise_from_gamma(gamma, slope)
        assert tussle.gamma_from_noise(sigma, slope) == pytest.approx(gamma, rel=1e-14)


def test_the_converted_noise_has_the_linearization_of_the_penalty():
    from tussle import models

    at = (0.0, 0.0)
    sigma = tussle.noise_from_gamma(0.3)
    noisy = tussle.field_jacobian(tussle.Field(models.dirac(noise=sigma).game), at)
    bent = tussle.field_jacobian(tussle.Field(models.dirac(penalties=[tussle.r1(0.3)]).game), at)
    assert noisy == pytest.approx(bent, abs=1e-13)


def test_rules_of_thumb():
    assert gamma_for_resolution(256, 32) == pytest.approx(0.0002 * 65536 / 32)
    assert lazy_weight(0.5, 16) == 8.0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: tussle.gamma_from(-1.0), "`value` is -1.0; it must be 0 or more"),
        (lambda: tussle.gamma_from(1.0, "gama"), "`convention` is 'gama'; .* did you mean `gamma`"),
        (lambda: tussle.gamma_to(np.inf), "`gamma` is inf; it must be finite"),
        (lambda: tussle.gamma_to(1.0, "x"), "`convention` is 'x'; it may be one of gamma, gamma/2"),
        (lambda: tussle.gamma_from_noise(-0.1), "`sigma` is -0.1"),
        (lambda: tussle.noise_from_gamma(-0.1), "`gamma` is -0.1"),
        (lambda: gamma_for_resolution(0, 8), "`resolution` is 0; it must be a whole number"),
        (lambda: gamma_for_resolution(64, 0.5), "`batch` is 0.5"),
        (lambda: lazy_weight(1.0, 0), "`interval` is 0"),
    ],
)
def test_a_wrong_weight_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
