"""Nash equilibria: finite games, GANs on finite spaces, local tests of parametric games, and the examples."""

import json
import math

import numpy as np
import pytest

import tussle
from tussle import autodiff, losses, models
from tussle.models.quadratic import Quadratic
from tussle.nash import FiniteGAN, LocalStatus, MatrixGame, check_nash, indifference, outputs, value
from tussle.nash.examples import EXAMPLES, gap, stable_not_nash, unreached_dirac, unreached_isotropic
from tussle.nash.stackelberg import stackelberg

REAL = np.array([0.3, 0.25, 0.2, 0.15, 0.07, 0.03])
THREE = np.array([0.7, 0.2, 0.1])
LINE = np.abs(np.subtract.outer(np.arange(3.0), np.arange(3.0)))


# Finite games -------------------------------------------------------------------------------------------------------


def test_matching_pennies_has_its_mixed_equilibrium_and_no_pure_one():
    pennies = np.array([[1.0, -1.0], [-1.0, 1.0]])
    assert check_nash(pennies, [(0.5, 0.5), (0.5, 0.5)]).holds
    for pure in ([(1, 0), (1, 0)], [(1, 0), (0, 1)], [(0, 1), (1, 0)], [(0, 1), (0, 1)]):
        found = check_nash(pennies, pure)
        assert found.disproof.gain == 2.0
        assert found.exploitability == 2.0


def test_the_prisoners_may_only_both_defect():
    first = np.array([[1.0, 3.0], [0.0, 2.0]])  # years in prison; silent, defect
    game = MatrixGame([first, first.T])
    assert check_nash(game, [(0, 1), (0, 1)]).holds
    found = check_nash(game, [(1, 0), (1, 0)])
    assert found.gains.tolist() == [1.0, 1.0]
    assert found.disproof.strategy.tolist() == [0.0, 1.0]
    assert str(found) == "no Nash equilibrium: player 1 gains 1 by playing strategy 1 alone: [0., 1.]"


def test_no_mixed_strategy_gains_more_than_the_pure_one_that_is_reported():
    rng = np.random.default_rng(0)
    tables = rng.standard_normal((3, 2, 3, 4))
    mixed = [rng.dirichlet(np.ones(k)) for k in (2, 3, 4)]
    mixed = [x / x.sum() for x in mixed]
    found = check_nash(MatrixGame(list(tables)), mixed)
    for player in range(3):
        lost = np.einsum("ijk,i,j,k->", tables[player], *mixed)
        assert found.losses[player] == pytest.approx(lost, abs=1e-14)
        best = found.deviations[player]
        changed = [best.strategy if k == player else x for k, x in enumerate(mixed)]
        assert lost - np.einsum("ijk,i,j,k->", tables[player], *changed) == pytest.approx(best.gain, abs=1e-14)
        for _ in range(50):
            tried = [rng.dirichlet(np.ones(len(x))) if k == player else x for k, x in enumerate(mixed)]
            assert lost - np.einsum("ijk,i,j,k->", tables[player], *tried) <= best.gain + 1e-14


@pytest.mark.parametrize(
    ("tables", "at", "message"),
    [
        ([np.eye(2), np.eye(3)], None, r"`losses` has shapes \[\(2, 2\), \(3, 3\)\] for 2 player"),
        ([np.array([[np.nan, 0.0], [0.0, 0.0]])], None, "`losses` has shapes"),
        ([np.eye(2)], [(0.5, 0.6), (1, 0)], r"`at\[0\]` is \[0.5, 0.6\]; it must hold finite numbers"),
        ([np.eye(2)], [(1, 0), (1, 0, 0)], r"`at` has strategies of \(2, 3\) probabilities; the game has \(2, 2\)"),
        ([np.eye(2)], None, "`at` is missing; only a model knows its own equilibrium"),
    ],
)
def test_what_is_no_finite_game_is_refused(tables, at, message):
    with pytest.raises(ValueError, match=message):
        check_nash(MatrixGame(tables), at)


