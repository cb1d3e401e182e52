"""Certificates of an end state: the published table, and quadrature against the closed forms."""

import math

import numpy as np
import pytest
from scipy import integrate

import tussle
from battery import printed
from tussle.game import split
from tussle.lowdim.optimality import between, law_of, mao_optimum, optimality, shifted_exponentials

# Spec 5.3: J, D+, D-, TV, KL, 1 + D+ - J, mean error.
TABLE = {
    ("A", "b,h", 0): "1.344168 0.736403 0 0.736403 1.37898 0.392234 -2.5",
    ("A", "b,h", 249): "0.998770 0.006000 0.511625 0.517624 inf 0.007229 0.9333",
    ("A", "a,b,g,h", 249): "0.998313 0 0.351414 0.351414 inf 0.001687 2.0802",
    ("B", "b,h", 249): "0.999113 0.313801 0.035039 0.348840 0.43022 0.314688 -0.0293",
    ("B", "a,b,g,h", 249): "0.999178 0.060578 0.701495 0.762073 1.73174 0.061400 2.8599",
}


@pytest.mark.parametrize("key", TABLE)
def test_the_published_table_of_certificates(key):
    case, free, steps = key
    model = tussle.models.erf_lsgan(case, free=free)
    method = tussle.Map(tussle.Field(model.game), tussle.simultaneous(tussle.sgd(0.4)))
    end = tussle.run(method, model.start, steps, keep=tussle.Keep.ends()).end
    found = optimality(model, split(end, model.game.sizes))
    seen = [found.value, found.d_plus, found.d_minus, found.tv, found.kl, found.monotone_gain, found.mean_error]
    for value, text in zip(seen, TABLE[key].split(), strict=True):
        assert math.isinf(value) if text == "inf" else value == printed(text) or text == "0" == f"{value:.0g}"
    assert found.unrestricted_gain == pytest.approx(1 + found.tv - found.value, abs=1e-15)
    assert found.ks == max(found.d_plus, found.d_minus)


@pytest.mark.parametrize(
    "row", ["1.5 -2 .5 0.206182917641816", "1.5 1.4 .5 0.325428639140064", "2.5 .3 1 0.363428813258485", "1 0 1 0.5"]
)
def test_the_best_label_discriminator_in_closed_form(row):
    g, h, c, value = row.split()
    assert mao_optimum(float(g), float(h), float(c)) == printed(value, 2.0)  # the 15th digit is at rounding


@pytest.mark.parametrize(
    ("g", "h", "c"),
    [(1.5, -2.0, 0.5), (1.5, 1.4, 0.5), (0.35, -0.13, 4.04), (2.0, 0.0, 0.5), (1.0, 0.5, 0.5 + 1e-12)],
)
def test_closed_forms_and_quadrature_agree(g, h, c):
    closed = shifted_exponentials(g, h, c)
    numeric = between(tussle.Exponential(c), tussle.Located(tussle.Exponential(), h, g))
    for name, value in closed.items():
        assert numeric[name] == pytest.approx(value, abs=2e-12), name


def test_wasserstein_is_the_integral_of_the_gap_of_survival_functions():
    g, h, c = 0.7, 0.4, 0.9
    gap = lambda x: abs(math.exp(-c * max(x, 0.0)) - math.exp(-max(x - h, 0.0) / g))
    exact = sum(integrate.quad(gap, *ends, epsabs=1e-13, limit=200)[0] for ends in ((0, h), (h, 3.0), (3.0, 60.0)))
    assert shifted_exponentials(g, h, c)["w1"] == pytest.approx(exact, abs=1e-9)


def test_normal_laws_are_compared_by_quadrature():
    model = tussle.models.erf_lsgan(a=1.0, b=-0.5, g=0.6, h=-1.0, latent="normal", data=tussle.Normal(1.0, 1.0))
    found = optimality(model, model.start)
    d, s = -2.0, 0.6
    assert found.kl == pytest.approx(math.log(s) + (1 + d * d) / (2 * s * s) - 0.5, rel=1e-11)
    assert found.mean_error == pytest.approx(d, abs=1e-12)
    assert found.variance_error == pytest.approx(s * s - 1, abs=1e-11)


def test_parts_go_back_to_their_law():
    law = tussle.Mixture((tussle.Laplace(1.0, 0.5), tussle.Erlang(3, 2.0)), (0.4, 0.6))
    from tussle.moments import parts_of

    again = law_of(parts_of(law), 0.3, 2.0)
    x = np.array([-1.0, 0.7, 3.0])
    moved = tussle.Located(law, 0.3, 2.0)
    assert np.exp(again.log_density(x[:, None])) == pytest.approx(np.exp(moved.log_density(x[:, None])), rel=1e-12)


def test_only_the_papers_cost_has_gains():
    model = tussle.models.erf_lsgan("A", cost="zero_sum")
    assert optimality(model, model.start).monotone_gain is None
