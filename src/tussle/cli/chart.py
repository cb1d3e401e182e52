"""`tussle chart`: stability over two hyper-parameters."""

from typing import Annotated, Any

import typer

from tussle.cli import output, own
from tussle.cli.request import (
    ADJUST,
    BETA,
    CASE,
    CLIP,
    COST,
    FIRST,
    FREE,
    JSON,
    LOSS,
    LR,
    MODEL,
    NOISE,
    OUT,
    PACE,
    PENALTY,
    PLAYER_STEPS,
    POLICY,
    RULE,
    SET,
    START,
    Request,
)  # fmt: skip
from tussle.cli.words import numbers

MOST = 2000  # values along an axis
USUAL = {"lr": "0.02:4:100", "r1": "0.02:2:100", "consensus": "0.02:2:100", "tau": "0.1:10:100:log"}


def chart(
    model: MODEL,
    x: Annotated[
        str | None, typer.Option(help="NAME=LOW:HIGH[:COUNT[:log]] (default lr=0.02:4:100, unless --lr fixes it).")
    ] = None,
    y: Annotated[
        str | None,
        typer.Option(
            help="The same for the vertical axis; names: lr beta tau noise clip, a penalty, an adjustment "
            "(default r1=0.02:2:100, where the model takes penalties)."
        ),
    ] = None,
    loss: LOSS = None,
    penalty: PENALTY = None,
    noise: NOISE = None,
    clip: CLIP = None,
    adjust: ADJUST = None,
    rule: RULE = "alternating",
    player_steps: PLAYER_STEPS = None,
    first: FIRST = None,
    pace: PACE = "sgd",
    lr: LR = None,
    beta: BETA = None,
    settings: SET = None,
    case: CASE = None,
    free: FREE = None,
    cost: COST = None,
    policy: POLICY = None,
    start: START = None,
    theme: Annotated[str, typer.Option(help="light or dark pictures.")] = "light",
    out: OUT = None,
    as_json: JSON = False,
) -> None:
    """Chart where a method converges locally, over two hyper-parameters.

    It is about the model's equilibrium nearest to --start (its first without one); of a game of your own, about the one
    that is found from --start.

    Example: tussle chart dirac --x lr=0.02:4:100 --y r1=0.02:2:100 --rule alternating --out chart
    """  # fmt: skip
    output.ready(out, theme)
    request = Request(
        model, loss, tuple(penalty or ()), noise, clip, tuple(adjust or ()), rule, player_steps, first, pace, lr, beta,
        tuple(settings or ()), start, case, free, cost, policy,
    )  # fmt: skip
    (x_name, xs), (y_name, ys) = _axes(request, x, y)
    with output.waiting("charting", as_json) as told, own.blamed(model):
        found, name = _found(request, x_name, xs, y_name, ys, told)
        document = _document(found, name)
        paths = [] if out is None else _drawn(found, document, out, theme)
    if as_json:
        typer.echo(output.document(document))
        return
    best = document["best"]
    rows = [("verdict", "undefined: the field has no Jacobian at the equilibrium")]
    if best is not None:
        rows = [
            ("converges on", f"{100 * document['stable_share']:.1f} % of {len(xs)} x {len(ys)} settings"),
            ("fastest", f"{x_name} {best[x_name]:.6g}, {y_name} {best[y_name]:.6g}: radius {best['radius']:.6g}"),
        ]
    output.table(f"{name}: the map's radius over {x_name} and {y_name}", rows)
    output.pictures(paths)


def _axes(request: Request, x: str | None, y: str | None) -> tuple[tuple[str, Any], tuple[str, Any]]:
    """Return both axes; one that was not named is the first usual one that is still free."""
    named = {text.partition("=")[0].strip() for text in (x, y) if text is not None}
    usual = [n for n in USUAL if request.fixes(n) is None and n not in named]
    if not request.has_penalties():
        usual = [n for n in usual if n != "r1"]
    found = []
    for text, option in ((x, "--x"), (y, "--y")):
        if text is None and not usual:
            message = f"`{option}` is missing, and all usual axes are fixed; give {option} NAME=LOW:HIGH."
            raise ValueError(message)
        name = "" if text is not None else usual.pop(0)
        found.append(axis(f"{name}={USUAL[name]}" if text is None else text, option))
    return found[0], found[1]


def axis(text: str, option: str) -> tuple[str, Any]:
    """Return the name and the values of NAME=LOW:HIGH[:COUNT[:log]].

    Raises:
        ValueError: if it is not of that form.
    """
    import numpy as np

    name, _, span = text.partition("=")
    parts = span.split(":")
    bad = not name or len(parts) not in (2, 3, 4) or (len(parts) == 4 and parts[3] != "log")
    ends = [] if bad else numbers(",".join(parts[:3]))
    if bad or ends[0] >= ends[1] or (len(ends) == 3 and (ends[2] < 2 or ends[2] != int(ends[2]))):
        message = (
            f"`{option}` is {text!r}; it may be NAME=LOW:HIGH[:COUNT[:log]] with LOW below HIGH and at least 2 values; "
            f"write, for instance, {option} lr=0.01:4:100."
        )
        raise ValueError(message)
    count = int(ends[2]) if len(ends) == 3 else 100
    if count > MOST:
        message = f"`{option}` is {text!r}; an axis takes at most {MOST} values; lower COUNT."
        raise ValueError(message)
    if len(parts) == 4:
        if ends[0] <= 0:
            message = f"`{option}` is {text!r}; a log axis begins above 0; raise LOW."
            raise ValueError(message)
        return name, np.geomspace(ends[0], ends[1], count)
    return name, np.linspace(ends[0], ends[1], count)


def _found(request: Request, x_name: str, xs: Any, y_name: str, ys: Any, told: Any) -> tuple[Any, str]:
    from tussle.stability import chart as run_chart

    if x_name == y_name:
        message = f"`--x` and `--y` are both {x_name}; they must differ; name another parameter for one."
        raise ValueError(message)
    model = None
    # The ends are built once with plain numbers, so that a value out of its domain is found before tracing.
    for first, second in ((xs[0], ys[0]), (xs[-1], ys[-1])):
        model, _ = request.build({x_name: float(first), y_name: float(second)}, model)
    at = request.equilibria(model)[0]

    def build(first: Any, second: Any) -> Any:
        return request.build({x_name: first, y_name: second}, model)[1]

    return run_chart(build, xs, ys, at, names=(x_name, y_name), progress=told), model.name


def _document(found: Any, name: str) -> dict[str, Any]:
    import numpy as np

    from tussle.analysis import plain

    x_name, y_name = found.names
    best = None
    if np.any(np.isfinite(found.radius)):
        row, column = np.unravel_index(np.nanargmin(found.radius), found.radius.shape)
        best = {x_name: found.x[column], y_name: found.y[row], "radius": found.radius[row, column]}
    return plain(
        {
            "model": name,
            "x": {"name": x_name, "values": found.x},
            "y": {"name": y_name, "values": found.y},
            "radius": found.radius,
            "tolerance": found.tolerance,
            "stable_share": float(np.mean(found.stable)),
            "best": best,
        }
    )


def _drawn(found: Any, document: dict[str, Any], out: Any, theme: str) -> list[Any]:
    from tussle import plots

    with output.staged(out) as folder:
        plots.save(plots.stability_chart(found, theme=theme), folder / "chart.png")
        output.write(folder / "chart.json", output.document(document))
    return [out / "chart.png", out / "chart.json"]
