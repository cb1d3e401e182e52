"""The exact least-squares GANs: every published trajectory, for every member of the family, to the printed digits."""

import numpy as np
import pytest

import tussle
from battery import printed
from tussle.game import split
from tussle.lowdim.plateau import CLASSES, classes, corners, values
from tussle.trajectory import Keep

STEP = 0.4


def end_of(model, steps, rule="sim", lr=STEP, counts=(1, 1)):
    pace = tussle.sgd(lr)
    made = tussle.simultaneous(pace) if rule == "sim" else tussle.alternating(pace, counts, first="discriminator")
    return tussle.run(tussle.Map(tussle.Field(model.game), made), model.start, steps, keep=Keep.ends()).end


# Spec 5.2: case, rule, n, (a, b, g, h or b, h), J.
PATHS = """
A sim 1 -2.9724014719 -1.9675323195 1.3433910431
A sim 10 -2.7355182840 -1.6237904062 1.3252703745
A sim 50 -2.2377762836 1.4228926436 0.5546102543
A sim 100 0.5977646307 1.4333417959 0.9687756885
A sim 249 1.6028697571 1.4333417959 0.9987704612
A sim 5000 2.4687328230 1.4333417959 0.9999812665
A alt 10 -2.7356892186 -1.6204045528 1.3248768813
A alt 249 1.6027254236 1.4220256322 0.9987697382
A alt 5000 2.4687298094 1.4220256322 0.9999812662
B sim 1 -0.9446870613 -3.9999916714 1.0558072953
B sim 10 0.3526477377 -3.9996746579 1.6510095307
B sim 50 1.7453126679 -3.8300001614 1.9862737877
B sim 100 1.2202572862 -2.2750677199 1.8040935996
B sim 249 2.1646202326 -0.1318056815 0.9991128298
B sim 5000 2.8980240064 -0.1312272744 0.9999855968
B alt 10 0.3526476934 -3.9994797168 1.6510094059
B alt 249 2.1618895322 -0.1649063490 0.9991012761
A sim 10 2.5828338530 -2.7655590622 2.1998991288 -1.5456233398 1.2170833239
A sim 50 3.5124770154 -1.9375541192 3.2195429163 0.8591600474 0.7195858329
A sim 249 4.3407354854 1.3515082731 3.2195632627 0.8606856577 0.9983125315
A sim 5000 4.3898485876 2.3264154053 3.2195632627 0.8606856577 0.9999791338
A alt 249 4.3402752822 1.3514457326 3.2117232802 0.8503229501 0.9983119721
B sim 10 1.6267114687 0.3925446292 0.3523076190 -3.9997648392 1.7121567414
B sim 50 1.9275775530 1.6801980729 1.0977177388 -3.8015119304 1.9071204289
B sim 249 3.0760187581 2.0432394089 3.3145561258 -0.2071287964 0.9991778148
B sim 5000 3.1122113875 2.7739715894 3.3147008069 -0.1952055587 0.9999847109
B alt 249 3.0794959229 2.0434227977 3.3274387665 -0.2095597318 0.9991796833
""".strip().splitlines()


@pytest.mark.parametrize("row", PATHS)
def test_the_published_trajectories(row):
    case, rule, steps, *texts = row.split()
    order = "b,h" if len(texts) == 3 else "a,b,g,h"
    model = tussle.models.erf_lsgan(case, free=order)
    end = end_of(model, int(steps), rule)
    at = dict(zip(model.axes, end, strict=True))
    for name, text in zip(order.split(","), texts[:-1], strict=True):
        assert at[name] == printed(text), name
    assert values(model.game, end[None])[0] == printed(texts[-1])


# Spec 5.2: the length of the gradient of the free parameters at the end.
GRADIENTS = """
A b,h 1 1.081e-01
A b,h 10 1.285e-01
A b,h 50 1.230e-01
A b,h 100 7.434e-02
A b,h 249 5.008e-03
A b,h 5000 1.050e-04
B b,h 1 1.588e-01
B b,h 10 5.795e-01
B b,h 50 2.301e-02
B b,h 100 3.873e-01
B b,h 249 4.380e-03
B b,h 5000 9.079e-05
A a,b,g,h 10 2.399e-01
A a,b,g,h 50 1.218e-01
A a,b,g,h 249 6.173e-03
A a,b,g,h 5000 1.118e-04
B a,b,g,h 10 5.212e-01
B a,b,g,h 50 2.129e-01
B a,b,g,h 249 3.929e-03
B a,b,g,h 5000 9.364e-05
""".strip().splitlines()


