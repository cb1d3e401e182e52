"""Data sets of torchvision, tried on a stand-in with its interface."""

import sys
import types

import numpy as np
import pytest

from tussle.data import load

Image = pytest.importorskip("PIL.Image")
PIXELS = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), dtype=np.uint8)
LABELS = np.arange(20) % 4


class Stored:
    """Keeps its images in an array, as CIFAR10 does."""

    classes = ("ant", "bee", "cat", "dog")

    def __init__(self, root, train=True, transform=None, download=False):
        if root.endswith("nowhere"):
            raise RuntimeError("Dataset not found or corrupted. You can use download=True to download it")
        self.asked = (root, train, download)
        ASKED.append(self.asked)
        self.data, self.targets = PIXELS, LABELS.tolist()


class Channels:
    """Keeps them with the channels first, as STL10 does."""

    def __init__(self, root, split="train", download=False):
        ASKED.append((root, split, download))
        self.data, self.labels = PIXELS.transpose(0, 3, 1, 2), LABELS


class OneByOne:
    """Decodes them when it is asked for them, and offers no download."""

    def __init__(self, root, size=8):
        self.size = size

    def __len__(self):
        return 20

    def __getitem__(self, k):
        side = 8 if k else self.size
        return Image.fromarray(PIXELS[k][:side, :side]), int(LABELS[k])


class Mixed(OneByOne):
    def __init__(self, root):
        self.size = 5


ASKED = []


@pytest.fixture(autouse=True)
def torchvision(monkeypatch):
    """A module like torchvision."""
    datasets = types.ModuleType("torchvision.datasets")
    for kind in (Stored, Channels, OneByOne, Mixed):
        setattr(datasets, kind.__name__, kind)
    package = types.ModuleType("torchvision")
    package.datasets = datasets
    monkeypatch.setitem(sys.modules, "torchvision", package)
    monkeypatch.setitem(sys.modules, "torchvision.datasets", datasets)
    ASKED.clear()


@pytest.mark.parametrize("kind", ["Stored", "Channels", "OneByOne"])
def test_images_and_labels_are_those_of_torchvision(kind, tmp_path):
    data = load(f"torchvision:{kind}", root=tmp_path, held_out=0.0)
    order = np.argsort(data.train.rows)
    np.testing.assert_allclose(data.train.points[order], PIXELS.transpose(0, 3, 1, 2) / 127.5 - 1, atol=2e-7)
    assert np.array_equal(data.train.labels[order], LABELS)
    assert (data.shape, data.classes) == ((3, 8, 8), 4)
    assert load(f"torchvision:{kind}", root=tmp_path, size=4, channels=1, limit=10).shape == (1, 4, 4)


def test_the_training_part_is_asked_for_without_download(tmp_path):
    load("torchvision:Stored", root=tmp_path)
    load("torchvision:Channels", root=tmp_path)
    load("torchvision:Stored", root=tmp_path, download=True)
    place = str(tmp_path)
    expected = [(place, True, False), (place, "train", False), (place, True, True)]
    assert expected == ASKED


@pytest.mark.parametrize(
    ("name", "options", "match"),
    [
        ("Stored", {}, "`root` is missing for torchvision:Stored; it must be the folder that holds the data"),
        ("Stored", {"root": "nowhere"}, "`root` nowhere does not hold Stored .* or give download=True"),
        ("Storde", {"root": "."}, "`name` is torchvision:Storde; .*; did you mean `Stored`"),
        ("Mixed", {"root": "."}, r"has images of the shapes \(3, 5, 5\) and \(3, 8, 8\); they must be of one size"),
        ("Stored", {"root": ".", "download": "no"}, "`download` is 'no'"),
    ],
)
def test_what_torchvision_cannot_give_is_refused(name, options, match):
    with pytest.raises(ValueError, match=match):
        load(f"torchvision:{name}", **options)


def test_without_torchvision_one_sentence_says_so(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torchvision.datasets", None)
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(ModuleNotFoundError, match="`torchvision:CIFAR10` needs torchvision, which is not installed"):
        load("torchvision:CIFAR10", root=tmp_path)
