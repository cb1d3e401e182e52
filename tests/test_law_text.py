"""Laws as text: every form gives the law of its numbers, and every wrong text is told where it goes wrong."""

import math
import pickle

import numpy as np
import pytest

from tussle import Atoms, Erlang, Exponential, Laplace, Mixture, Normal, Rayleigh, Samples, Uniform
from tussle.laws.parse import FORMS, parse_law, read_samples

EPS = float(np.finfo(np.float64).eps)


# Right texts -------------------------------------------------------------------------------------------------------

LAWS = {
    "normal(0,1)": Normal(0.0, 1.0),
    "normal(-1.5, 2e-3)": Normal(-1.5, 2e-3),
    "uniform(-1, 2)": Uniform(-1.0, 2.0),
    "uniform([0,1],[2,3.5])": Uniform(np.array([0.0, 1.0]), np.array([2.0, 3.5])),
    "exponential(2)": Exponential(2.0),
    "erlang(3, .5)": Erlang(3, 0.5),
    "laplace(1, 2)": Laplace(1.0, 2.0),
    "rayleigh(0.7)": Rayleigh(0.7),
    "normal([1,2], [3,4])": Normal(np.array([1.0, 2.0]), np.array([3.0, 4.0])),
    "normal([1,2], 3)": Normal(np.array([1.0, 2.0]), np.array([3.0, 3.0])),
    "0.25*laplace(0,1) + 0.75*uniform(-1,2)": Mixture((Laplace(0.0, 1.0), Uniform(-1.0, 2.0)), (0.25, 0.75)),
    "0.5*normal(-4,1)+0.5*normal(4,1)": Mixture((Normal(-4.0, 1.0), Normal(4.0, 1.0)), (0.5, 0.5)),
}


@pytest.mark.parametrize("text", LAWS)
def test_a_text_gives_the_law_of_its_numbers(text):
    found, wanted = parse_law(text), LAWS[text]
    x = np.random.default_rng(0).normal(size=(50, wanted.dimension)) * 2
    assert type(found) is type(wanted)
    assert np.array_equal(found.log_density(x), wanted.log_density(x))


def test_each_form_of_the_table_is_tested():
    texts = [*LAWS, "atoms"]
    assert all(any(name in text for text in texts) for name in FORMS)


def test_the_second_of_a_normal_law_in_the_plane_is_its_covariance():
    """The density is that of the book, with the determinant and inverse of the covariance as written."""
    law = parse_law("normal([1,-2], [[2,0.6],[0.6,0.5]])")
    x, det = np.array([[0.3, 0.4]]), 2 * 0.5 - 0.36
    d = x[0] - np.array([1.0, -2.0])
    square = (0.5 * d[0] ** 2 - 1.2 * d[0] * d[1] + 2 * d[1] ** 2) / det
    assert law.log_density(x)[0] == pytest.approx(
        -0.5 * square - 0.5 * math.log(det) - math.log(2 * math.pi), rel=1e-13
    )


def test_a_list_of_one_may_have_a_matrix_of_one():
    for text in ("normal([0],[[4]])", "normal(0,[[4]])"):
        assert parse_law(text).cdf(np.array([2.0]))[0] == pytest.approx(0.8413447460685429, rel=1e-14)  # Phi(1)


def test_a_singular_covariance_is_a_law_on_a_line():
    points = parse_law("normal([0,0],[[1,2],[2,4]])").sample(np.random.default_rng(0), 100)
    assert np.allclose(points[:, 1], 2 * points[:, 0], atol=1e-12)


def test_atoms_are_points_with_weights():
    nodes = parse_law("atoms([0,2],[0.25,0.75])").nodes()
    assert (nodes.points.tolist(), nodes.weights.tolist()) == ([[0.0], [2.0]], [0.25, 0.75])
    plane = parse_law("atoms([[0,1],[2,3]])").nodes()
    assert (plane.points.tolist(), plane.weights.tolist()) == ([[0.0, 1.0], [2.0, 3.0]], [0.5, 0.5])


