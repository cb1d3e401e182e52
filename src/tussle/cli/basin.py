"""`tussle basin`: which starts converge."""

from typing import Annotated, Any

import typer

from tussle.cli import output, own, plateaux
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
from tussle.cli.words import numbers, whole

MOST = 2000  # starts along a side

LEGEND = {"-3": "escaped", "-2": "not finite", "-1": "reached no equilibrium"}


def basin(
    model: MODEL,
    window: Annotated[str, typer.Option(help="LEFT,RIGHT,BOTTOM,TOP of the grid of starts.")] = "-3,3,-3,3",
    count: Annotated[str, typer.Option(help="Starts along each side, N or N,M.")] = "41",
    steps: Annotated[int, typer.Option(help="Steps of every run.")] = 3000,
    radius: Annotated[float, typer.Option(help="Distance from an equilibrium that counts as reached.")] = 0.01,
    vary: Annotated[str | None, typer.Option(help="Two parameters to vary, e.g. theta,psi.")] = None,
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
    """Map which starts of a grid reach which equilibrium.

    The equilibria are those of the model; of a game of your own, the one that is found from --start. The parameters
    that do not vary stay at --start, or at the equilibrium.

    Of an erf-lsgan without equilibria it maps the plateaux on which the runs end.

    Example: tussle basin dirac --adjust consensus=1 --rule simultaneous --lr 0.05 --count 13

    Example: tussle basin erf-lsgan --case B --window=-6,4,-12,6 --rule simultaneous --lr 0.4 --steps 2000
    """
    output.ready(out, theme)
    request = Request(
        model, loss, tuple(penalty or ()), noise, clip, tuple(adjust or ()), rule, player_steps, first, pace, lr, beta,
        tuple(settings or ()), start, case, free, cost, policy,
    )  # fmt: skip
    with output.waiting("running the starts", as_json) as told, own.blamed(model):
        found, name = _found(request, window, count, steps, radius, vary, told)
        document = plateaux.document(found, name) if plateaux.is_map(found) else _document(found, name)
        paths = [] if out is None else _drawn(found, document, out, theme)
    if as_json:
        typer.echo(output.document(document))
        return
    if plateaux.is_map(found):
        plateaux.shown(found, name, paths)
        return
    rows = [("converged", f"{document['count']} of {document['total']} starts after {steps} steps")]
    rows += [(LEGEND[k], str(n)) for k, n in document["others"].items() if n]
    output.table(f"{name}: basin over {found.names[0]} and {found.names[1]}", rows)
    output.pictures(paths)


def _found(
    request: Request, window: str, count: str, steps: int, radius: float, vary: str | None, told: Any
) -> tuple[Any, str]:
    import numpy as np

    from tussle.landscape import basin as run_basin

    edges, sides = numbers(window), whole(count, "--count")
    if len(edges) != 4 or len(sides) not in (1, 2):
        message = f"`--window` is {window} and `--count` {count}; they take four numbers and one or two; mend them."
        raise ValueError(message)
    if max(sides) > MOST:
        message = f"`--count` is {count}; a side takes at most {MOST} starts; lower it."
        raise ValueError(message)
    model, method = request.build()
    if model.name == "erf-lsgan" and not model.equilibria:
        return plateaux.mapped(model, method, edges, (sides[0], sides[-1]), steps, vary), model.name
    names, indices = _varied(model, vary)
    start = request.start_point(model)
    found = run_basin(
        method, request.equilibria(model), window=edges, count=(sides[0], sides[-1]), steps=steps, radius=radius,
        vary=indices, fixed=None if start is None else np.concatenate(start), names=names, progress=told,
    )  # fmt: skip
    return found, model.name


def _varied(model: Any, vary: str | None) -> tuple[tuple[str, str], tuple[int, int]]:
    """Return the names and the indices of the two parameters of the grid."""
    from tussle import checks

    names = list(model.axes[:2]) if vary is None else [n.strip() for n in vary.split(",")]
    if len(names) != 2 or names[0] == names[1]:
        message = f"`--vary` is {vary}; it must name two of {', '.join(model.axes)}; name two."
        raise ValueError(message)
    first, second = (model.axes.index(checks.choice("--vary", n, model.axes)) for n in names)
    return (names[0], names[1]), (first, second)


def _document(found: Any, name: str) -> dict[str, Any]:
    from tussle.analysis import plain

    others = {k: int((found.which == int(k)).sum()) for k in LEGEND}
    return plain(
        {
            "model": name,
            "x": {"name": found.names[0], "values": found.x},
            "y": {"name": found.names[1], "values": found.y},
            "which": found.which,
            "legend": {**{str(i): e.tolist() for i, e in enumerate(found.equilibria)}, **LEGEND},
            "count": found.count,
            "total": int(found.which.size),
            "share": found.share,
            "others": others,
            "steps": found.steps,
        }
    )


def _drawn(found: Any, document: dict[str, Any], out: Any, theme: str) -> list[Any]:
    from tussle import plots

    figure = plots.plateau_map(found, theme=theme) if plateaux.is_map(found) else plots.basin_map(found, theme=theme)
    with output.staged(out) as folder:
        plots.save(figure, folder / "basin.png")
        output.write(folder / "basin.json", output.document(document))
    return [out / "basin.png", out / "basin.json"]
