"""The digits that come with scikit-learn, and the preset that is trained on them."""

import sys

import numpy as np
import pytest

from tussle.data import digits

pytest.importorskip("sklearn")


def test_the_images_are_those_of_scikit_learn_scaled_to_one():
    from sklearn.datasets import load_digits

    found = digits(share=0.0).train
    assert found.images.shape == (1797, 1, 8, 8)
    assert found.images.dtype == np.float32
    assert (found.images.min(), found.images.max()) == (-1.0, 1.0)
    original = load_digits()
    sums = np.bincount(original.target, original.images.sum(axis=(1, 2)))
    ours = np.bincount(found.labels, (8 * (found.images + 1)).sum(axis=(1, 2, 3)))
    np.testing.assert_allclose(ours, sums, rtol=1e-12)


def test_no_image_is_both_trained_on_and_held_out():
    split = digits(share=0.25, seed=3)
    assert len(split.train) + len(split.held_out) == 1797
    assert len(split.held_out) == 449
    together = np.concatenate([split.train.images, split.held_out.images]).reshape(1797, -1)
    everything = digits(share=0.0).train.images.reshape(1797, -1)
    np.testing.assert_array_equal(*(x[np.lexsort(x.T)] for x in (together, everything)))


def test_the_split_depends_on_the_seed_alone():
    first, again, other = digits(seed=1), digits(seed=1), digits(seed=2)
    assert np.array_equal(first.held_out.images, again.held_out.images)
    assert not np.array_equal(first.held_out.images, other.held_out.images)


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_a_share_that_leaves_nothing_is_refused(share):
    with pytest.raises(ValueError, match=r"`share` is .*; it must be .*; give "):
        digits(share=share)


def test_without_scikit_learn_one_sentence_says_what_to_install(monkeypatch):
    for name in [m for m in sys.modules if m.split(".")[0] == "sklearn"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ModuleNotFoundError, match=r"run pip install tussle\[data\]"):
        digits()


def test_a_hundred_steps_with_r1_bring_the_fakes_to_the_data():
    pytest.importorskip("torch")
    from tussle.training import train_digits

    run, data = train_digits(1.0, 100, seed=0, width=4, every=50), digits().train.images
    assert run.training.ending == "running"
    assert run.training.at.tolist() == [50, 100]
    fakes = run.network.samples(run.network.start, 256), run.samples(256)
    gaps = [np.abs(x.mean(axis=0) - data.mean(axis=0)).mean() for x in fakes]
    assert gaps[1] < 0.6 * gaps[0]


def test_a_negative_weight_is_refused():
    pytest.importorskip("torch")
    from tussle.training import digits_gan

    with pytest.raises(ValueError, match=r"`penalty_weight` is -1; it must be 0 or more; give"):
        digits_gan(-1)