def test_mixtures_of_atoms_are_atoms():
    found = parse_law("0.5*atoms([0]) + 0.5*atoms([1,2],[0.5,0.5])")
    assert isinstance(found, Atoms)
    assert found.nodes().weights.tolist() == [0.5, 0.25, 0.25]


def test_weights_in_ten_decimals_need_not_sum_to_one_exactly():
    thirds = "0.3333333333"
    law = parse_law(f"{thirds}*normal(0,1)+{thirds}*normal(1,1)+0.3333333334*normal(2,1)")
    atoms = parse_law(f"atoms([0,1,2],[{thirds},{thirds},{thirds}])").nodes()
    assert abs(float(law.shares.sum()) - 1) <= 2 * EPS
    assert np.allclose(atoms.weights, 1 / 3, atol=EPS)


@pytest.mark.parametrize(
    "text", [" normal ( 0 , 1 ) ", "NORMAL(0,1)", "normal(+0,1.)", "normal(-0,1e0)", "normal(0,.1E1)"]
)
def test_spaces_capitals_and_ways_to_write_a_number_do_not_matter(text):
    assert parse_law(text).log_density(np.array([[0.5]]))[0] == Normal(0.0, 1.0).log_density(np.array([[0.5]]))[0]


@pytest.mark.parametrize("seed", range(20))
def test_every_float_comes_back_as_it_was_written(seed):
    rng = np.random.default_rng(seed)
    m, s, w = rng.normal() * 10.0 ** rng.integers(-200, 200), 10.0 ** rng.uniform(-200, 200), rng.uniform()
    law = parse_law(f"{w!r}*normal({float(m)!r},{s!r}) + {1 - w!r}*laplace({float(m)!r},{s!r})")
    assert (law.laws[0].mean, law.laws[0].std, law.laws[1].scale) == (m, s, s)
    assert np.abs(law.shares - [w, 1 - w]).max() <= 2 * EPS


# Wrong texts -------------------------------------------------------------------------------------------------------

