"""The Inception network of the Frechet Inception distance: the TensorFlow graph of 2015-12-05, as PyTorch weights.

It is not the Inception of torchvision: it has 1,008 outputs, its average pools leave the padding out of the mean, and
the last block pools by the maximum. Only this network's distance is called FID. Nothing is downloaded: the weights are
read from a file given, or from the cache where torch-fidelity, torchmetrics or pytorch-fid have left them.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, max_pool2d, relu

DIGEST = "6726825d"  # the first digits of the SHA-256 of the published file
FILES = ("weights-inception-2015-12-05-6726825d.pth", "pt_inception-2015-12-05-6726825d.pth")
SIZE, DIMENSION, CLASSES = 299, 2048, 1008


class Step(NamedTuple):
    """A convolution of a branch: its name, width and kernel; with stride 1 it keeps the size of the image."""

    name: str
    width: int
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1


class Unit(nn.Module):
    """Convolution, batch norm, ReLU."""

    conv: nn.Conv2d
    bn: nn.BatchNorm2d

    def __init__(self, inputs: int, step: Step, padded: bool = True) -> None:
        super().__init__()
        rows, columns = (k // 2 if padded and step.stride == 1 else 0 for k in step.kernel)
        self.conv = nn.Conv2d(inputs, step.width, step.kernel, step.stride, (rows, columns), bias=False)
        self.bn = nn.BatchNorm2d(step.width, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        """Return the unit's output."""
        return relu(self.bn(self.conv(x)))


class Mixed(nn.Module):
    """Branches side by side, each a chain of units that may end in a fork, and a pool with or without a unit."""

    branches: tuple[tuple[Step | tuple[Step, Step], ...], ...]
    pool: str
    projects: bool
    branch_pool: Unit

    def __init__(self, inputs: int, branches: tuple[tuple[Step | tuple[Step, Step], ...], ...], pool: str, to: int = 0):
        super().__init__()
        self.branches, self.pool, self.projects = branches, pool, to > 0
        for branch in branches:
            width = inputs
            for part in branch:
                for step in _steps(part):
                    self.add_module(step.name, Unit(width, step))
                width = next(_steps(part)).width
        if to:
            self.branch_pool = Unit(inputs, Step("branch_pool", to))

    def forward(self, x: Tensor) -> Tensor:
        """Return all branches, the pool last, joined along the channels."""
        found = [h for branch in self.branches for h in self._run(branch, x)]
        h = _pooled(x, self.pool)
        return torch.cat([*found, self.branch_pool(h) if self.projects else h], dim=1)

    def _run(self, branch: tuple[Step | tuple[Step, Step], ...], x: Tensor) -> list[Tensor]:
        last = [x]
        for part in branch:
            last = [self.get_submodule(step.name)(last[0]) for step in _steps(part)]
        return last


def _steps(part: Step | tuple[Step, Step]) -> Iterator[Step]:
    return iter((part,) if isinstance(part, Step) else part)


def _pooled(x: Tensor, pool: str) -> Tensor:
    if pool == "average":
        return avg_pool2d(x, 3, 1, 1, count_include_pad=False)
    return max_pool2d(x, 3, 1, 1) if pool == "maximum" else max_pool2d(x, 3, 2)


def _a(inputs: int, to: int) -> Mixed:
    five = (Step("branch5x5_1", 48), Step("branch5x5_2", 64, (5, 5)))
    three = Step("branch3x3dbl_1", 64), Step("branch3x3dbl_2", 96, (3, 3)), Step("branch3x3dbl_3", 96, (3, 3))
    return Mixed(inputs, ((Step("branch1x1", 64),), five, three), "average", to)


def _b(inputs: int) -> Mixed:
    three = Step("branch3x3dbl_1", 64), Step("branch3x3dbl_2", 96, (3, 3)), Step("branch3x3dbl_3", 96, (3, 3), 2)
    return Mixed(inputs, ((Step("branch3x3", 384, (3, 3), 2),), three), "halved")


def _c(inner: int) -> Mixed:
    flat, tall = (1, 7), (7, 1)
    one = Step("branch7x7_1", inner), Step("branch7x7_2", inner, flat), Step("branch7x7_3", 192, tall)
    name = "branch7x7dbl_"
    two = (
        Step(name + "1", inner),
        Step(name + "2", inner, tall),
        Step(name + "3", inner, flat),
        Step(name + "4", inner, tall),
        Step(name + "5", 192, flat),
    )
    return Mixed(768, ((Step("branch1x1", 192),), one, two), "average", 192)


