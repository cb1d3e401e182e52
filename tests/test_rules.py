"""Rules against their definitions, step by step, with a field whose velocities are known."""

import numpy as np
import pytest
import torch

import tussle
from battery import tensors
from tussle.game import Stream

J = np.array([[-0.2, -1.0], [1.0, -0.3]])
START = np.array([1.0, 0.5])
H = 0.1


def _losses(x, y):
    return 0.1 * (x * x).sum() + (x * y).sum(), 0.15 * (y * y).sum() - (x * y).sum()


FIELD = tussle.Field(tussle.Game(_losses))


def path(rule, steps=3):
    return tussle.run(tussle.Map(FIELD, rule), tensors(START), steps).path


def test_the_field_of_these_tests_is_the_matrix():
    assert np.concatenate(FIELD.at(tensors(START))) == pytest.approx(J @ START, rel=1e-14)


def test_simultaneous_steps_read_the_field_once():
    expected = np.array([np.linalg.matrix_power(np.eye(2) + H * J, k) @ START for k in range(4)])
    assert path(tussle.simultaneous(tussle.sgd(H))) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("first", ["generator", "discriminator"])
@pytest.mark.parametrize("steps", [(1, 1), (1, 5), (3, 2)])
def test_alternating_steps_are_the_product_of_the_players_turns(steps, first):
    turns = [np.eye(2), np.eye(2)]
    for player in (0, 1):
        turns[player][player] += H * J[player]
        turns[player] = np.linalg.matrix_power(turns[player], steps[player])
    whole = turns[1] @ turns[0] if first == "generator" else turns[0] @ turns[1]
    expected = np.array([np.linalg.matrix_power(whole, k) @ START for k in range(4)])
    assert path(tussle.alternating(tussle.sgd(H), steps, first)) == pytest.approx(expected, rel=1e-13)


def test_extragradient_looks_a_step_ahead():
    z = H * J
    expected = np.array([np.linalg.matrix_power(np.eye(2) + z + z @ z, k) @ START for k in range(4)])
    assert path(tussle.extragradient(tussle.sgd(H))) == pytest.approx(expected, rel=1e-13)


def test_optimistic_steps_are_twice_the_move_less_the_last_and_begin_with_a_plain_one():
    x, last, expected = START, None, [START]
    for _ in range(4):
        move = H * J @ x
        x = x + move if last is None else x + 2 * move - last
        last = move
        expected.append(x)
    assert path(tussle.optimistic(tussle.sgd(H)), 4) == pytest.approx(np.array(expected), rel=1e-13)


@pytest.mark.parametrize("lr", [H, (0.1, 0.4)])
def test_competitive_steps_solve_the_local_game(lr):
    h = np.diag(np.broadcast_to(lr, 2))
    cross = J - np.diag(np.diag(J))
    whole = np.eye(2) + np.linalg.solve(np.eye(2) - h @ cross, h @ J)
    expected = np.array([np.linalg.matrix_power(whole, k) @ START for k in range(4)])
    assert path(tussle.competitive(tussle.sgd(lr))) == pytest.approx(expected, rel=1e-12)


def test_competitive_steps_have_the_published_blocks():
    # dx = -h (I + h^2 B B^T)^{-1} (g_x + h B g_y), dy = h (I + h^2 B^T B)^{-1} (g_y - h B^T g_x) for f = x^T B y + ...
    b = np.array([[0.3, -1.2, 0.5], [0.7, 0.4, -0.9]])
    x, y = np.array([1.0, -0.5]), np.array([0.2, 0.4, 1.0])
    field = tussle.Field(tussle.models.bilinear(b).game)
    moved = tussle.run(tussle.Map(field, tussle.competitive(tussle.sgd(H))), tensors((x, y)), 1).end
    g_x, g_y = b @ y, b.T @ x
    dx = -H * np.linalg.solve(np.eye(2) + H**2 * b @ b.T, g_x + H * b @ g_y)
    dy = H * np.linalg.solve(np.eye(3) + H**2 * b.T @ b, g_y - H * b.T @ g_x)
    assert moved == pytest.approx(np.concatenate([x + dx, y + dy]), rel=1e-12)