WRONG = {
    "": "position 1 .'the end'.; here a law must stand",
    "   ": "here a law must stand",
    "normal": "position 7 .'the end'.; normal is followed by its numbers in parentheses",
    "normal()": "position 8 .'.'.; here a number must stand",
    "normal(0": "a comma or a closing parenthesis",
    "normal(0,": "here a number must stand",
    "normal(0,1))": "position 12 .*after a law there may come",
    "normal(0,1) normal(0,1)": "position 13 .*after a law there may come",
    "normal(0,1)-normal(1,1)": "after a law there may come [+]",
    "normal(0,1)*2": "after a law there may come [+]",
    "normal(0)": r"normal takes 2 value.s., not 1; the form is normal\(mean, std\)",
    "normal(0,1,2)": "normal takes 2 value.s., not 3",
    "normal(0,0)": "`std` is 0.0 .* std above 0",
    "normal(0,-1)": "`std` is -1.0",
    "normal([0,0],[1,-1])": "std above 0",
    "normal(1e400,1)": "`mean` inf; both must be finite",
    "normal(0,1e400)": "`std` is inf",
    "normal(nan,1)": "position 8 .'nan,1.'.; here a number must stand",
    "normal(inf,1)": "here a number must stand",
    "normal(--1,1)": "here a number must stand",
    "normal(1_000,1)": "a comma or a closing parenthesis",
    "normal(0x10,1)": "a comma or a closing parenthesis",
    "normal(１,1)": "here a number must stand",
    "normal(0;1)": "a comma or a closing parenthesis",
    "normal{0,1}": "followed by its numbers in parentheses",
    "norml(0,1)": "norml is no law; did you mean `normal`?",
    "cauchy(0,1)": "cauchy is no law; there are normal, uniform, .* and .npy and .csv files",
    "uniform(1,0)": "`high` is 0.0 for `low` 1.0; it must be above it",
    "uniform(0,0)": "must be above it",
    "uniform([0,0],[1,1,1])": r"the ends have shapes \(2,\) and \(3,\)",
    "uniform([[0]],1)": r"the ends have shapes \(1, 1\) and \(\)",
    "exponential(0)": "`rate` is 0.0; it must be above 0",
    "exponential(1,2)": "exponential takes 1 value.s., not 2",
    "exponential([1,2])": "exponential is of one dimension and takes plain numbers",
    "erlang(2.5,1)": "the shape 2.5 of erlang must be a whole number",
    "erlang(0,1)": "`shape` is 0; it must be a whole number of at least 1",
    "laplace(0,0)": "`scale` is 0.0",
    "rayleigh(-1)": "`scale` is -1.0",
    "atoms([])": "here a number must stand",
    "atoms([0,1],[0.5])": "`weights` .0.5. are wrong for 2 atom.s.",
    "atoms([0,1],[0.5,0.6])": "sum to 1; divide them by their sum",
    "atoms([0,1],[1.5,-0.5])": "0 or more for each",
    "atoms([0],[1],[2])": "atoms takes 1 or 2 value.s., not 3",
    "normal([0,0],[[1,0.5],[0.4,1]])": "the covariance must be symmetric",
    "normal([0,0],[[1,2],[2,1]])": "without negative eigenvalues, but has -1",
    "normal([0,0],[[1,0]])": r"covariance shape \(1, 2\), not \(2, 2\)",
    "normal([0,0,0],[[1,0],[0,1]])": r"3 number.s. and the covariance shape \(2, 2\)",
    "normal([0,0],[1,2,3])": r"mean has shape \(2,\) and the standard deviations \(3,\)",
    "normal([0,[1]],1)": "the rows of a list must have the same length",
    "normal([[[0]]],1)": "position 10 .*but no deeper ones",
    "normal([0,1,1)": "a comma or a closing bracket",
    "0.5*": "here a law must stand",
    "0.5normal(0,1)": "position 4 .*a weight is followed by [*] and its law",
    "1/2*normal(0,1)+1/2*normal(1,1)": "a weight is followed by [*]",
    "0.5*normal(0,1)": "the weights .0.5. must be 0 or more and sum to 1, not 0.5",
    "0.5*normal(0,1)+0.6*normal(1,1)": "sum to 1, not 1.1",
    "-0.5*normal(0,1)+1.5*normal(1,1)": "the weights .-0.5, 1.5. must be 0 or more",
    "0.5*normal(0,1)+normal(1,1)": "each law of a mixture needs its weight",
    "normal(0,1)+normal(1,1)": "each law of a mixture needs its weight",
    "0.5*normal(0,1)+0.5*atoms([0])": "atoms mix with atoms only",
    "0.5*normal(0,1)+0.5*normal([0,0],1)": "must be of one dimension",
    "x.txt": "x is no law",
    "nothing.npy": "`nothing.npy` is no file; give a law such as",
    "nothing.csv": "`nothing.csv` is no file",
}


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_text_is_told_in_one_sentence_where_it_goes_wrong(text):
    with pytest.raises(ValueError, match=WRONG[text]) as caught:
        parse_law(text)
    assert "\n" not in str(caught.value)


def test_a_long_text_is_not_repeated_whole():
    with pytest.raises(ValueError, match=r"`a{77}\.\.\.` goes wrong"):
        parse_law("a" * 200)


def test_texts_are_never_evaluated(tmp_path):
    """Python that would leave a trace leaves none, wherever a law, a number or a list may stand."""
    trace = tmp_path / "trace"
    code = f"__import__('pathlib').Path('{trace}').touch()"
    for text in (code, f"normal({code},1)", f"normal([{code}],1)", f"{code}*normal(0,1)", f"normal(0,1)+{code}"):
        with pytest.raises(ValueError, match="goes wrong at position"):
            parse_law(text)
    assert not trace.exists()


