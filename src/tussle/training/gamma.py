"""The weight of R1 when a recipe leaves it to the library.

For images the rule of thumb of StyleGAN2-ADA: gamma = 0.0002 pixels / batch, pixels = height x width. It goes with the
square of the resolution and against the batch size; the runs that were tuned by hand lie within a factor of four.

For other data the critical weight of the Dirac-GAN, where damping is just enough for the rotation: gamma = 2 |f'(0)|,
with f'(0) the slope of the loss at equilibrium (1/2 for the log loss).

References:
    Karras et al., "Training generative adversarial networks with limited data", NeurIPS 2020.
    Mescheder, Geiger, Nowozin, "Which training methods for GANs do actually converge?", ICML 2018.
"""

import math

from tussle.losses import Loss, two_activation


def automatic_gamma(shape: tuple[int, ...], batch: int, loss: Loss) -> float:
    """Return a weight of R1.

    Args:
        shape: of one sample; three axes are channels, height, width.
        batch: samples in a batch.
        loss: what is trained on.

    Returns:
        gamma, in the gamma/2 convention.

    Example:
        >>> from tussle.losses import loss
        >>> automatic_gamma((3, 32, 32), 64, loss("nonsaturating")), automatic_gamma((2,), 64, loss("nonsaturating"))
        (0.0032, 1.0)
    """
    if len(shape) == 3:
        return 0.0002 * shape[1] * shape[2] / batch
    slopes = two_activation(loss).slopes
    found = 2 * math.sqrt(abs(slopes[0] * slopes[1]))
    return found if math.isfinite(found) and found > 0 else 1.0
