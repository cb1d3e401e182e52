"""Critical sets: nullclines and the critical line as published, and the proof that there is nothing else."""

import numpy as np
import pytest

import tussle
from battery import printed
from tussle.lowdim.critical import critical_line, critical_points, gradients, nullcline, threshold

# Spec 5.1: roots of J_b = 0; the spec warns that further ones lie far out, where both terms are below 1e-19.
NULLCLINES = {
    ("A", -2.0): "0.3814610205",
    ("A", -1.0): "-0.2406481534",
    ("A", 0.0): "-6.6827696822 -0.6483549695",
    ("A", 1.0): "-2.5017817356",
    ("B", -4.0): "1.8752148153",
    ("B", -2.0): "-4.6376894603 0.8863157619",
    ("B", -1.0): "-1.7022291766 0.3763177351 3.1070594806",
    ("B", 0.0): "-0.3208438830",
}


@pytest.mark.parametrize("key", NULLCLINES)
def test_nullclines_pass_through_the_published_points(key):
    case, h = key
    (found,) = nullcline(tussle.models.erf_lsgan(case), [h])
    for text in NULLCLINES[key].split():
        assert any(root == printed(text) for root in found), text
    assert len(found) <= len(NULLCLINES[key].split()) + 1


def test_the_critical_line_is_a_saddle_that_one_game_leaves_and_the_other_nears():
    found = critical_line(tussle.models.erf_lsgan(a=1.0, b=0.0, g=1.0, h=0.0, c=1.0))
    assert found.point == pytest.approx([0, 0, 1, 0], abs=1e-15)
    assert found.value == pytest.approx(0.5, abs=1e-15)
    for value, text in zip(found.hessian, ["-0.338718", "0", "0.689940", "3.468496"], strict=True):
        assert value == (pytest.approx(0.0, abs=1e-14) if text == "0" else printed(text))
    real = sorted(found.paper.real)
    assert real == pytest.approx([0, 0.313886, 0.313886, 3.191946], abs=6e-7)
    assert max(found.paper.imag) == printed("0.394230")
    assert np.sort(found.zero_sum.real) == pytest.approx(np.sort(-found.paper.real), abs=1e-13)
    assert found.kind == "degenerate saddle; repels the paper's game; attracts the zero-sum game across the line"


def test_rates_at_the_limit_of_the_zero_sum_game():
    # Spec 5.4, M1: eigenvalues -3.422607, -0.352502 +- 0.335515 i, 0.
    found = critical_line(tussle.models.erf_lsgan(a=1.0, b=0.0, g=1.0, h=0.0, c=1.0), g=1.2180462632)
    assert [round(z.real, 6) for z in found.zero_sum] == [0.0, -0.352502, -0.352502, -3.422607]
    assert found.zero_sum[1].imag == printed("0.335515")


def test_no_critical_point_for_positive_slopes():
    for cost in ("paper", "zero_sum", "labels=0,1,1"):
        model = tussle.models.erf_lsgan("A", cost=cost)
        found = critical_points(model, {"b": (-4.0, 2.0), "h": (-2.1, 3.1)})
        assert found.points.shape == (0, 2)
        assert found.proof is not None
        assert "never 0 for a > 0" in found.proof
    signs = critical_points(tussle.models.erf_lsgan("A"), {"b": (-4.0, 2.0), "h": (-2.1, 3.1)}).signs
    assert signs["h"][1] < 0
    assert signs["b"][0] < 0 < signs["b"][1]


def test_a_generator_with_scale_alone_is_covered_by_its_own_sign():
    found = critical_points(tussle.models.erf_lsgan("A", free="b,g"), {"b": (-4.0, 2.0), "g": (0.1, 3.0)})
    assert "along g" in (found.proof or "")


def test_the_search_finds_the_line_where_the_slope_may_vanish():
    model = tussle.models.erf_lsgan(a=0.5, b=0.1, g=1.2, h=-0.1, c=1.0, free="a,b,h", cost="zero_sum")
    found = critical_points(model, {"a": (-0.5, 1.0), "b": (-0.5, 0.5), "h": (-1.0, 1.0)}, count=5)
    assert found.proof is None
    assert found.points == pytest.approx(np.array([[-0.2, 0.0, 0.0]]), abs=1e-9)  # h = 1/c - g, a = b = 0
    with pytest.raises(ValueError, match="`window` lacks h, b"):
        critical_points(model, {"a": (0.0, 1.0)})


def test_the_gradient_of_the_value_is_the_published_one():
    found = gradients(tussle.models.erf_lsgan("A").game, np.array([[2.2, -3.0, 1.5, -2.0]]))[0]
    golden = [0.11803675810684, 0.06899632015347, -0.16963101136994, -0.08116920133554]
    assert found == pytest.approx(golden, abs=1e-13)


def test_the_threshold_of_the_second_attractor():
    assert threshold(2.2).attracts == ("D1",)
    assert threshold(2.2, lr=(0.1, 1.0)).number == pytest.approx(0.484)
    found = threshold(0.5, c=0.5, g=1.0)
    assert found.attracts == ("D1", "D0")
    assert found.ratio == pytest.approx(0.5)
    assert threshold(0.5, c=2.0, g=1.0).ratio == 0.0


def test_the_ratio_of_slopes_tends_to_its_limit_on_the_way_to_the_second_plateau():
    # Spec 5.1 (5): a = .5, c = .5, g = 1 from (b, h) = (-6, 0): ratio 0.5010 at k = 10,000.
    model = tussle.models.erf_lsgan(a=0.5, b=-6.0, g=1.0, h=0.0, c=0.5)
    method = tussle.Map(tussle.Field(model.game), tussle.simultaneous(tussle.sgd(0.4)))
    h, b = tussle.run(method, model.start, 10_000, keep=tussle.Keep.ends()).end
    slopes = gradients(model.game, np.array([[0.5, b, 1.0, h]]))[0]
    q = slopes[3] / 0.5  # J_h = a q'
    assert -(slopes[1] - q) / q == printed("0.5010")
