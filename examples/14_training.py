"""Train a small GAN from a recipe, stop it, go on, and read what it left behind."""

import tempfile
from pathlib import Path

from tussle.training import RunFolder, recipe, train_recipe

SMALL = {"run__batch": 64, "networks__width": 16, "networks__depth": 2, "log__every": 50, "log__checkpoint_every": 50}
SMALL |= {"log__probe_every": 0, "metrics__samples": 500, "metrics__names": ["modes", "quality", "w1"]}

with tempfile.TemporaryDirectory() as folder:
    out = Path(folder) / "ring"
    train_recipe(recipe("ring-8", run__steps=150, **SMALL), out)
    run = train_recipe(recipe("ring-8", run__steps=300, **SMALL), out, resume=True)  # as if it had never stopped

    print(f"{run.step} steps on the {run.setup.engine} engine: {run.reason}")
    for name, found in run.metrics["metrics"].items():
        print(f"  {name}: {found['value']:.3g} (real data among themselves: {found['floor']:.3g})")
    lines = RunFolder(out).log()
    print(f"  {len(lines)} lines of log, the last at step {lines[-1]['step']}")
    print("  files:", ", ".join(sorted(p.name for p in out.iterdir())))
