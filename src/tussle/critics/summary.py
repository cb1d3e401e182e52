"""Which divergence a loss is, in words: what its critic measures and what its generator descends."""

from typing import Any

from tussle.analysis import plain
from tussle.critics.descent import descended
from tussle.critics.finite import describe, is_linear, maximum_of
from tussle.critics.kinds import objective_of, resolved
from tussle.critics.named import named
from tussle.losses import Loss
from tussle.records import record, static


@record
class LossDivergences:
    """What a loss measures, p the real law and q the generated one.

    Attributes:
        loss: its name.
        critic: the divergence that the optimal critic measures.
        generator: the functional whose gradient the generator follows against the optimal critic.
        objective: the generator's objective.
        maximum: of the critic's divergence, for laws that share no point; nan where the distance of the points decides.
    """

    loss: str = static()
    critic: str = static()
    generator: str = static()
    objective: str = static()
    maximum: float

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON knows it."""
        return plain({key: getattr(self, key) for key in ("loss", "critic", "generator", "objective", "maximum")})


def loss_divergences(loss: Loss | str, **options: Any) -> LossDivergences:
    """Return the divergences of a loss by name.

    Args:
        loss: a name of `loss_names()`, a text NAME,option=value, or a Loss.
        **options: of the loss, for a name.

    >>> found = loss_divergences("rp-logistic")
    >>> found.critic, found.generator
    ('2 JS(p x q, q x p)', '2 KL(q || p) - 2 JS(p x q, q x p)')
    """
    made, kind = resolved(loss, options)
    known, own, objective = named(kind), descended(kind), objective_of(made)
    critic = describe(kind, known, made)
    if own is not None:
        generator = own[0]
    elif objective == "zero-sum" or (is_linear(made) and objective != "custom"):
        generator = critic
    elif made.coupling == "plain":
        generator = "the f-functional with the weight loss_weight(...)"
    else:
        generator = "none known: generator_descent measures whether there is one"
    return LossDivergences(made.name, critic, generator, objective, maximum_of(kind, known))
