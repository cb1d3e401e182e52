"""The pictures and the page of a training run."""

import html
from pathlib import Path
from typing import Any

import numpy as np

from tussle import report

GRID = 60  # cells a side of the critic's scores over the plane
REAL = 1000  # real points behind the generated ones
LARGE = 8_000_000  # bytes of an animation that is only named on the page


class Album:
    """Draws the samples of a run as they come.

    Args:
        session: the run.
        theme: `light` or `dark`.
    """

    def __init__(self, session: Any, theme: str) -> None:
        self.session: Any = session
        self.theme: str = theme
        self.frames: list[Path] = []
        self.latest: Any = None
        data = session.setup.data
        rng = np.random.Generator(np.random.Philox(key=[0, 1]))
        self.real: Any = None if data is None else data.train.draw(rng, REAL).x

    def add(self, path: Path) -> None:
        """Draw a file of samples beside it."""
        with np.load(path, allow_pickle=False) as found:
            samples, step = found["samples"], int(found["step"])
        drawn = self.draw(samples, step)
        if drawn is None:
            return
        from tussle.plots.style import save

        self.latest = drawn
        self.frames.append(save(drawn, path.with_suffix(".png"), dpi=110))

    def draw(self, samples: np.ndarray, step: int) -> Any:
        """Return the picture of samples, or None where there is no way to draw them."""
        from tussle import plots
        from tussle.plots.planes import plane_samples, window_around

        setup = self.session.setup
        shape = samples.shape[1:] if setup.data is None else tuple(setup.data.shape)
        if setup.data is not None and setup.data.labeled:
            samples = samples[:, :-1].reshape(-1, *shape)
        title = f"{setup.recipe.name}, step {step}"
        if len(shape) == 3 and shape[0] in (1, 3):
            limits = setup.data.limits if setup.data is not None else None
            return plots.sample_grid(samples, limits=limits, title=title, theme=self.theme)
        if shape == (2,) and self.real is not None and np.all(np.isfinite(samples)):
            window = window_around(self.real)
            return plane_samples(
                self.real, samples, window=window, scores=self.scores(window), title=title, theme=self.theme
            )
        return None

    def scores(self, window: tuple[float, float, float, float]) -> np.ndarray | None:
        """Return the critic's scores on a grid of the plane."""
        from tussle.training.engines import Drawer

        left, right, low, high = window
        x, y = np.meshgrid(np.linspace(left, right, GRID), np.linspace(low, high, GRID))
        points = np.stack([x.ravel(), y.ravel()], axis=1)
        game = self.session.setup.game
        found = Drawer(lambda psi, at: game.logits(psi, at))(self.session.point[1], points, most=GRID * GRID)
        return found.reshape(GRID, GRID) if np.all(np.isfinite(found)) else None


def write_page(ended: Any, album: Album, theme: str) -> Path:
    """Write the run's page and its animation, and return the page's path."""
    from tussle.plots.planes import animation

    path = ended.path
    frames = sorted((path / "samples").glob("step-*.png"))
    if len(frames) > 1:
        animation(frames, path / "samples.gif")
    recipe = ended.setup.recipe
    parts = [report.heading("How it went"), _ending(ended), *_curves(ended, theme)]
    if album.latest is not None:
        parts += [report.heading("What it makes"), report.pictures(report.Picture(album.latest, _caption(ended)))]
        parts += _animation(path / "samples.gif")
    if ended.metrics:
        parts += [report.heading("Metrics"), _metrics(ended.metrics)]
    parts += [report.heading("Where the time went"), _cost(ended), report.heading("The recipe"), _recipe(recipe)]
    lead = recipe.about or "A training run."
    page = report.page(f"{recipe.name}", lead, parts, _footer(ended), theme)
    ended_at = path / "index.html"
    from tussle.training.checkpoints import written

    return written(ended_at, page.encode("utf-8"))


def _animation(path: Path) -> list[str]:
    """Return the animation as a part of the page, unless it is large."""
    import base64

    if not path.is_file() or path.stat().st_size > LARGE:
        return []
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    words = "The samples along the run, from the same latents."
    image = f'<img alt="{words}" src="data:image/gif;base64,{data}">'
    return [f'<div class="wide"><figure>{image}<figcaption>{words}</figcaption></figure></div>']


def _caption(ended: Any) -> str:
    kind = "averaged generator" if ended.setup.recipe.average is not None else "generator"
    return f"Samples of the {kind} after step {ended.step}, from the run's own latents."


def _ending(ended: Any) -> str:
    return f"<p>{report.mood(str(ended.ending))}: {html.escape(ended.reason)}.</p>"


def _curves(ended: Any, theme: str) -> list[str]:
    """Return the pictures of what was logged."""
    from tussle import plots
    from tussle.training.folder import RunFolder

    lines = RunFolder(ended.path).log()
    groups = (("losses", "loss/"), ("mean logits", "logit/"), ("speeds (norms of the velocities)", "speed/"))
    pictures = []
    for title, prefix in (*groups, *_probes(lines)):
        rows = [line for line in lines if any(k.startswith(prefix) for k in line)]
        names = [k for k in (rows[-1] if rows else {}) if k.startswith(prefix) and not k.endswith("products")]
        whole = [row for row in rows if all(isinstance(row.get(k), (int, float)) for k in names)]
        if len(whole) < 2 or not names:
            continue
        record = {"step": np.array([row["step"] for row in whole], dtype=float)}
        record |= {k.removeprefix("probe/"): np.array([row[k] for row in whole], dtype=float) for k in names}
        pictures.append(report.Picture(plots.curves(record, title=title, theme=theme), f"{title}, as logged."))
    return [report.pictures(*pictures)] if pictures else []


def _probes(lines: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return titles and prefixes of the probes that were read."""
    found = [k for line in lines for k in line if k.startswith("probe/")]
    names = dict.fromkeys(k.split("/")[1] for k in found)
    single = {k.split("/")[1] for k in found if k.count("/") == 1}
    return [(name.replace("_", " "), f"probe/{name}" + ("" if name in single else "/")) for name in names]


def _metrics(found: dict[str, Any]) -> str:
    rows = []
    for name, one in found.get("metrics", {}).items():
        floor = one.get("floor")
        network = one.get("features")
        about = one.get("note") or ""
        if network:
            about += f"; features of {network['name']} (weights {str(network['digest'])[:12]})"
        rows.append([
            html.escape(name), f"{one['value']:.5g}", "-" if floor is None else f"{floor:.5g}", html.escape(str(about)),
        ])  # fmt: skip
    return report.table(["metric", "value", "noise floor", "how it was measured"], rows)


def _cost(ended: Any) -> str:
    total = sum(ended.cost.values()) or 1.0
    rows = [[html.escape(k), f"{v:.3g} s", f"{100 * v / total:.1f} %"] for k, v in ended.cost.items()]
    return report.table(["part", "seconds", "share"], rows)


def _recipe(found: Any) -> str:
    from tussle.training.recipes import written

    source = report.paragraph(f"Source: {found.source}") if found.source else ""
    return f"{source}<pre>{html.escape(written(found))}</pre>"


def _footer(ended: Any) -> str:
    from tussle import __version__

    return f"tussle {__version__}, engine {ended.setup.engine}, seed {ended.setup.recipe.run.seed}."