@pytest.mark.parametrize("row", GRADIENTS)
def test_the_published_lengths_of_the_gradient(row):
    case, free, steps, text = row.split()
    model = tussle.models.erf_lsgan(case, free=free)
    end = end_of(model, int(steps))
    assert np.linalg.norm(tussle.Field(model.game).at(split(end, model.game.sizes))) == printed(text)


@pytest.mark.parametrize(("case", "free"), [("A", "b,h"), ("B", "b,h"), ("A", "a,b,g,h"), ("B", "a,b,g,h")])
def test_alternating_golden_runs_end_on_a_plateau_too(case, free):
    rule = tussle.alternating(tussle.sgd(STEP), first="discriminator")
    found = tussle.analyze(tussle.models.erf_lsgan(case, free=free), rule, steps=249)
    assert (str(found.outcome.ending), found.told["plateau"]["class"]) == ("plateau", "D1")


@pytest.mark.parametrize("row", ["A 2.1359640645 0.4943729864", "B 2.5468886112 -0.3195565791"], ids=["A", "B"])
def test_five_discriminator_steps_for_each_of_the_generator(row):
    case, b, h = row.split()
    found = end_of(tussle.models.erf_lsgan(case), 249, "alt", counts=(1, 5))
    assert found.tolist() == [printed(h), printed(b)]


@pytest.mark.parametrize(
    ("case", "free", "texts"),
    [
        ("A", "b,h", "1.5996371049 1.4239998847"),
        ("B", "b,h", "2.1622079016 -0.1930735316"),
        ("A", "a,b,g,h", "4.3215911902 1.3499519518 3.1768340468 0.8562999440"),
        ("B", "a,b,g,h", "3.0509863829 2.0475883830 3.2536872129 -0.2114835483"),
    ],
)
def test_the_continuous_flow(case, free, texts):
    model = tussle.models.erf_lsgan(case, free=free)
    found = tussle.flow(tussle.Field(model.game), model.start, 99.6, rtol=1e-12, atol=1e-13)
    at = dict(zip(model.axes, found.path[-1], strict=True))
    for name, text in zip(free.split(","), texts.split(), strict=True):
        # Published at rtol 1e-12; errors of both solvers grow along the cliff.
        assert at[name] == pytest.approx(float(text), abs=2e-9)


# Spec 5.2, other starts: parameters, start (b, h), n, b, h, J.
OTHERS = [
    ({"case": "A"}, (3, -20), 2000, "3.0027303204 -19.9975390081 1.9999946551"),
    ({"case": "A"}, (-12, 9), 249, "-10.3688990685 9.0000000000 0.0872928802"),
    ({"case": "A"}, (-12, 9), 2000, "2.1657108700 9.0000000000 0.9999057813"),
    ({"case": "B"}, (-8, 9), 2000, "-8.0000007471 9.0000009165 8.00e-11"),
    ({"case": "B"}, (-6, -6), 2000, "-5.9999917838 -5.9999999996 1.0000000031"),
    ({"case": "B"}, (2, -12), 2000, "2.7410491433 -11.9999999905 1.9999621411"),
    ({"a": 0.5, "g": 1.0, "c": 0.5}, (-6, 0), 10000, "-7.8917455688 6.1366493823"),
    ({"a": 0.8, "g": 1.0, "c": 1.0}, (-3, -6), 10000, "2.8923614384 -0.1637384714"),
    ({"a": 1.5, "g": 1.0, "c": 1.0}, (-6, -6), 10000, "2.7872574480 0.0069218187"),
]


