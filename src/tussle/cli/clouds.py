"""What `tussle analyze` adds for stochastic runs and for the erf-LSGANs: ensembles, their forecast, plateaux."""

from pathlib import Path
from typing import Any, NamedTuple

from tussle.cli import output
from tussle.cli.request import Request

PANELS = 24  # quadrature panels of an erf-LSGAN that is to be sampled


class EnsembleReport(NamedTuple):
    """An ensemble, its exact path and its forecast (None where there is no law to forecast from)."""

    model: Any
    ensemble: Any
    exact: Any
    forecast: Any

    def to_json(self) -> dict[str, Any]:
        """Return what the runs did beside what was predicted, the generator's parameters first."""
        from tussle.analysis import plain
        from tussle.ensembles import deviation

        runs = self.ensemble
        found = {
            "axes": list(self.model.axes), "runs": len(runs.path), "size": runs.size, "frozen": runs.frozen,
            "seed": runs.seed, "steps": int(runs.at[-1]), "end_mean": runs.mean[-1], "end_sd": runs.sd[-1],
            "exact_end": self.exact.end, "deviation": deviation(runs, self.exact).to_json(),
            "forecast_end_sd": None if self.forecast is None else self.forecast.sd[-1],
            "forecast_end_covariance": None if self.forecast is None else self.forecast.covariance[-1],
        }  # fmt: skip
        return plain(found)

    def rows(self) -> list[tuple[str, str]]:
        """Return lines for a person."""
        from tussle.ensembles import deviation

        runs, gap = self.ensemble, deviation(self.ensemble, self.exact)
        kind = "one frozen batch" if runs.frozen else "fresh batches"
        found = [("ensemble", f"{len(runs.path)} runs with {kind} of {runs.size}")]
        for k, name in enumerate(self.model.axes):
            forecast = "" if self.forecast is None else f", forecast sd {self.forecast.sd[-1, k]:.4g}"
            ends = f"end {runs.mean[-1, k]:.6g}, sd {runs.sd[-1, k]:.4g}{forecast}; exact {self.exact.end[k]:.6g}"
            found.append((f"  {name}", f"{ends}; mean off by at most {gap.largest[k]:.3g} (step {gap.at[k]})"))
        return found

    def pictures(self, folder: Path, theme: str) -> list[Path]:
        """Write the bands and return their place."""
        from tussle import plots

        figure = plots.ensemble_bands(self.ensemble, self.exact, self.forecast, axes=self.model.axes, theme=theme)
        return [plots.save(figure, folder / "bands.png")]


def by_nodes(request: Request) -> Request:
    """Return a request for an erf-LSGAN with quadrature nodes, which can be sampled; others stay."""
    if request.model != "erf-lsgan" or any(s.partition("=")[0].strip() == "panels" for s in request.settings):
        return request
    return request._replace(settings=(*request.settings, f"panels={PANELS}"))


def cloud_of(
    request: Request, steps: int, batch: int | None, runs: int | None, frozen: bool, seed: int
) -> EnsembleReport | None:
    """Return the ensemble that was asked for with its forecast, or None.

    Raises:
        ValueError: if runs come without a batch size, or the model has nothing to sample.
    """
    if runs is None:
        if frozen:
            message = "`--frozen` was given without --runs; each of several runs then keeps one batch; add --runs."
            raise ValueError(message)
        return None
    if batch is None:
        message = f"`--runs` is {runs} without --batch; runs of exact expectations are all the same; add --batch."
        raise ValueError(message)
    from tussle.ensembles import ensemble
    from tussle.forecasts import forecast
    from tussle.trajectory import run

    model, method = by_nodes(request).build()
    given = request.start_point(model)
    start = model.start if given is None else given
    found = ensemble(method, start, steps, size=batch, runs=runs, seed=seed, frozen=frozen)
    exact = run(method, start, steps)
    nodes = method.field.game.expectation()
    lawful = nodes.real.weights is not None and nodes.latent.weights is not None
    return EnsembleReport(
        model, found, exact, forecast(method, start, steps, size=batch, frozen=frozen) if lawful else None
    )


def told_rows(told: dict[str, Any]) -> list[tuple[str, str]]:
    """Return lines for a person about the plateau and the certificates of an end state."""
    rows = []
    if "plateau" in told:
        seen = told["plateau"]
        rows.append(
            ("plateau", f"{seen['class']}  (p = {seen['p']:.6g}, q = {seen['q']:.6g}, value {seen['value']:.9g})")
        )
        if seen["creep_predicted_b"] is not None:
            text = f"b = {seen['creep_predicted_b']:.4g} expected by now, growth {seen['creep_growth_ratio']:.3g} of it"
            rows.append(("creep law", text))
    if "certificates" in told:
        seen = told["certificates"]
        names = ("monotone_gain", "unrestricted_gain", "d_plus", "tv", "kl", "w1", "mean_error")
        text = ",  ".join(f"{n} {output.number(seen[n])}" for n in names if seen[n] is not None)
        rows.append(("generator", text))
    return rows
