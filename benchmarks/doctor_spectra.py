"""Ten leading eigenvalues of the field of a convolutional GAN of a million weights: in gradients, and in memory.

The cost is that of `tussle.doctor.spectra` from the recording of the field to the residuals, told in evaluations of the
field (the gradients of both players); the memory is the peak of a fresh process above what it holds before, against
that of another one that takes a training step.
"""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from measure import Row

PROBE = """
import json, pathlib, resource, sys, time
import numpy as np, torch
from tussle.doctor import spectra
from tussle.doctor.adopt import adopt
from tussle.doctor.examination import Examination
from tussle.networks.dcgan import dcgan_networks
torch.set_num_threads(1)
torch.manual_seed(0)
what, width, size, batch = sys.argv[1], *map(int, sys.argv[2:])
def peak():
    status = pathlib.Path("/proc/self/status")  # on Linux the other count begins with the peak of the parent
    lines = status.read_text().splitlines() if status.exists() else []
    peaks = [int(line.split()[1]) / 2**10 for line in lines if line.startswith("VmHWM")]
    return (peaks or [resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20])[0]
made = dcgan_networks(latent=64, width=width, size=size, norm="none")
rng = np.random.default_rng(0)
images = rng.uniform(-1, 1, (512, *made[0](torch.zeros(2, 64)).shape[1:])).astype(np.float32)
gan = adopt(*made, loss="nonsaturating", data=images, latent=64, batch=batch, pace="adam,lr=2e-4,beta1=0.5")
exam = Examination(gan, budget=1e6)
drawn = exam.batch(0)
found = {"weights": sum(map(len, gan.start)), "before": peak()}
if what == "step":
    gan.method.step(gan.start, gan.method.init(gan.start), drawn)
    found["after"] = peak()
    gan.field(gan.start, drawn)
    times = []
    for _ in range(5):
        began = time.process_time()
        gan.field(gan.start, drawn)
        times.append(time.process_time() - began)
    found["gradient"] = min(times)
elif what == "leading":
    began = time.process_time()
    make = lambda number: spectra.whole_field(gan.field, *spectra.cast(exam, spectra.looked(exam, number)))
    ends = spectra.leading(exam, make, "the field")[0]
    found |= {"seconds": time.process_time() - began, "after": peak(), "products": exam.products}
    values, _, residuals = ends.pairs()
    order = np.argsort(-abs(values))[:10]
    found |= {"residual": float((residuals[order] / abs(values).max()).max())}
else:
    ends = spectra.field_ends(exam)
    found |= {"after": peak()}
print(json.dumps(found))
"""


def benchmark(tiny: bool) -> list[Row]:
    """Compare both with the targets: 150 gradients, and 6 times the memory of a step."""
    if find_spec("torch") is None:
        return [Row("ten leading eigenvalues", float("nan"), None, 150, "skipped: PyTorch is not installed")]
    setting = (4, 16, 8) if tiny else (27, 32, 64)
    step, leading, whole = (_probe(what, *setting) for what in ("step", "leading", "whole"))
    note = f"{step['weights']:,} weights, batches of {setting[2]}; {leading['products']} products"
    note += f", largest relative residual {leading['residual']:.1e}"
    peaks = [one["after"] - one["before"] for one in (step, leading, whole)]
    return [
        Row("ten leading eigenvalues / gradient", leading["seconds"], step["gradient"], 150.0, note),
        Row("their peak memory / that of a step", peaks[1], max(peaks[0], 1.0), 6.0, "above the start", "MiB"),
        Row("the same with check and uncertainties", peaks[2], max(peaks[0], 1.0), 6.0, "above the start", "MiB"),
    ]


def _probe(what: str, *setting: int) -> dict[str, float]:
    """Return what a fresh process measured."""
    command = [sys.executable, "-c", PROBE, what, *map(str, setting)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parent)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return json.loads(done.stdout)


if __name__ == "__main__":
    for row in benchmark("--tiny" in sys.argv):
        print(row, row.ratio)