# The ideal GAN ------------------------------------------------------------------------------------------------------


def test_at_one_half_every_law_is_worth_minus_two_log_two():
    rng = np.random.default_rng(0)
    half = np.full(6, 0.5)
    for _ in range(500):
        fake = rng.dirichlet(np.full(6, 10 ** rng.uniform(-1, 1)))
        assert abs(value(half, REAL, fake / fake.sum()) + 2 * math.log(2)) <= 1e-15


def test_against_the_real_law_no_discriminator_gets_more_than_minus_two_log_two():
    rng = np.random.default_rng(1)
    for scale in (1e-3, 0.1, 0.5):
        for _ in range(200):
            d = np.clip(0.5 + scale * rng.uniform(-1, 1, 6), 0, 1)
            assert value(d, REAL, REAL) < -2 * math.log(2)
    assert value(np.array([0.0, *np.full(5, 0.5)]), REAL, REAL) == -math.inf


def test_the_ideal_game_has_its_equilibrium_and_none_beside_it():
    game = FiniteGAN(REAL)
    assert check_nash(game, (outputs(np.full(6, 0.5)), REAL)).holds
    wrong_critic = check_nash(game, (outputs(np.full(6, 0.6)), REAL))
    assert wrong_critic.disproof.player == "discriminator"
    assert wrong_critic.disproof.gain == pytest.approx(-2 * math.log(2) - math.log(0.6) - math.log(0.4), abs=1e-14)
    wrong_law = check_nash(game, (np.zeros(6), np.full(6, 1 / 6)))
    js = wrong_law.disproof.gain  # what a discriminator gains by answering is 2 JS
    m = (REAL + 1 / 6) / 2
    assert js == pytest.approx(np.sum(REAL * np.log(REAL / m)) - np.sum(np.log(6 * m)) / 6, abs=1e-14)
    assert wrong_law.gains[0] == pytest.approx(0.0, abs=1e-15)


@pytest.mark.parametrize("name", [n for n in tussle.loss_names() if "-alpha" not in n])
def test_every_loss_has_the_equilibrium_of_a_constant_critic(name):
    distance = LINE if "wasserstein" in name else None
    found = indifference(name, THREE, distance=distance, draws=5)
    assert found.spread <= 4e-15
    check = check_nash(FiniteGAN(THREE, name, distance), (np.full(3, found.level), THREE))
    assert check.holds
    assert check.exploitability <= 1e-12


def test_least_squares_with_labels_0_1_1_leaves_the_fakes_an_eighth_whatever_they_are():
    found = indifference("least_squares", THREE)
    assert found.level == pytest.approx(0.5, abs=1e-15)
    assert found.value == pytest.approx(0.125 + 0.125, abs=1e-15)  # the fakes' term and the constant of the real data


@pytest.mark.parametrize("name", ["logit", "rp-logistic", "ra-logistic", "ralf-exponential", "rc-least_squares"])
def test_no_law_serves_the_generator_better_than_the_one_reported(name):
    rng = np.random.default_rng(2)
    critic = np.array([0.8, -0.5, 0.3])
    game = FiniteGAN(THREE, name)
    fake = np.array([0.2, 0.3, 0.5])
    best = check_nash(game, (critic, fake)).deviations[0]
    assert game.losses(critic, fake)[0] - game.losses(critic, best.strategy)[0] == pytest.approx(best.gain, abs=1e-12)
    for _ in range(60):
        law = rng.dirichlet(np.full(3, 0.5))
        assert game.losses(critic, law / law.sum())[0] >= game.losses(critic, best.strategy)[0] - 1e-9


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FiniteGAN((0.5, 0.6)), r"`real` is \[0.5, 0.6\]; it must hold finite numbers of 0 or more"),
        (lambda: FiniteGAN(THREE, "minimux"), "`loss` is 'minimux'; it may be one of"),
        (lambda: check_nash(FiniteGAN(THREE), (np.zeros(2), THREE)), r"`at` has outputs of shape \(2,\) and a law of"),
        (lambda: check_nash(FiniteGAN(THREE), ([0, np.nan, 0], THREE)), r"`at` has outputs of shape \(3,\)"),
        (
            lambda: check_nash(FiniteGAN(THREE, "wasserstein", LINE), ([0.0, 5.0, 0.0], THREE)),
            "`at` has a critic whose outputs differ by 4 more than `distance` allows",
        ),
        (lambda: outputs([0.5, 1.5]), r"`discriminator` is \[0.5, 1.5\]; it must be a vector of numbers from 0 to 1"),
        (lambda: value([0.5, 0.5], [0.5, 0.5], [0.5, 0.4]), r"`fake` is \[0.5, 0.4\]; it must hold finite numbers"),
        (lambda: indifference("minimax", THREE, draws=0), "`draws` is 0; it must be a whole number of at least 1"),
    ],
)
def test_what_is_no_gan_on_a_finite_space_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# Parametric games ---------------------------------------------------------------------------------------------------


