"""Games and points: what they hold, and the words with which wrong ones are refused."""

import numpy as np
import pytest
import torch

import tussle
from battery import tensors
from tussle import checks, models
from tussle.game import Pair, Stream, as_point, joined, reading, replaced, scalar, sizes_of, split


def _losses(x, y):
    return (x * y).sum(), -2 * (x * y).sum()


# Games ------------------------------------------------------------------------------------------------------------


def test_a_game_has_a_loss_for_each_player():
    game = tussle.Game(_losses)
    point = tensors(([1.0, 2.0], [3.0, 5.0]))
    assert float(game.loss(0, point)) == 13.0
    assert float(game.loss(1, point)) == -26.0
    assert game.expectation() is None
    assert game.project(0, point[0]) is point[0]


def test_a_zero_sum_game_gives_the_second_player_the_negative():
    game = tussle.ZeroSum(lambda x, y: (x * y).sum())
    point = tensors((2.0, 3.0))
    assert [float(game.loss(player, point)) for player in (0, 1)] == [6.0, -6.0]
    assert game.expectation() is None
    assert game.project(1, point[1]) is point[1]


@pytest.mark.parametrize("make", [tussle.Game, tussle.ZeroSum])
def test_a_game_may_take_batches(make):
    def function(x, y, batch):
        value = batch * (x * y).sum()
        return value if make is tussle.ZeroSum else (value, -value)

    point = tensors((2.0, 3.0))
    assert float(make(function, takes_batch=True).loss(1, point, 10.0)) == -60.0


@pytest.mark.parametrize("engine", ["jax", "torch"])
def test_a_field_is_minus_the_gradient_of_each_players_own_loss(engine):
    start = ([1.0, 2.0], [3.0, 5.0])
    found = tussle.Field(tussle.Game(_losses)).at(start if engine == "jax" else tensors(start))
    assert [v.tolist() for v in found] == [[-3.0, -5.0], [2.0, 4.0]]
    assert all(v.dtype == np.float64 for v in found)


def test_an_explicit_field_is_its_formula():
    field = tussle.Explicit(models.dirac().game, lambda point, batch: (point[1], -point[0]))
    point = tensors((1.0, 2.0))
    assert [float(v) for v in field(point)] == [2.0, -1.0]
    assert float(field.player(1, point)) == -1.0
    assert [v.item() for v in field.at((1.0, 2.0))] == [2.0, -1.0]


def test_games_of_three_players_have_fields():
    game = tussle.Game(lambda x, y, z: ((x * y).sum(), (y * z).sum(), (z * x).sum()), players=("a", "b", "c"))
    assert [v.item() for v in tussle.Field(game).at((1.0, 2.0, 3.0))] == [-2.0, -3.0, -1.0]


# Points -----------------------------------------------------------------------------------------------------------


def test_numbers_are_vectors_of_one():
    assert [x.shape for x in as_point((1.0, [2.0, 3.0]), like=torch.zeros(1))] == [(1,), (2,)]
    assert [tuple(x.shape) for x in as_point((torch.tensor(1.0), torch.ones(2)))] == [(1,), (2,)]


def test_points_are_joined_and_split():
    point = tensors(([1.0, 2.0], [3.0]))
    assert joined(point).tolist() == [1.0, 2.0, 3.0]
    assert [x.tolist() for x in split(joined(point), (2, 1))] == [[1.0, 2.0], [3.0]]
    assert sizes_of(point) == (2, 1)
    assert [x.tolist() for x in replaced(point, 1, torch.zeros(1))] == [[1.0, 2.0], [0.0]]
    assert [x.shape for x in split(np.zeros((4, 3)), (2, 1))] == [(4, 2), (4, 1)]


def test_a_stream_hands_its_batches_out_in_order_and_other_batches_serve_every_reading():
    assert [reading(Stream(("a", "b")), k) for k in (0, 1)] == ["a", "b"]
    assert reading(Pair("a", "b"), 1) == Pair("a", "b")
    assert reading(None, 3) is None


def test_a_loss_of_one_element_is_a_scalar():
    assert scalar(torch.ones(1, 1)).ndim == 0
    assert scalar(torch.tensor(2.0)) == 2.0


# Refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("losses", "words"),
    [
        (lambda x, y: (x * y).sum(), r"`function` returned 1 loss\(es\) for 2 players; .* use ZeroSum"),
        (lambda x, y: ((x * y).sum(),) * 3, r"`function` returned 3 loss\(es\) for 2 players"),
        (lambda x, y: (x * y, -(x * y).sum()), r"a loss has shape \(2,\); it must be a scalar; take its sum or mean"),
    ],
    ids=["one", "three", "a vector"],
)
def test_a_game_with_wrong_losses_is_refused(losses, words):
    with pytest.raises(ValueError, match=words):
        tussle.Field(tussle.Game(losses))(tensors(([1.0, 2.0], [3.0, 4.0])))


def test_a_zero_sum_loss_that_is_a_vector_is_refused():
    with pytest.raises(ValueError, match=r"a loss has shape \(2,\); it must be a scalar"):
        tussle.Field(tussle.ZeroSum(lambda x, y: x * y))(tensors(([1.0, 2.0], [3.0, 4.0])))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("engine", ["jax", "torch"])