@pytest.mark.parametrize("row", OTHERS, ids=str)
def test_other_starts(row):
    options, (b, h), steps, texts = row
    model = tussle.models.erf_lsgan(**({"b": 0.0, "h": 0.0} | options | {"b": b, "h": h}))
    end = end_of(model, steps)
    wanted = texts.split()
    assert end.tolist() == [printed(wanted[1]), printed(wanted[0])]
    if len(wanted) == 3:
        assert values(model.game, end[None])[0] == printed(wanted[2])


# Spec 4: other members. Names of the values as printed: b, h or a, b, g, h; J last.
NORMAL = {"a": 1.0, "b": -0.5, "g": 0.6, "h": -1.0, "latent": "normal", "data": tussle.Normal(1.0, 1.0)}
WIDE = {"a": 0.5, "b": 0.0, "g": 1.0, "h": -2.0, "latent": "normal", "data": tussle.Normal(0.0, 2.0)}
FLAT = {"a": 1.5, "b": -1.0, "g": 0.5, "h": -1.0, "latent": "uniform", "data": tussle.Uniform(0.0, 2.0)}
MEMBERS = [
    (NORMAL, "b,h", 10, "-0.6239121302 0.4872426249"),
    (NORMAL, "b,h", 249, "2.7695295194 1.6915090099 0.9980564506"),
    (NORMAL, "a,b,g,h", 10, "1.7495095281 -0.3926654639 1.1063406747 0.2356505501"),
    (NORMAL, "a,b,g,h", 249, "0.8308048306 2.7951488335 0.3240506516 1.2340225216 0.9991408239"),
    (WIDE, "b,h", 249, "-3.5099292460 1.5773898443 0.9986718441"),
    (FLAT, "b,h", 249, "1.8450072834 0.8556647639 0.9993307312"),
    (FLAT, "a,b,g,h", 249, "2.6609620512 1.6784501818 1.1975103614 0.4663241521 0.9992194647"),
]


@pytest.mark.parametrize("row", MEMBERS, ids=str)
def test_other_members_of_the_family(row):
    options, free, steps, texts = row
    model = tussle.models.erf_lsgan(free=free, **options)
    end, wanted = end_of(model, steps), texts.split()
    at = dict(zip(model.axes, end, strict=True))
    for name, text in zip(free.split(","), wanted, strict=False):
        assert at[name] == printed(text), name
    if len(wanted) > len(end):
        assert values(model.game, end[None])[0] == printed(wanted[-1])


def test_the_logistic_discriminator_by_nodes():
    options = {"a": 0.7, "b": -1.5, "g": 1.9, "h": 1.1, "c": 0.5, "free": "a,b,g,h"}
    model = tussle.models.erf_lsgan(discriminator="logistic", **options)
    for steps, texts in ((10, "1.854957 0.952497 0.712821 -1.612838"), (149, "0.05305 -1.54807 1.28435 -1.93404")):
        assert end_of(model, steps, lr=0.1).tolist() == [printed(t) for t in texts.split()]


# Spec 5.4: label games; order a, b, g, h in the start, g, h at the end.
M1, M3 = {"a": 0.5, "b": -0.2, "g": 1.5, "h": 0.2, "c": 1.0}, {"a": 1.0, "b": 0.0, "g": 0.5, "h": -0.5, "c": 1.0}
ENDS = [
    ("zero_sum", M1, "sim", "1.2180462632"), ("zero_sum", M1, "alt", "1.2058497976"),
    ("labels=0,1,1", M1, "sim", "1.1000571033"), ("labels=0,1,1", M1, "alt", "1.1193512300"),
    ("zero_sum", M3, "sim", "0.9843452561"), ("zero_sum", M3, "alt", "1.0041270613"),
    ("labels=0,1,1", M3, "sim", "0.6847856280"), ("labels=0,1,1", M3, "alt", "0.7348792897"),
]  # fmt: skip


@pytest.mark.parametrize("row", ENDS, ids=str)
def test_label_games_settle_on_the_line_of_equilibria(row):
    cost, start, rule, g = row
    found = end_of(tussle.models.erf_lsgan(free="a,b,g,h", cost=cost, **start), 5000, rule)
    assert found[0] == printed(g)
    assert found == pytest.approx([float(g), 1 - float(g), 0, 0], abs=1e-10)


