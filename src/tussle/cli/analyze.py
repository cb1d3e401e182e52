"""`tussle analyze`: equilibrium, spectra, verdicts, stable steps and a run of a small game."""

from typing import Annotated, Any

import typer

from tussle.cli import clouds, output, own
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


def analyze(
    model: MODEL,
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
    steps: Annotated[int, typer.Option(help="Steps of the run.")] = 500,
    batch: Annotated[int | None, typer.Option(help="Batch size of a stochastic run; exact without.")] = None,
    runs: Annotated[int | None, typer.Option(help="With --batch: so many runs, and their forecast.")] = None,
    frozen: Annotated[bool, typer.Option("--frozen", help="With --runs: each run keeps one batch.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of stochastic runs.")] = 0,
    theme: Annotated[str, typer.Option(help="light or dark pictures.")] = "light",
    out: OUT = None,
    as_json: JSON = False,
) -> None:
    """Say where a game's equilibrium is, whether a method converges to it, for which steps, and how a run ends.

    Example: tussle analyze dirac --penalty r1=0.3 --rule alternating --lr 0.2 --out report

    Example: tussle analyze erf-lsgan --case A --rule simultaneous --lr 0.4 --steps 249 --batch 100 --runs 50
    """
    output.ready(out, theme)
    request = Request(
        model, loss, tuple(penalty or ()), noise, clip, tuple(adjust or ()), rule, player_steps, first, pace, lr, beta,
        tuple(settings or ()), start, case, free, cost, policy,
    )  # fmt: skip
    with output.waiting("analyzing", as_json) as told, own.blamed(model):
        cloud = clouds.cloud_of(request, steps, batch, runs, frozen, seed)
        found = _found(request, steps, None if cloud else batch, seed, told)
        document = found.to_json() | ({} if cloud is None else {"ensemble": cloud.to_json()})
        paths = [] if out is None else _drawn(found, cloud, document, out, theme)
    if as_json:
        typer.echo(output.document(document))
        return
    _shown(found, cloud)
    if paths:
        typer.echo("pictures and document:")
        output.pictures(paths)


def _found(request: Request, steps: int, batch: int | None, seed: int, told: Any) -> Any:
    from tussle.analysis import analyze as run_analysis
    from tussle.gan import GAN

    if batch is not None:
        request = clouds.by_nodes(request)
    model, method = request.build()
    batches = None
    if batch is not None:
        if not isinstance(model.game, GAN):
            message = f"`--batch` is {batch}, but {model.name} has nothing to sample; drop it."
            raise ValueError(message)
        batches = model.game.sampler(batch)
        batches = batches if method.rule.readings == 1 else batches.streams(method.rule.readings)
    return run_analysis(model, method.rule, field=method.field, start=request.start_point(model), steps=steps,
                        batches=batches, seed=seed, progress=told)  # fmt: skip


def _shown(found: Any, cloud: Any) -> None:
    document = found.to_json()
    flow, mapped, path = found.flow, found.map, document["path"]
    rows = [("equilibrium", "none found near the start" if found.equilibrium is None else str(document["equilibrium"]))]
    for name, spectrum, extreme in (("flow", flow, "abscissa"), ("map", mapped, "radius")):
        if spectrum is None:
            continue
        rows.append((f"{name} verdict", _verdict(spectrum)))
        if spectrum.smooth:
            values = ",  ".join(output.complex_number(z) for z in spectrum.eigenvalues[:8])
            rows.append((f"{name} eigenvalues", values + (" ..." if len(spectrum.eigenvalues) > 8 else "")))
            rows.append((f"{name} {extreme}", f"{getattr(spectrum, extreme):.12g}"))
    if found.stable is not None:
        spans = ",  ".join(f"({low:.7g}, {high:.7g})" for low, high in found.stable.intervals)
        rows.append(("stable learning rates", spans or "none"))
    rows.append(("run", f"{path['steps']} steps from {path['start']} to {path['end']}"))
    rows.append(("ending", f"{path['ending']}: {path['reason']}"))
    rows += clouds.told_rows(found.told) + ([] if cloud is None else cloud.rows())
    output.table(f"{document['model']} under {_named(found.method)}", rows)
    for source in document["sources"]:
        typer.echo(f"  {source}")


def _verdict(spectrum: Any) -> str:
    notes = {
        "marginal": f" (within {spectrum.tolerance:g} of the boundary: linearization does not decide)",
        "undefined": " (the field has no Jacobian at the equilibrium)",
    }
    return str(spectrum.verdict) + notes.get(str(spectrum.verdict), "")


def _named(method: Any) -> str:
    rule = method.rule
    return f"{type(rule).__name__.lower()} {type(rule.pace).__name__.lower()} steps, lr {rule.pace.lr}"


def _drawn(found: Any, cloud: Any, document: dict[str, Any], out: Any, theme: str) -> list[Any]:
    from tussle.cli.pictures import analysis_pictures

    with output.staged(out) as folder:
        paths = analysis_pictures(found, folder, theme)
        paths += [] if cloud is None else cloud.pictures(folder, theme)
        paths.append(output.write(folder / "analysis.json", output.document(document)))
    return [out / path.name for path in paths]