def test_lookahead_comes_back_part_of_the_way():
    inner = np.linalg.matrix_power(np.eye(2) + H * J, 4)
    whole = 0.3 * np.eye(2) + 0.7 * inner
    expected = np.array([np.linalg.matrix_power(whole, k) @ START for k in range(4)])
    found = path(tussle.lookahead(tussle.simultaneous(tussle.sgd(H)), 4, 0.7))
    assert found == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("decay", [None, 0.8])
def test_averaging_leaves_the_path_alone_and_keeps_the_average_in_its_state(decay):
    plain = path(tussle.simultaneous(tussle.sgd(H)), 6)
    rule = tussle.averaging(tussle.simultaneous(tussle.sgd(H)), decay)
    run = tussle.run(tussle.Map(FIELD, rule), tensors(START), 6)
    assert np.array_equal(run.path, plain)
    average = plain.mean(axis=0)
    if decay is not None:
        weights = np.append((1 - decay) * decay ** np.arange(6), decay**6)  # of the newest point, ..., of the start
        average = weights @ plain[::-1]
    assert torch.cat(rule.average(run.state)).numpy() == pytest.approx(average, rel=1e-13)


def test_a_pace_with_a_state_advances_at_both_moves_of_extragradient():
    x, m = START, np.zeros(2)
    for _ in range(3):
        m = 0.5 * m + J @ x
        ahead = x + H * m
        m = 0.5 * m + J @ ahead
        x = x + H * m
    found = path(tussle.extragradient(tussle.momentum(H, 0.5)))[-1]
    assert found == pytest.approx(x, rel=1e-13)


def test_every_player_takes_its_turn_in_games_of_three():
    game = tussle.Game(lambda x, y, z: (-x.sum(), -(x * y).sum(), -(y * z).sum()), players=("a", "b", "c"))
    map = tussle.Map(tussle.Field(game), tussle.alternating(tussle.sgd(1.0), (1, 1, 1), first="b"))
    # b moves by a = 1 to 2; then a by 1 to 2; then c by b = 2 to 3.
    assert tussle.run(map, tensors((1.0, 1.0, 1.0)), 1).end.tolist() == [2.0, 2.0, 3.0]


def test_a_clip_holds_after_each_of_the_discriminators_steps():
    model = tussle.models.dirac("wasserstein", clip=0.5)
    for rule in (tussle.alternating(tussle.sgd(0.4), (1, 3)), tussle.extragradient(tussle.sgd(0.4))):
        run = tussle.run(tussle.Map(tussle.Field(model.game), rule), tensors((1.0, 0.2)), 40)
        assert np.abs(run.path[:, 1]).max() == 0.5
        assert np.abs(run.path[:, 0]).max() > 0.5


READINGS = {
    "simultaneous": (tussle.simultaneous, 1),
    "alternating": (lambda p: tussle.alternating(p, (2, 3)), 5),
    "extragradient": (tussle.extragradient, 2),
    "optimistic": (tussle.optimistic, 1),
    "competitive": (tussle.competitive, 1),
    "lookahead": (lambda p: tussle.lookahead(tussle.extragradient(p), 3), 6),
    "averaging": (lambda p: tussle.averaging(tussle.extragradient(p)), 2),
}


@pytest.mark.parametrize("name", READINGS)
def test_a_rule_reads_as_many_batches_as_it_says(name):
    make, readings = READINGS[name]
    rule, seen = make(tussle.sgd(H)), set()
    assert rule.readings == readings

    def losses(x, y, batch):
        seen.add(batch)
        return (x * y).sum(), -(x * y).sum()

    map = tussle.Map(tussle.Field(tussle.Game(losses, takes_batch=True)), rule)
    point = tensors(START)
    map.step(point, map.init(point), Stream(tuple(range(readings))))
    assert seen == set(range(readings))


@pytest.mark.parametrize("name", READINGS)
def test_the_pace_of_a_rule_can_be_exchanged(name):
    rule = READINGS[name][0](tussle.sgd(H))
    other = rule.with_pace(tussle.sgd(0.7))
    assert type(other) is type(rule)
    assert other.pace.lr == 0.7
    assert other.readings == rule.readings