# Files -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(5, 2), (5, 1), (7, 3)])
def test_samples_written_to_a_file_come_back(tmp_path, shape):
    x = np.random.default_rng(0).normal(size=shape)
    np.save(tmp_path / "x.npy", x)
    (tmp_path / "x.csv").write_text("\n".join(",".join(map(repr, row)) for row in x.tolist()))
    for name in ("x.npy", "x.csv"):
        found = parse_law(f" {tmp_path / name} ")
        assert isinstance(found, Samples)
        assert np.array_equal(found.points, x)


def test_a_list_of_numbers_is_samples_on_a_line_and_pictures_are_flat(tmp_path):
    np.save(tmp_path / "line.npy", np.arange(4))
    np.save(tmp_path / "pictures.npy", np.zeros((3, 2, 2), dtype=np.uint8))
    assert read_samples(tmp_path / "line.npy").points.shape == (4, 1)
    assert read_samples(tmp_path / "pictures.npy").points.shape == (3, 4)


@pytest.mark.parametrize("text", ["1,2\n3,4\n", "x,y\n1,2\n3,4", "\ufeff1, 2\r\n\r\n3 ,4\r\n"])
def test_a_table_may_have_a_line_of_words_first_spaces_and_empty_lines(tmp_path, text):
    path = tmp_path / "x.CSV"
    path.write_bytes(text.encode())
    assert read_samples(path).points.tolist() == [[1.0, 2.0], [3.0, 4.0]]


TABLES = {
    "": "holds float64 of shape .0,.; it must hold numbers",
    "x\n": "it must hold numbers, one sample a row",
    "1,2\n3\n": "rows of 1 and of 2 numbers",
    "1,2x\n3,4\n": "line 1 of the numbers is '1,2x'",
    "1\nabc\n2\n": "line 2 of the numbers is 'abc'",
    "1,2,\n": "line 1 of the numbers is '1,2,'",
    "3\n1_0\n": "line 2 of the numbers is '1_0'",
    "x,y\nu,v\n1,2\n": "line 1 of the numbers is 'u,v'",
    "1,nan\n": "1 row.s. with NaN or infinity, first row 1; every number must be finite; drop these rows",
    "1\n1e400\n": "first row 2",
}


@pytest.mark.parametrize("text", TABLES)
def test_a_wrong_table_is_told_in_one_sentence(tmp_path, text):
    path = tmp_path / "x.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=TABLES[text]):
        read_samples(path)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.array(3.0), r"holds float64 of shape \(\)"),
        (np.zeros((0, 2)), r"shape \(0, 2\)"),
        (np.array(["x"]), "holds <U1"),
        (np.array([1 + 2j]), "holds complex128"),
        (np.array([[0.0], [math.nan], [math.inf]]), "2 row.s. with NaN or infinity, first row 2"),
    ],
)
def test_an_array_of_something_else_is_told_in_one_sentence(tmp_path, values, words):
    np.save(tmp_path / "x.npy", values)
    with pytest.raises(ValueError, match=words):
        read_samples(tmp_path / "x.npy")


def test_a_file_never_runs_code_and_nobody_is_told_to_let_it(tmp_path):
    (tmp_path / "x.npy").write_bytes(pickle.dumps([1, 2]))
    np.save(tmp_path / "y.npy", np.array([{}], dtype=object), allow_pickle=True)
    for name in ("x.npy", "y.npy"):
        with pytest.raises(ValueError, match=r"it is no \.npy array of plain numbers") as caught:
            read_samples(tmp_path / name)
        assert "pickle" not in str(caught.value)


def test_a_folder_and_bytes_are_no_samples(tmp_path):
    (tmp_path / "folder.npy").mkdir()
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="is no file"):
        read_samples(tmp_path / "folder.npy")
    with pytest.raises(ValueError, match="cannot be read as numbers"):
        read_samples(tmp_path / "bytes.csv")
