"""The Dirac-GAN in eight lines: will it converge, for which steps, and how does a run end?"""

import tussle

model = tussle.models.dirac(penalties=[tussle.r1(0.3)])
method = tussle.alternating(tussle.sgd(0.2))
found = tussle.analyze(model, method, start=(1.0, 1.0), steps=500)

print("flow", found.flow.eigenvalues, found.flow.verdict)
print("map ", found.map.eigenvalues, found.map.verdict)
print("stable learning rates:", found.stable.intervals)
print("the run:", found.outcome.ending, "-", found.outcome.reason)

assert found.map.verdict == "converges"
assert abs(found.stable.largest - 2.976122603564) < 1e-10