def test_the_published_rotation_is_a_strict_equilibrium_that_attracts():
    game = tussle.Game(Quadratic(np.array([[-1.0, -2.0], [2.0, -0.5]]), (1, 1)))  # two numbers with this field
    found = check_nash(game, (0.0, 0.0))
    assert found.status is LocalStatus.STRICT
    assert [c.tolist() for c in found.curvatures] == [[1.0], [0.5]]
    assert found.flow.eigenvalues[0] == pytest.approx(-0.75 + 1.98431348j, abs=5e-9)
    assert all(s.holds for s in found.stackelberg)


def test_a_wrong_curvature_is_disproved_with_its_gain():
    found = stable_not_nash().check
    assert found.status is LocalStatus.REFUTED
    assert found.disproof.player == "discriminator"
    assert found.disproof.gain == pytest.approx(0.25 * found.radius**2, rel=1e-10)
    assert found.flow.eigenvalues[0] == pytest.approx(-0.25 + 0.25j * math.sqrt(55), abs=1e-14)
    assert [s.holds for s in found.stackelberg] == [False, True]
    # Schur complement of the second player's loss -L: -1/2 + 2 x 1 x 2.
    assert found.stackelberg[1].curvatures == pytest.approx([3.5], abs=1e-12)


def test_a_slope_disproves_at_first_order():
    found = check_nash(models.dirac(), (1.0, 1.0))
    slope = 1 / (1 + math.e)  # f'(1)
    assert found.slopes == pytest.approx([slope, slope], abs=1e-14)
    assert found.status is LocalStatus.REFUTED
    assert found.stackelberg == ()
    assert found.disproof.gain == pytest.approx(found.radius * slope, rel=1e-2)


def test_a_cubic_is_disproved_where_the_second_order_is_silent():
    def functions(x, y):
        return (x**3).sum(), (y**4).sum()

    found = check_nash(tussle.Game(functions), (0.0, 0.0))
    assert found.status is LocalStatus.REFUTED
    assert found.disproof.gain == pytest.approx(found.radius**3, rel=1e-6)
    assert found.deviations[1] is None


def test_a_point_known_to_a_few_digits_less_is_not_refuted_by_its_rounding():
    # The generator's slope is psi f'(0) = 1e-9: within the tolerance, and all that its loss can fall by is 1e-9 x.
    found = check_nash(models.dirac(), (0.0, 2e-9))
    assert found.status is LocalStatus.FLAT
    assert check_nash(models.dirac(), (0.0, 2e-9), tolerance=1e-10).status is LocalStatus.REFUTED


