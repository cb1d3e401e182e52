"""How much of a field rotates, and the spectral densities of its symmetric and of its rotating part."""

from typing import Any

import numpy as np
import torch

from tussle.doctor.examination import Examination
from tussle.doctor.krylov import Density, Operator, averaged, lanczos
from tussle.doctor.products import cast, dense, kept, looked, recorded, whole_field
from tussle.game import joined, sizes_of
from tussle.records import record, static

DENSE = 128  # parameters up to which the share is exact
PROBES = {"quick": 4, "standard": 8, "deep": 16}  # random vectors for the share of rotation
STEPS = {"quick": 12, "standard": 20, "deep": 40}  # of Lanczos


def share_of_rotation(exam: Examination) -> tuple[float, float]:
    """Return |A|^2 / (|S|^2 + |A|^2) of the field's Jacobian J = S + A in Frobenius norms, and its standard error.

    |J|^2 = E |J^T u|^2 and tr J^2 = |S|^2 - |A|^2 = E u . J^T J^T u over random u; exact for small networks.
    """

    def look() -> tuple[float, float]:
        point, batch = cast(exam, looked(exam))
        operator = recorded(exam, *whole_field(exam.patient.field, point, batch))
        if (size := sum(sizes_of(point))) <= DENSE:
            small = dense(operator, joined(point)).small
            return _share(np.array([np.sum(small * small)]), np.array([np.sum(small * small.T)]))
        rng, squares, traces = np.random.default_rng(exam.seed), [], []
        for _ in range(PROBES[exam.depth]):
            u = torch.as_tensor(rng.choice([-1.0, 1.0], size), dtype=point[0].dtype, device=point[0].device)
            image = operator(u)
            squares.append(float(image @ image))
            traces.append(float(u @ operator(image)))
        return _share(np.array(squares), np.array(traces))

    return exam.once("share of rotation", look)


def _share(squares: np.ndarray, traces: np.ndarray) -> tuple[float, float]:
    norm = float(squares.mean())
    if norm == 0:
        return 0.0, 0.0
    ratio = float(traces.mean()) / norm
    error = float(np.std(traces - ratio * squares, ddof=1) / norm / np.sqrt(len(traces))) if len(traces) > 1 else 0.0
    return float(np.clip((1 - ratio) / 2, 0, 1)), error / 2


@record
class Densities:
    """Spectral densities of the symmetric part S (growth and damping) and of the rotating part A of a Jacobian S + A.

    Attributes:
        symmetric: nodes are eigenvalues of S.
        rotating: nodes are frequencies w, with eigenvalues i w of A.
        probes: random vectors that were averaged over.
    """

    symmetric: Density = static()
    rotating: Density = static()
    probes: int = static()

    def to_json(self) -> dict[str, Any]:
        """Return the densities as JSON knows them."""
        return {
            name: {"nodes": one.nodes.tolist(), "weights": one.weights.tolist()}
            for name, one in (("symmetric", self.symmetric), ("rotating", self.rotating))
        }


def densities(exam: Examination, probes: int = 2) -> Densities:
    """Return the spectral densities of the symmetric and of the rotating part of the field's Jacobian, by Lanczos."""

    def look() -> Densities:
        point, batch = cast(exam, looked(exam))
        function, at = whole_field(exam.patient.field, point, batch)
        back = recorded(exam, function, at)
        forward = recorded(exam, back, torch.zeros_like(at))  # the transpose of u -> J^T u is t -> J t
        rng, steps = np.random.default_rng(exam.seed), STEPS[exam.depth]
        parts: tuple[list[Density], list[Density]] = ([], [])
        for _ in range(probes):
            u = torch.as_tensor(rng.standard_normal(len(at)), dtype=at.dtype, device=at.device)
            for sign, found in zip((1.0, -1.0), parts, strict=True):
                half: Operator = lambda v, sign=sign: 0.5 * (forward(v) + sign * back(v))
                found.append(lanczos(half, u, steps, skew=sign < 0))
        return kept(exam, "densities", Densities(averaged(parts[0]), averaged(parts[1]), probes))

    return exam.once("densities", look)