def _d() -> Mixed:
    name = "branch7x7x3_"
    three = Step("branch3x3_1", 192), Step("branch3x3_2", 320, (3, 3), 2)
    seven = (
        Step(name + "1", 192),
        Step(name + "2", 192, (1, 7)),
        Step(name + "3", 192, (7, 1)),
        Step(name + "4", 192, (3, 3), 2),
    )
    return Mixed(768, (three, seven), "halved")


def _e(inputs: int, pool: str) -> Mixed:
    three = Step("branch3x3_1", 384), (Step("branch3x3_2a", 384, (1, 3)), Step("branch3x3_2b", 384, (3, 1)))
    name = "branch3x3dbl_"
    fork = Step(name + "3a", 384, (1, 3)), Step(name + "3b", 384, (3, 1))
    return Mixed(
        inputs,
        ((Step("branch1x1", 320),), three, (Step(name + "1", 448), Step(name + "2", 384, (3, 3)), fork)),
        pool,
        192,
    )


class Inception(nn.Module):
    """The network, with the names of its published PyTorch weights.

    Reference:
        Szegedy et al., "Rethinking the inception architecture for computer vision", CVPR 2016; Heusel et al., "GANs
        trained by a two time-scale update rule converge to a local Nash equilibrium", NeurIPS 2017.
    """

    Conv2d_1a_3x3: Unit
    Conv2d_2a_3x3: Unit
    Conv2d_2b_3x3: Unit
    Conv2d_3b_1x1: Unit
    Conv2d_4a_3x3: Unit
    Mixed_5b: Mixed
    Mixed_5c: Mixed
    Mixed_5d: Mixed
    Mixed_6a: Mixed
    Mixed_6b: Mixed
    Mixed_6c: Mixed
    Mixed_6d: Mixed
    Mixed_6e: Mixed
    Mixed_7a: Mixed
    Mixed_7b: Mixed
    Mixed_7c: Mixed
    fc: nn.Linear

    def __init__(self) -> None:
        super().__init__()
        three = (3, 3)
        self.Conv2d_1a_3x3 = Unit(3, Step("", 32, three, 2))
        self.Conv2d_2a_3x3 = Unit(32, Step("", 32, three), padded=False)
        self.Conv2d_2b_3x3 = Unit(32, Step("", 64, three))
        self.Conv2d_3b_1x1 = Unit(64, Step("", 80))
        self.Conv2d_4a_3x3 = Unit(80, Step("", 192, three), padded=False)
        self.Mixed_5b, self.Mixed_5c, self.Mixed_5d = _a(192, 32), _a(256, 64), _a(288, 64)
        self.Mixed_6a = _b(288)
        self.Mixed_6b, self.Mixed_6c, self.Mixed_6d, self.Mixed_6e = _c(128), _c(160), _c(160), _c(192)
        self.Mixed_7a, self.Mixed_7b, self.Mixed_7c = _d(), _e(1280, "average"), _e(2048, "maximum")
        self.fc = nn.Linear(DIMENSION, CLASSES)

    def pooled(self, x: Tensor) -> Tensor:
        """Return the pooled features (n, 2048) of images (n, 3, 299, 299), (pixel - 128) / 128."""
        h = max_pool2d(self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x))), 3, 2)
        h = max_pool2d(self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(h)), 3, 2)
        h = self.Mixed_6a(self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(h))))
        h = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(h))))
        return self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(h))).mean(dim=(2, 3))

    def logits(self, pooled: Tensor) -> Tensor:
        """Return logits without the bias, which the Inception score leaves out."""
        return pooled @ self.fc.weight.T

    def forward(self, x: Tensor) -> Tensor:
        """Return the pooled features of images."""
        return self.pooled(x)


def weights_path() -> str:
    """Return where the cache of PyTorch keeps the weights.

    Raises:
        FileNotFoundError: if no other tool has left them there.
    """
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    for name in FILES:
        if (folder / name).is_file():
            return str(folder / name)
    message = (
        f"the weights of the FID network are not in the cache of PyTorch under the name {FILES[0]}, and they are never "
        "downloaded; give `weights`, the path of that file, or take efficientnet_features() or data_classifier()."
    )
    raise FileNotFoundError(message)


def load(path: str) -> Inception:
    """Return the network with the weights of a file, every one of them, in evaluation mode."""
    network = Inception()
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True), strict=True)
    return network.eval().requires_grad_(False)