def test_a_local_equilibrium_may_be_left_by_a_long_step():
    def functions(x, y):
        return ((x * x - 1) ** 2 + 0.5 * x).sum(), (y * y).sum()

    # x^4 - 2 x^2 + x/2: minima near 0.93 and, deeper, near -1.06.
    roots = np.sort(np.roots([4, 0, -4, 0.5]).real)
    near = check_nash(tussle.Game(functions), (roots[2], 0.0))
    assert near.status is LocalStatus.STRICT
    assert near.holds
    far = check_nash(tussle.Game(functions), (roots[2], 0.0), reach=3.0)
    assert far.status is LocalStatus.STRICT
    assert not far.holds
    depth = np.polyval([1, 0, -2, 0.5, 0], roots[2]) - np.polyval([1, 0, -2, 0.5, 0], roots[0])
    assert far.disproof.gain == pytest.approx(depth, rel=1e-10)
    assert far.disproof.strategy == pytest.approx(roots[:1], abs=1e-5)


def test_the_schur_complement_is_that_of_the_blocks():
    rng = np.random.default_rng(0)
    a, b, c = rng.standard_normal((3, 3)), rng.standard_normal((2, 2)), rng.standard_normal((3, 2))
    a, b = a + a.T, b @ b.T + np.eye(2)

    def function(x, y):
        a_, b_, c_ = (autodiff.array(m, x) for m in (a, b, c))
        return 0.5 * x @ a_ @ x + x @ c_ @ y - 0.5 * y @ b_ @ y

    found = check_nash(tussle.ZeroSum(function), (np.zeros(3), np.zeros(2))).stackelberg[0]
    assert found.curvatures == pytest.approx(np.linalg.eigvalsh(a + c @ np.linalg.inv(b) @ c.T), abs=1e-12)


def test_the_leader_of_a_general_sum_game_sees_the_followers_curved_answer():
    # g = (y - sin x - x^2)^2, so that r(x) = sin x + x^2; f = y + y^2 + 3 x^2 - x gives F = r + r^2 + 3 x^2 - x with
    # F'(0) = 1 - 1 = 0 and F''(0) = r''(0) + 2 r'(0)^2 + 6 = 2 + 2 + 6.
    def functions(x, y):
        xp = autodiff.namespace(x)
        answer = xp.sin(x) + x * x
        return (y + y * y + 3 * x * x - x).sum(), ((y - answer) ** 2).sum()

    with autodiff.float64():
        point = tuple(autodiff.array([0.0]) for _ in range(2))
    hessians = (np.array([[6.0]]), np.array([[2.0]]))
    found = stackelberg(tussle.Game(functions), point, 0, hessians, None, 1e-9)
    assert found.holds
    assert found.slope == pytest.approx(0.0, abs=1e-14)
    assert found.curvatures == pytest.approx([10.0], abs=1e-12)


def test_r1_makes_the_dirac_gan_a_stackelberg_equilibrium_of_a_leading_generator():
    found = check_nash(models.dirac(penalties=[tussle.r1(0.3)]))
    assert found.status is LocalStatus.FLAT
    assert found.holds
    assert [s.holds for s in found.stackelberg] == [True, False]
    # The penalty is the follower's alone: F(t) = L(t, r(t)), L_tp = 1/2, r' = 1/2 / 0.3, F'' = 2 L_tp r'.
    assert found.stackelberg[0].curvatures == pytest.approx([1 / 0.6], abs=1e-12)
    text = json.dumps(found.to_json(), allow_nan=False)
    assert json.loads(text)["status"] == "no improving deviation found, second order undecided"
    assert "leader generator: differential Stackelberg" in str(found)


def test_a_clip_is_a_constraint_and_not_a_reason_to_deviate():
    # At psi = 1, theta = -1 the Wasserstein critic would grow on, but its clip holds it; the generator would move.
    model = models.dirac("wasserstein", clip=1.0)
    found = check_nash(model, (1.0, 1.0))
    assert found.slopes[1] == 0.0
    assert found.deviations[1] is None
    assert found.disproof.player == "generator"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tolerance": 0.0}, "`tolerance` is 0.0; it must be above 0"),
        ({"radius": -1.0}, "`radius` is -1.0; it must be above 0"),
        ({"reach": 0.0}, "`reach` is 0.0; it must be above 0"),
        ({"draws": 0}, "`draws` is 0; it must be a whole number"),
        ({"at": (1.0, [1.0, 2.0])}, r"`start` has vectors of \(1, 2\) number"),
        ({"at": (float("nan"), 1.0)}, r"`start` of player 0 is \[nan\]; every entry must be finite"),
    ],
)
def test_a_parametric_check_is_refused_in_one_sentence(options, message):
    with pytest.raises(ValueError, match=message):
        check_nash(models.dirac(), options.pop("at", None), **options)