def test_a_map_is_had_at_another_rate():
    map = tussle.Map(FIELD, tussle.lookahead(tussle.alternating(tussle.momentum((0.1, 0.2), 0.3)), 2))
    assert map.lr == (0.1, 0.2)
    assert map.at_scale(3.0).lr == pytest.approx((0.3, 0.6))
    assert map.with_lr(0.5).rule.pace.beta == 0.3
    assert map.with_lr(0.5).lr == 0.5


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: tussle.alternating(tussle.sgd(H), (1, 0)), "`steps` is 0; it must be a whole number of at least 1"),
        (lambda: tussle.alternating(tussle.sgd(H), (1, 2.5)), "`steps` is 2.5; it must be a whole number"),
        (lambda: tussle.competitive(tussle.adam(H)), r"`pace` is Adam; the competitive rule .* give sgd\(lr\)"),
        (
            lambda: tussle.competitive(tussle.sgd(H)).with_pace(tussle.momentum(H)),
            r"`pace` is Momentum; the competitive rule .* give sgd\(lr\)",
        ),
        (lambda: tussle.lookahead(tussle.simultaneous(tussle.sgd(H)), 0), "`k` is 0; it must be a whole number"),
        (lambda: tussle.lookahead(tussle.simultaneous(tussle.sgd(H)), 5, 0.0), "`alpha` is 0.0; it must be above 0"),
        (lambda: tussle.averaging(tussle.simultaneous(tussle.sgd(H)), -0.1), "`decay` is -0.1; it must be 0 or more"),
    ],
)
def test_a_wrong_rule_is_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_alternating_steps_for_another_number_of_players_are_refused():
    with pytest.raises(ValueError, match=r"`steps` is \(1, 1, 1\) for 2 players; .* give 2 counts"):
        path(tussle.alternating(tussle.sgd(H), (1, 1, 1)))


def test_an_unknown_first_player_is_refused():
    with pytest.raises(ValueError, match=r"`first` is 'generater'; .* did you mean `generator`"):
        path(tussle.alternating(tussle.sgd(H), first="generater"))


def test_a_stream_that_is_too_short_is_refused():
    game = tussle.Game(lambda x, y, batch: ((x * y).sum(), -(x * y).sum()), takes_batch=True)
    map = tussle.Map(tussle.Field(game), tussle.extragradient(tussle.sgd(H)))
    point = tensors(START)
    with pytest.raises(ValueError, match="`batch`"):
        map.step(point, map.init(point), Stream((0,)))


def test_a_lookahead_does_not_step_beyond_where_it_looked():
    with pytest.raises(ValueError, match=r"`alpha` is 2\.0; it is a share of the way and at most 1"):
        tussle.lookahead(tussle.simultaneous(tussle.sgd(0.1)), 2, 2.0)


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_a_long_average_in_float32_is_not_lost_to_rounding(library):
    """1,000 steps toward 1 + 1e-4 from 1 with decay 0.9999, against the closed form; plain float32 stands still."""

    from tussle.autodiff import array, to_numpy
    from tussle.game import Game

    far = 1 + 1e-4
    game = Game(lambda x, y: ((x * 0).sum(), (y * 0).sum()))
    rule = tussle.averaging(tussle.simultaneous(tussle.sgd(0.1)), 0.9999)
    like = torch.zeros(1) if library == "torch" else None
    make = lambda v: torch.tensor([v], dtype=torch.float32) if like is not None else array(np.array([v], np.float32))
    method = tussle.Map(tussle.Field(game), rule)
    state = method.init((make(1.0), make(1.0)))
    point = (make(far), make(far))
    for _ in range(1000):
        _, state, _ = method.step(point, state)
    expected = float(np.float32(far)) + (1 - float(np.float32(far))) * 0.9999**1000
    assert float(to_numpy(rule.average(state)[0])[0]) == pytest.approx(expected, abs=2e-7)
    assert abs(expected - 1) > 9e-6