def test_a_start_that_is_not_finite_is_refused(bad, engine):
    start = (1.0, bad) if engine == "jax" else tensors((1.0, bad))
    map = tussle.Map(tussle.Field(models.dirac().game), tussle.simultaneous(tussle.sgd(0.1)))
    with pytest.raises(ValueError, match=r"`start` of player 1 is .*; every entry must be finite; give finite numbers"):
        tussle.run(map, start, 3)


@pytest.mark.parametrize("start", [(1.0,), (1.0, 1.0, 1.0)], ids=["one player", "three players"])
def test_a_start_for_another_number_of_players_is_refused(start):
    map = tussle.Map(tussle.Field(models.dirac().game), tussle.simultaneous(tussle.sgd(0.1)))
    with pytest.raises(ValueError, match="`start`"):
        tussle.run(map, start, 3)


@pytest.mark.parametrize("start", [([1.0, 2.0], 1.0), (1.0, [1.0, 2.0])], ids=["theta", "psi"])
def test_a_start_of_the_wrong_length_is_refused(start):
    # The Dirac-GAN says its sizes, (1, 1); a longer vector would broadcast and run another game.
    map = tussle.Map(tussle.Field(models.dirac().game), tussle.simultaneous(tussle.sgd(0.1)))
    with pytest.raises(ValueError, match="`start`"):
        tussle.run(map, start, 3)


def test_a_joined_vector_of_the_wrong_length_is_refused():
    with pytest.raises(ValueError, match=r"`start` has 4 number\(s\); the game has 3 parameter\(s\) \(2 \+ 1 for its"):
        split(np.zeros(4), (2, 1))


def test_a_critic_with_a_column_too_many_is_refused():
    from tussle.gan import GAN

    game = GAN(
        lambda theta, z: theta + z,
        lambda psi, x: torch.cat([x * psi, x], dim=1),
        tussle.Atoms((0.0, 1.0)),
        tussle.Atoms((0.0, 1.0)),
        tussle.loss("minimax"),
    )
    with pytest.raises(
        ValueError, match=r"`critic` returned shape \(2, 2\) for 2 input\(s\); it must return one logit"
    ):
        tussle.Field(game)(tensors((1.0, 1.0)))


def test_a_critic_with_one_column_is_the_same_as_with_none():
    from tussle.gan import GAN

    def game(critic):
        atoms = tussle.Atoms((0.3, 1.0))
        return GAN(lambda theta, z: theta + z, critic, atoms, atoms, tussle.loss("minimax"), (tussle.r1(0.5),))

    column = tussle.Field(game(lambda psi, x: x * psi))(tensors((0.4, 0.7)))
    flat = tussle.Field(game(lambda psi, x: (x * psi)[:, 0]))(tensors((0.4, 0.7)))
    assert [float(v) for v in column] == [float(v) for v in flat]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: models.dirac(noise=-0.1), "`noise` is -0.1; it must be 0 or more"),
        (lambda: models.dirac(clip=0.0), "`clip` is 0.0; it must be above 0"),
        (lambda: models.dirac(clip=np.inf), "`clip` is inf; it must be finite"),
        (lambda: models.dirac("nonsaturated"), "`loss` is 'nonsaturated'; .* did you mean `nonsaturating`"),
    ],
)
def test_a_wrong_gan_is_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_alternating_steps_refuse_a_game_whose_names_do_not_cover_its_players():
    # Three players under the two default names: the third must not be passed over in silence.
    game = tussle.Game(lambda x, y, z: ((x * y).sum(), (y * z).sum(), (z * x).sum()))
    map = tussle.Map(tussle.Field(game), tussle.alternating(tussle.sgd(0.1), (1, 1, 1)))
    with pytest.raises(ValueError, match="`players`"):
        tussle.run(map, (1.0, 1.0, 1.0), 1)


# The checks themselves --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("check", "value", "words"),
    [
        (checks.number, np.nan, "`x` is nan; it must be finite; give a finite number"),
        (checks.number, "0.1", "`x` is '0.1'; it must be a number; give a number such as 0.1"),
        (checks.number, True, "`x` is True; it must be a number"),
        (checks.number, [0.1], r"`x` is \[0.1\]; it must be a number"),
        (checks.nonnegative, -1e-9, "`x` is -1e-09; it must be 0 or more; give a number that is not negative"),
        (checks.positive, 0, "`x` is 0; it must be above 0; give a positive number"),
        (checks.count, 0, "`x` is 0; it must be a whole number of at least 1; give one"),
        (checks.count, 2.0, "`x` is 2.0; it must be a whole number"),
        (checks.count, True, "`x` is True; it must be a whole number"),
    ],
)
def test_checks_say_what_came_what_may_come_and_what_to_do(check, value, words):
    with pytest.raises(ValueError, match=words):
        check("x", value)


@pytest.mark.parametrize("value", [0.5, 3, np.float64(0.5), np.int64(2), np.array([0.5, -1.0])])
def test_checks_pass_numbers_and_arrays_on(value):
    assert checks.positive("x", value) is value


def test_choices_offer_the_nearest_name_or_all():
    assert checks.choice("x", "left", ("left", "right")) == "left"
    with pytest.raises(ValueError, match="`x` is 'rigth'; it may be one of left, right; did you mean `right`"):
        checks.choice("x", "rigth", ("left", "right"))
    with pytest.raises(ValueError, match="`x` is 'up'; it may be one of left, right; choose one of these"):
        checks.choice("x", "up", ("left", "right"))
    assert checks.count("x", np.int64(3)) == 3
