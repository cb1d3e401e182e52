"""Citations: the papers behind the parts that a method is made of."""

import re
from typing import Any

from tussle.adjust import Adjusted
from tussle.gan import GAN
from tussle.map import Map

CONVERGE = (
    "Mescheder, Geiger, Nowozin: Which Training Methods for GANs do actually Converge? ICML 2018, arXiv 1801.04406"
)
PAPERS = {
    "minimax": "Goodfellow et al.: Generative Adversarial Nets, NIPS 2014",
    "nonsaturating": "Goodfellow et al.: Generative Adversarial Nets, NIPS 2014",
    "wasserstein": "Arjovsky, Chintala, Bottou: Wasserstein GAN, ICML 2017",
    "least_squares": "Mao et al.: Least Squares Generative Adversarial Networks, ICCV 2017",
    "rp-": "Jolicoeur-Martineau: The relativistic discriminator, ICLR 2019",
    "ra-": "Jolicoeur-Martineau: The relativistic discriminator, ICLR 2019",
    "rc-": "Jolicoeur-Martineau: On Relativistic f-Divergences, ICML 2020",
    "ralf-": "Jolicoeur-Martineau: On Relativistic f-Divergences, ICML 2020",
    "r1": CONVERGE,
    "r2": CONVERGE,
    "wgan_gp": "Gulrajani et al.: Improved Training of Wasserstein GANs, NIPS 2017",
    "wgan_lp": "Petzka, Fischer, Lukovnikov: On the regularization of Wasserstein GANs, ICLR 2018",
    "dragan": "Kodali et al.: On Convergence and Stability of GANs, 2017, arXiv 1705.07215",
    "noise": "Sonderby et al.: Amortised MAP Inference for Image Super-resolution, ICLR 2017 (instance noise)",
    "Consensus": "Mescheder, Nowozin, Geiger: The Numerics of GANs, NIPS 2017",
    "Symplectic": "Balduzzi et al.: The Mechanics of n-Player Differentiable Games, ICML 2018",
    "Jare": "Nie, Patel: Towards a Better Understanding and Regularization of GAN Training Dynamics, UAI 2019",
    "NagarajanKolter": "Nagarajan, Kolter: Gradient descent GAN optimization is locally stable, NIPS 2017",
    "Timescale": "Fiez, Ratliff: Local Convergence Analysis of Gradient Descent Ascent, ICLR 2021",
    "Extragradient": "Gidel et al.: A Variational Inequality Perspective on GANs, ICLR 2019",
    "Optimistic": "Daskalakis et al.: Training GANs with Optimism, ICLR 2018",
    "Competitive": "Schaefer, Anandkumar: Competitive Gradient Descent, NeurIPS 2019",
    "Lookahead": "Chavdarova et al.: Taming GANs with Lookahead-Minmax, ICLR 2021",
    "Momentum": "Gidel et al.: Negative Momentum for Improved Game Dynamics, AISTATS 2019",
}


def citations(map: Map, sources: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the model's own sources and the papers behind loss, penalties, noise, adjustments, rule and pace."""
    keys: list[str] = []
    game = map.field.game
    if isinstance(game, GAN):
        name = game.loss_function.name
        prefix = name.split("-")[0] + "-" if "-" in name else name
        keys += [prefix, *(p.name for p in game.penalties)]
        keys += ["noise"] if game.noise is not None else []
    field: Any = map.field
    while isinstance(field, Adjusted):
        keys.append(type(field.adjustment).__name__)
        field = field.inner
    keys += [type(map.rule).__name__, type(map.rule.pace).__name__]
    found = [*sources, *(PAPERS[k] for k in keys if k in PAPERS)]
    told: dict[str, str] = {}
    for text in found:
        told.setdefault(_identity(text), text)
    return tuple(told.values())


def _identity(text: str) -> str:
    """Return what a paper is known by: its number at arXiv where it has one, since a model may cite a section of it."""
    number = re.search(r"arXiv (\d{4}\.\d{4,5})", text)
    return number[1] if number else text
