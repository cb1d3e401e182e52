"""Feature networks: weights load in full, known photographs are recognized, provenance is told, classifiers repeat."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage import data as photographs

from tussle.data import digits
from tussle.metrics import data_classifier, efficientnet_features, evaluate, inception_features, network_features
from tussle.metrics import efficientnet as lite
from tussle.metrics import inception as fid_network
from tussle.metrics.resize import resized


def square(image):
    """The middle of a photograph, (1, 3, s, s) in [-1, 1]."""
    side = min(image.shape[:2])
    top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    middle = image[top : top + side, left : left + side].astype(np.float32)
    return middle.transpose(2, 0, 1)[None] / 127.5 - 1


@pytest.fixture(scope="module")
def features():
    return efficientnet_features()


@pytest.mark.parametrize(
    ("image", "classes"),
    [("chelsea", {281, 282, 285}), ("coffee", {967})],  # ImageNet: tabby, tiger and Egyptian cat; espresso
)
def test_efficientnet_recognizes_photographs(features, image, classes):
    pooled = features.of(square(getattr(photographs, image)()))
    assert pooled.shape == (1, 1280)
    assert 0 <= pooled.min() <= pooled.max() <= 6
    logits = features.logits(pooled)[0]
    assert logits.shape == (1000,)
    assert int(np.argmax(logits)) in classes
    assert set(np.argsort(-logits)[: len(classes)].tolist()) == classes


def test_efficientnet_has_its_published_size_and_provenance(features):
    path = Path(lite.weights_path())
    assert sum(p.numel() for p in lite.load(str(path)).parameters()) == pytest.approx(4.7e6, abs=5e4)
    assert features.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert path.stem.endswith(features.digest[:8])  # as the authors named the file
    told = features.to_json()
    assert told["name"] == "efficientnet-lite0"
    assert told["dimension"] == 1280
    assert told["resize"] == "bicubic, antialiased, to 224 x 224"
    assert "(v - 127) / 128" in told["preprocessing"]
    assert told["fid"] is False


@pytest.mark.parametrize(("side", "kernel", "stride"), [(8, 3, 2), (7, 3, 2), (9, 5, 2), (8, 5, 1)])
def test_convolutions_pad_as_tensorflow_does(side, kernel, stride):
    generator = torch.Generator().manual_seed(0)
    conv = lite.conv(1, 1, kernel, stride)
    image = torch.randn(side, side, generator=generator)
    weight = conv.weight.detach()[0, 0]
    found = conv(image[None, None]).detach()[0, 0]
    size = -(-side // stride)
    before = max((size - 1) * stride + kernel - side, 0) // 2
    assert found.shape == (size, size)
    for i in range(size):
        for j in range(size):
            total = 0.0
            for a in range(kernel):
                for b in range(kernel):
                    row, column = i * stride + a - before, j * stride + b - before
                    if 0 <= row < side and 0 <= column < side:
                        total += float(weight[a, b] * image[row, column])
            assert float(found[i, j]) == pytest.approx(total, abs=1e-5)


def test_missing_or_other_weights_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"`weights` is nowhere.pth, which is no file"):
        efficientnet_features(weights="nowhere.pth")
    state = torch.load(lite.weights_path(), weights_only=True)
    del state["_fc.bias"]
    torch.save(state, tmp_path / "short.pth")
    with pytest.raises(RuntimeError, match="Missing key"):
        efficientnet_features(weights=str(tmp_path / "short.pth"))


def test_the_fid_network_is_never_downloaded(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(FileNotFoundError, match="weights of the FID network are not in the cache of PyTorch"):
        inception_features()
    (tmp_path / "checkpoints").mkdir()
    file = tmp_path / "checkpoints" / fid_network.FILES[1]
    file.write_bytes(b"")
    assert fid_network.weights_path() == str(file)


def test_the_inception_network_has_its_published_shape_and_only_its_own_weights_make_a_fid(tmp_path):
    network = fid_network.Inception()
    # That of torchvision without its side branch has 23,834,568; here are 8 classes more.
    assert sum(p.numel() for p in network.parameters()) == 23_834_568 + 8 * 2049
    torch.save(network.state_dict(), tmp_path / "random.pth")
    features = inception_features(weights=str(tmp_path / "random.pth"))
    images = np.random.default_rng(0).uniform(-1, 1, (2, 1, 8, 8))
    pooled = features.of(images)
    assert pooled.shape == (2, 2048)
    assert np.all(np.isfinite(pooled))
    assert features.logits(pooled).shape == (2, 1008)
    assert features.fid is False
    assert features.to_json()["resize"].startswith("bilinear of TensorFlow 1")
    with pytest.raises(ValueError, match="`features` is inception with other weights than published; the metric `fid`"):
        evaluate("fid", images, images, features=features)


def test_the_inception_network_is_that_of_torch_fidelity(tmp_path):
    reference = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")
    network = fid_network.Inception().eval()
    torch.save(network.state_dict(), tmp_path / "random.pth")
    theirs = reference.FeatureExtractorInceptionV3(
        "i", ["2048"], feature_extractor_weights_path=tmp_path / "random.pth"
    )
    image = torch.randint(0, 256, (1, 3, 20, 24), dtype=torch.uint8)
    with torch.no_grad():
        ours = network.pooled((resized(image.float(), 299, "tf1") - 128) / 128)
        assert torch.allclose(theirs(image)[0], ours, rtol=1e-5, atol=1e-7)


def test_the_filters_differ_and_the_one_of_tensorflow_starts_at_the_corner():
    ramp = torch.tensor([[[[0.0, 10.0], [0.0, 10.0]]]])
    assert resized(ramp, 4, "tf1")[0, 0, 0].tolist() == [0, 5, 10, 10]
    assert resized(ramp, 4, "bilinear")[0, 0, 0].tolist() == pytest.approx([0, 2.5, 7.5, 10])
    assert torch.equal(resized(ramp, 9, "none"), ramp)
    with pytest.raises(ValueError, match=r"`resize` is 'bicubc'.*did you mean `bicubic`"):
        efficientnet_features(resize="bicubc")


def test_images_the_networks_cannot_take_are_refused(features):
    with pytest.raises(ValueError, match=r"`images` have shape \(5, 8\); efficientnet-lite0 takes images"):
        features.of(np.zeros((5, 8)))
    with pytest.raises(ValueError, match="`images` have 2 channels; they must have 1 or 3"):
        features.of(np.zeros((1, 2, 8, 8)))
    with pytest.raises(ValueError, match=r"`limits` are \(1, -1\)"):
        efficientnet_features(limits=(1, -1))


def test_limits_of_pixel_values_change_nothing_but_the_unit():
    images = np.random.default_rng(0).uniform(-1, 1, (2, 1, 8, 8))
    first = efficientnet_features(size=32).of(images)
    second = efficientnet_features(size=32, limits=(0, 255)).of((images + 1) * 127.5)
    assert np.abs(first - second).max() < 1e-3


def test_a_classifier_of_the_data_depends_on_its_seed_alone():
    data = digits(0.0).train
    before, threads = torch.random.get_rng_state(), torch.get_num_threads()
    images, labels = data.images[:700], data.labels[:700]
    make = lambda seed: data_classifier(images, labels, seed=seed, epochs=10, batch=16, lr=4e-3, width=8)
    first, again, other = make(1), make(1), make(2)
    assert first.digest == again.digest != other.digest
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.get_num_threads() == threads
    assert first.accuracy > 0.8
    assert first.to_json()["accuracy"] == first.accuracy
    pooled = first.of(images)
    assert pooled.shape == (700, 64)
    assert np.mean(pooled**2) == pytest.approx(1, rel=0.05)  # the unit of its features
    assert np.mean(first.logits(pooled).argmax(1) == labels) > 0.95


def test_a_classifier_needs_images_with_their_labels():
    images = np.zeros((30, 1, 8, 8))
    with pytest.raises(ValueError, match=r"`images` have shape \(30, 64\)"):
        data_classifier(images.reshape(30, 64), np.arange(30))
    with pytest.raises(ValueError, match=r"`labels` of shape \(29,\) and type int64 do not fit 30 images"):
        data_classifier(images, np.arange(29))
    with pytest.raises(ValueError, match=r"`labels` of shape \(30,\) and type float64"):
        data_classifier(images, np.ones(30))
    with pytest.raises(ValueError, match="`held_out` is 1; it must be above 0 and below 1"):
        data_classifier(images, np.arange(30), held_out=1)
    with pytest.raises(ValueError, match=r"`images` has 5 sample.s.; this metric needs 20"):
        data_classifier(images[:5], np.arange(5))


def test_any_module_can_give_the_features():
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 3))
    images = np.random.default_rng(1).standard_normal((40, 1, 4, 4))
    features = network_features(module, images, name="a projection")
    weight, bias = (p.detach().double().numpy() for p in module[1].parameters())
    assert features.dimension == 3
    assert features.of(images, batch=7) == pytest.approx(images.reshape(40, 16) @ weight.T + bias, abs=1e-5)
    found = evaluate("frechet", images[:20], images[20:], features=features)["frechet"]
    assert found.to_json()["features"]["name"] == "a projection"
    assert len(features.digest) == 64
    with pytest.raises(ValueError, match="`features` is a projection, which has no classes"):
        evaluate("classifier_score", images, images, features=features)
