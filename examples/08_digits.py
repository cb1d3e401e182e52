"""A convolutional GAN on 1,797 real handwritten digits; a short training (raise the steps to see digits come out)."""

from tussle import plots
from tussle.training import train_digits
from tussle.training.threads import threads

with threads(1):
    run = train_digits(penalty_weight=1.0, steps=150)
log = run.training
print(f"after {log.steps} steps: losses {log.losses[-1]}, mean logits of real and fake {log.logits[-1]}")
plots.save(plots.sample_grid(run.samples(64), limits=(-1, 1)), "digits.png")
assert log.ending == "running"
assert run.samples(4).shape == (4, 1, 8, 8)
