"""Laws: densities and distribution functions are SciPy's, nodes integrate them, samples follow them."""

import numpy as np
import pytest
from scipy import integrate, stats

import tussle
from tussle.laws import composite

CASES = {
    "normal": (tussle.Normal(0.5, 1.7), stats.norm(0.5, 1.7)),
    "uniform": (tussle.Uniform(-1.0, 2.0), stats.uniform(-1.0, 3.0)),
    "exponential": (tussle.Exponential(2.5), stats.expon(scale=0.4)),
    "laplace": (tussle.Laplace(1.0, 0.7), stats.laplace(1.0, 0.7)),
    "rayleigh": (tussle.Rayleigh(1.3), stats.rayleigh(scale=1.3)),
    "erlang": (tussle.Erlang(3, 2.0), stats.gamma(3, scale=0.5)),
    "erlang of one": (tussle.Erlang(1, 2.0), stats.expon(scale=0.5)),
    "moved": (tussle.Located(tussle.Exponential(), 1.0, 2.0), stats.expon(1.0, 2.0)),
}
INSIDE = [0.05, 0.3, 0.77, 0.999]


@pytest.mark.parametrize("name", CASES)
def test_density_and_distribution_function_are_those_of_scipy(name):
    law, known = CASES[name]
    x = known.ppf(INSIDE)
    assert law.log_density(x[:, None]) == pytest.approx(known.logpdf(x), rel=1e-13, abs=1e-13)
    assert law.cdf(x) == pytest.approx(INSIDE, rel=1e-13)
    low, high = law.support
    assert (low[0], high[0]) == pytest.approx(known.support())


@pytest.mark.parametrize("name", CASES)
def test_panels_integrate_polynomials_and_steep_functions(name):
    law, known = CASES[name]
    nodes = composite(law, 24, 16)
    assert nodes.weights.sum() == pytest.approx(1.0, abs=1e-14)
    assert nodes.mean(nodes.points)[0] == pytest.approx(known.mean(), rel=1e-12)
    assert nodes.mean(nodes.points**2)[0] == pytest.approx(known.moment(2), rel=1e-12)
    steep = tussle.Panels(law, 8, 16, (0.5, 0.8, 1.0, 1.2, 1.5, 3.0)).nodes()
    exact = integrate.quad(lambda x: np.tanh(20 * (x - 1.0)) * known.pdf(x), *law.window[0], 1.0, epsabs=1e-13)[0]
    exact += integrate.quad(lambda x: np.tanh(20 * (x - 1.0)) * known.pdf(x), 1.0, *law.window[1], epsabs=1e-13)[0]
    assert steep.mean(np.tanh(20 * (steep.points[:, 0] - 1.0))) == pytest.approx(exact, abs=1e-7)


@pytest.mark.parametrize("name", CASES)
def test_samples_follow_the_distribution_function(name):
    law, _ = CASES[name]
    x = law.sample(np.random.default_rng(0), 4000)
    assert x.shape == (4000, 1)
    assert stats.kstest(x[:, 0], law.cdf).pvalue > 1e-3


def test_a_turned_law_lies_on_the_other_side():
    law = tussle.Located(tussle.Exponential(2.0), 1.0, -1.0)
    assert law.support[1][0] == 1.0
    assert law.cdf(np.array([0.5])) == pytest.approx(np.exp(-1.0))
    assert law.log_density(np.array([[0.5], [1.5]])) == pytest.approx([np.log(2.0) - 1.0, -np.inf])


def test_a_mixture_is_the_weighted_sum_of_its_laws():
    law = tussle.Mixture((tussle.Normal(-4.0, 1.0), tussle.Exponential(1.0)), (0.3, 0.7))
    x = np.array([-4.0, 0.5])
    exact = 0.3 * stats.norm(-4, 1).pdf(x) + 0.7 * stats.expon().pdf(x)
    assert np.exp(law.log_density(x[:, None])) == pytest.approx(exact, rel=1e-13)
    assert law.cdf(x) == pytest.approx(0.3 * stats.norm(-4, 1).cdf(x) + 0.7 * stats.expon().cdf(x), rel=1e-13)
    nodes = law.nodes()
    assert nodes.mean(nodes.points)[0] == pytest.approx(0.3 * -4 + 0.7, rel=1e-10)
    assert stats.kstest(law.sample(np.random.default_rng(1), 3000)[:, 0], law.cdf).pvalue > 1e-3


def test_normal_density_in_the_plane_with_a_root():
    root = np.array([[1.0, 0.0], [0.6, 0.5]])
    law = tussle.Normal((0.3, -1.0), root)
    x = np.array([[0.0, 0.0], [1.0, -2.0]])
    exact = stats.multivariate_normal((0.3, -1.0), root @ root.T).logpdf(x)
    assert law.log_density(x) == pytest.approx(exact, rel=1e-13)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: tussle.Laplace(0.0, 0.0), "`scale` is 0.0; it must be above 0"),
        (lambda: tussle.Rayleigh(-1.0), "`scale` is -1.0"),
        (lambda: tussle.Erlang(0), "`shape` is 0"),
        (lambda: tussle.Normal(0.0, -1.0), "`std` is -1.0"),
        (lambda: tussle.Normal(float("nan"), 1.0), "both must be finite"),
        (lambda: tussle.Located(tussle.Normal(), 0.0, 0.0), "`scale` is 0"),
        (lambda: tussle.Located(tussle.Normal((0.0, 0.0)), 0.0, 1.0), "`law` has 2 dimensions"),
        (lambda: tussle.Mixture((tussle.Normal(),), (0.5,)), "sum to 1"),
        (lambda: tussle.Mixture(()), "one or more of the same dimension"),
        (lambda: tussle.Normal((0.0, 0.0)).cdf(np.zeros(1)), "a distribution function is of one"),
    ],
)
def test_a_wrong_law_is_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()