@pytest.mark.parametrize(
    ("cost", "texts"),
    [
        ("zero_sum", "3.4068141537 1.0309130264 3.2875280944 1.4008341616"),
        ("labels=0,1,1", "3.2003783136 0.8908853033 3.2090451176 1.4046984317"),
    ],
)
def test_label_games_have_plateaux_too(cost, texts):
    found = end_of(tussle.models.erf_lsgan("A", free="a,b,g,h", cost=cost), 5000)
    assert found.tolist() == [printed(t) for t in texts.split()]


def test_a_middle_label_is_approached_slowly():
    found = end_of(tussle.models.erf_lsgan(free="a,b,g,h", cost="labels=0,1,0.5", **M1), 1000)
    assert found.tolist() == [printed(t) for t in ["0.9096100282", "0.1078583871", "-0.0085295576", "0.0086136123"]]


@pytest.mark.parametrize(
    ("lr", "steps", "texts"),
    [
        (0.1, 8000, "1.6572283399 0.3427716601 0 0"),
        (0.02, 40000, "1.6579684214 0.3420315786 0 0"),
    ],
)
def test_small_steps_reach_the_line(lr, steps, texts):
    model = tussle.models.erf_lsgan(a=0.5, b=-0.5, g=1.5, h=0.2, c=0.5, free="a,b,g,h", cost="zero_sum")
    for value, text in zip(end_of(model, steps, lr=lr), texts.split(), strict=True):
        assert value == (pytest.approx(0, abs=1e-10) if text == "0" else printed(text))


def test_the_plateau_of_a_label_game_is_not_an_artefact_of_the_step():
    model = tussle.models.erf_lsgan("A", free="a,b,g,h", cost="zero_sum")
    found = end_of(model, 20000, lr=0.02)
    assert found.tolist() == [printed(t) for t in ["3.3705", "1.0278", "3.2555", "1.0936"]]


def test_a_label_game_has_settled_by_249_updates():
    found = end_of(tussle.models.erf_lsgan(free="a,b,g,h", cost="zero_sum", **M1), 249)
    assert found == pytest.approx([1.2180462632, -0.2180462632, 0, 0], rel=0, abs=6e-11)


def test_a_step_beyond_the_stable_range_never_settles():
    """The largest eigenvalue at the line is 10.8 there: step 0.4 ends away from it, where rounding decides."""
    options = {"b": -0.5, "g": 1.5, "h": 0.2, "c": 0.5, "free": "a,b,g,h", "cost": "zero_sum"}
    one, two = (end_of(tussle.models.erf_lsgan(a=0.5 + d, **options), 2000) for d in (0.0, 1e-13))
    assert min(abs(one[2]), abs(two[2])) > 1e-2
    assert np.abs(one - two).max() > 1e-3


# Spec 5.4: 200 random starts, 1,500 simultaneous updates.
COUNTS = {
    "paper": {"D1": 174, "D0": 26},
    "zero_sum": {"line": 52, "plateau": 141},
    "labels=0,1,1": {"line": 106, "plateau": 87},
    "labels=0,1,0.5": {"line": 0, "plateau": 60},
}


def ends_of_200_starts(cost, policy="allow"):
    rng = np.random.default_rng(2021)
    a, b, g, h = (rng.uniform(low, 3, 200) for low in (0.2, -3, 0.2, -3))
    model = tussle.models.erf_lsgan(a=1.0, b=0.0, g=1.0, h=0.0, c=1.0, free="a,b,g,h", cost=cost, policy=policy)
    method = tussle.Map(tussle.Field(model.game), tussle.simultaneous(tussle.sgd(STEP)))
    starts = (np.stack([g, h], axis=1), np.stack([a, b], axis=1))
    return model, tussle.run(method, starts, 1500, keep=Keep.ends()).end


@pytest.mark.parametrize("cost", COUNTS)
def test_200_random_starts_end_as_counted(cost):
    model, end = ends_of_200_starts(cost)
    which = classes(*corners(model.game, end))
    near = np.abs(end[:, 2:]).max(axis=1) < 1e-3
    found = {name: int(np.sum(which == k)) for k, name in enumerate(CLASSES)}
    found |= {"line": int(near.sum()), "plateau": int(np.sum(which < 4))}
    assert {k: found[k] for k in COUNTS[cost]} == COUNTS[cost]


