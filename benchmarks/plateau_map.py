"""A fine map of the plateaux' basins: tables of the separated field against its closed forms."""

from measure import Row, best

import tussle
from tussle.lowdim.basins import PlateauBasin, plateau_basin

WINDOW = (-6.0, 4.0, -12.0, 6.0)


def benchmark(tiny: bool) -> list[Row]:
    """Map case A from a fine grid of starts; compare tables and closed forms on a coarse one."""
    size, steps, coarse = (6, 20, 4) if tiny else (200, 2000, 24)
    model, rule = tussle.models.erf_lsgan("A"), tussle.simultaneous(tussle.sgd(0.4))

    def basin(count: int, tables: bool) -> PlateauBasin:
        return plateau_basin(model, rule, window=WINDOW, count=count, steps=steps, tables=tables)

    fine = best(1, ours=lambda: basin(size, True))["ours"]
    times = best(2, tables=lambda: basin(coarse, True), direct=lambda: basin(coarse, False))
    return [
        Row(f"{size} x {size} basin map, {steps} steps", fine, None, 10.0, "erf-LSGAN, case A, ends kept"),
        Row(f"{coarse} x {coarse} basin map by tables", times["tables"], times["direct"], None, "against closed forms"),
    ]