# Examples -----------------------------------------------------------------------------------------------------------


def test_simultaneous_steps_leave_the_dirac_equilibrium_by_pythagoras():
    found = unreached_dirac(steps=500)
    assert found.check.holds
    distance = found.column("distance")
    assert distance == pytest.approx(found.column("predicted"), rel=1e-12)
    assert np.all(np.diff(distance) > 0)


def test_the_isotropic_toy_is_reached_by_ever_shorter_steps_only():
    found = unreached_isotropic()
    assert found.check.holds
    assert found.column("largest step")[0] == pytest.approx(0.940, abs=5e-4)  # published for sigma = 0.7
    sigma = found.column("sigma")
    assert found.column("largest step")[1:] == pytest.approx(2 * sigma[1:] ** 2, rel=1e-12)
    assert found.column("radius at 0.1")[0] < 1 < found.column("radius at 0.1")[-1]
    # Published for sigma = 0.1, |v| = 5: 1.1e6 steps to 1e-6 at the best rate; across the mean |v| does not matter.
    assert math.log(1e-6) / math.log(found.column("best factor")[2]) == pytest.approx(1.1e6, rel=1e-2)


def test_one_atom_against_two_has_no_equilibrium():
    found = EXAMPLES["without_equilibrium"]()
    certificate = gap()
    assert certificate.lower == 0.0
    assert 0.99 < certificate.upper <= 1.0
    assert certificate.smallest >= certificate.width
    assert certificate.meetings == 0
    # The formula of the certificate is the game's own loss.
    rng = np.random.default_rng(0)
    for _ in range(5):
        theta, psi = rng.uniform(-2, 2, 1), rng.uniform(-1, 1, 2)
        with autodiff.float64():
            point = (autodiff.array(theta), autodiff.array(psi))
            lost = float(found.game.loss(0, point, tussle.game.placed(found.game.expectation(), point[0])))
        assert lost == pytest.approx(psi[1] * (1 - theta[0] ** 2) - psi[0] * theta[0], abs=1e-14)
        check = check_nash(found.game, (theta, psi), reach=4.0)
        assert check.disproof.gain >= certificate.width / 2


def test_that_game_has_an_equilibrium_once_the_generator_may_mix():
    # Strategies -1, 0, 1 of the atom against the corners and the middle of the critic's box.
    psi = np.array([(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1)], dtype=float)
    theta = np.array([-1.0, 0.0, 1.0])
    table = psi[:, 1] * (1 - theta[:, None] ** 2) - psi[:, 0] * theta[:, None]
    assert check_nash(table, [(0.5, 0.0, 0.5), np.eye(9)[4]]).holds
    for k in range(3):
        for j in range(9):
            assert not check_nash(table, [np.eye(3)[k], np.eye(9)[j]]).holds


@pytest.mark.parametrize("name", ["stable_not_nash", "nash_not_stable", "without_equilibrium"])
def test_examples_say_what_they_show(name):
    found = EXAMPLES[name]()
    document = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert document["claim"]
    assert document["argument"]
    stable = str(found.check.flow.verdict) == "converges"
    assert (found.check.holds, stable) == {
        "stable_not_nash": (False, True),
        "nash_not_stable": (True, False),
        "without_equilibrium": (False, False),
    }[name]


def test_a_loss_record_may_be_played_too():
    made = losses.loss("minimax", scale=2.0)
    found = check_nash(FiniteGAN(THREE, made), (np.zeros(3), THREE))
    assert found.losses.tolist() == pytest.approx([-4 * math.log(2), 4 * math.log(2)], abs=1e-14)
    assert found.holds