def test_some_slopes_of_the_discriminator_cross_zero_unless_they_are_kept_from_it():
    slopes = ends_of_200_starts("paper")[1][:, 2]
    assert slopes.min() == printed("-0.78")
    assert ends_of_200_starts("paper", policy="project")[1][:, [0, 2]].min() >= 1e-6


# Two routes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cost", ["paper", "zero_sum", "labels=0,1,0.5"])
def test_closed_forms_and_quadrature_nodes_give_one_path(cost):
    exact, nodes = (tussle.models.erf_lsgan("A", free="a,b,g,h", cost=cost, panels=p) for p in (0, 24))
    one, two = end_of(exact, 200), end_of(nodes, 200)
    assert two == pytest.approx(one, abs=1e-11)


def test_sampled_gradients_are_unbiased():
    model = tussle.models.erf_lsgan("B", panels=24)
    field = tussle.Field(model.game)
    exact = np.concatenate(field.at(model.start))
    draws = np.array([np.concatenate(field.at(model.start, model.game.sampler(200)(0, k))) for k in range(60)])
    error = draws.std(axis=0, ddof=1) / np.sqrt(len(draws))
    assert np.all(np.abs(draws.mean(axis=0) - exact) < 4 * error + 1e-12)


def test_the_papers_flow_is_the_zero_sum_flow_backward():
    """J(a, b, g, h) = V(-a, -b, g, h), spec 2.2."""
    rng = np.random.default_rng(0)
    for a, b, g, h in rng.uniform((0.2, -3, 0.2, -3), (3, 3, 3, 3), (5, 4)):
        paper = tussle.models.erf_lsgan(a=a, b=b, g=g, h=h, c=0.8)
        mirror = tussle.models.erf_lsgan(a=-a, b=-b, g=g, h=h, c=0.8, cost="zero_sum")
        j, v = (float(values(m.game, np.concatenate(m.start)[None])[0]) for m in (paper, mirror))
        assert j == pytest.approx(v, abs=1e-14)


def test_a_probit_is_an_erf_of_a_narrower_argument():
    values_of = {"g": 1.5, "h": -2.0, "c": 0.5}
    root = 2**0.5
    erf = tussle.models.erf_lsgan(a=2.2, b=-3.0, **values_of)
    probit = tussle.models.erf_lsgan(a=2.2 * root, b=-3.0 * root, discriminator="probit", **values_of)
    one, two = (values(m.game, np.concatenate(m.start)[None])[0] for m in (erf, probit))
    assert one == pytest.approx(two, abs=1e-15)


def test_the_scale_of_the_rayleigh_latent_is_a_factor_of_g():
    one = tussle.models.erf_lsgan("A", sigma=1.0, g=0.75)
    two = tussle.models.erf_lsgan("A")
    assert values(one.game, np.array([[-2.0, -3.0]]))[0] == pytest.approx(
        values(two.game, np.array([[-2.0, -3.0]]))[0], abs=1e-14
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"case": "A", "c": -1.0}, "`c` is -1.0; it must be above 0"),
        ({"case": "A", "sigma": 0.0}, "`sigma` is 0.0; it must be above 0"),
        ({"case": "A", "h": float("nan")}, "`h` is nan; it must be finite"),
        ({"case": "A", "g": -1.0, "policy": "log"}, "with policy log it must be above 0"),
        ({"case": "A", "panels": 12, "policy": "stop"}, "there it may be allow or log"),
        ({"case": "A", "panels": 1, "tolerance": 1e-12}, "more than the tolerance 1e-12"),
        ({"case": "A", "free": "b,b"}, "each once"),
        ({"case": "A", "discriminator": "tanh"}, "`discriminator` is 'tanh'"),
        ({"case": "A", "latent": "cauchy"}, "`latent` is 'cauchy'"),
        ({"case": "A", "cost": "labels=0,x,1"}, "labels takes three numbers"),
        ({"case": "A", "cost": "paper=1"}, "only labels takes numbers"),
    ],
)
def test_wrong_values_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        tussle.models.erf_lsgan(**options)
