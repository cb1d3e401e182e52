"""Patients from training runs: the networks, the method and the moments of a folder that `tussle train` wrote."""

from pathlib import Path
from typing import Any

import numpy as np

from tussle.doctor.changes import onto
from tussle.doctor.patient import Patient
from tussle.game import Point
from tussle.gan import GAN
from tussle.map import Map
from tussle.measures import Samples
from tussle.records import rebuild
from tussle.rules import Averaging
from tussle.training import checkpoints
from tussle.training.build import Setup, setup
from tussle.training.folder import RunFolder
from tussle.training.recipes import Recipe, checked

MOST = 10_000  # real samples that are kept
SEED = 0x70


def patient_of_run(path: str | Path, device: str = "cpu") -> Patient:
    """Return a training run as a patient, at its last checkpoint.

    Args:
        path: the folder of the run.
        device: where the networks are examined.

    Returns:
        the patient, with the run's own method, moments and held-out data.

    Raises:
        ValueError: if the folder holds no run, the run has no checkpoint yet, or it trains an exact model.
    """
    folder = RunFolder(path)
    recipe = folder.recipe()
    if recipe.networks.name.startswith("model:"):
        name = recipe.networks.name.removeprefix("model:")
        message = (
            f"`RUN_DIR` is {path}, a run of the exact model {name}; a diagnosis is for networks; take `tussle analyze "
            f"{name}`."
        )
        raise ValueError(message)
    if not folder.last.is_file():
        message = f"`RUN_DIR` is {path}, which has no checkpoint yet; let the run go on for some steps first."
        raise ValueError(message)
    plain, assumed = _plain(recipe)
    made = setup(plain, device)
    found = checkpoints.load(folder.last, made.start[0])
    if [len(x) for x in found.point] != [len(x) for x in made.start]:
        message = f"`RUN_DIR` is {path}, whose checkpoint holds players of other sizes; it is not of this recipe."
        raise ValueError(message)
    return _patient(made, found, assumed, Path(path).name or recipe.name)


def _plain(recipe: Recipe) -> tuple[Recipe, list[str]]:
    """Return the recipe as it is examined, and what was changed for that."""
    document, assumed = recipe.document(), []
    run = document.setdefault("run", {})
    run["engine"] = "torch"
    if recipe.run.micro is not None:
        run.pop("micro", None)
        assumed.append("the run's micro-batches were joined: one batch is read at once")
    if recipe.run.precision == "bfloat16":
        run["precision"] = "float32"
        assumed.append("the run computes in bfloat16; it was examined in float32")
    for one in document.get("penalties", []):
        if one.get("every", 1) > 1:
            one["every"] = 1
            assumed.append("a lazy penalty was examined at its mean weight in every step")
    return checked(document), assumed


def _patient(made: Setup, found: Any, assumed: list[str], name: str) -> Patient:
    # where a run computes the same field by a shorter way, the plain one is its twin
    method = (made.twin or made.method)(made.values(found.step))
    state, point = found.state, found.point
    if isinstance(method.rule, Averaging):
        method, state = Map(method.field, method.rule.inner), state[0]
        assumed = [*assumed, "the run keeps an average of the weights; the weights that are trained were examined"]
    real, held_out, told = _data(made.data)
    game: Any = rebuild(GAN, {**vars(method.field.game), "data": Samples(real)})
    method = Map(onto(method.field, game), method.rule)
    network, classes = made.network, made.data.classes if made.data.labeled else 1
    modules = _modules(network, point, classes)
    return Patient(
        game, point, method, state, network.generator, network.discriminator, modules, made.recipe.run.batch,
        (f"the run was examined after step {found.step}", *assumed, *told), held_out, tuple(made.data.shape), classes,
        name,
    )  # fmt: skip


def _modules(network: Any, point: Point, classes: int) -> Any:
    """Return copies of the run's networks with its parameters, labels as second input where there are classes."""
    pair = network.modules(point)
    return tuple(one.inner for one in pair) if classes > 1 else pair


def _data(data: Any) -> tuple[np.ndarray, np.ndarray | None, list[str]]:
    """Return real samples, held-out ones, and what is to be said of them."""
    rng = np.random.Generator(np.random.Philox(key=[SEED, 0]))
    real, told = _points(data.train, rng), []
    if any(getattr(data.train, key, False) for key in ("flip", "dequantize")):
        told = ["the run mirrors or dequantizes its data; they were examined as they are"]
    kept = data.held_out
    if kept is None or (data.law is None and not len(kept)):
        return real, None, told
    return real, _points(kept, rng), told


def _points(part: Any, rng: np.random.Generator) -> np.ndarray:
    """Return samples of a part as a game takes them: each once where there are finitely many."""
    try:
        points = np.asarray(part.nodes().points)
    except ValueError:
        return np.asarray(part.sample(rng, MOST))
    if len(points) == 0 or getattr(part, "rows", getattr(getattr(part, "inner", None), "rows", None)) is None:
        return np.asarray(part.sample(rng, MOST))
    return points[rng.permutation(len(points))[:MOST]]
