"""Costs of an error-function discriminator: what each player minimizes, as squares of D against targets.

Sides and labels go by name, so that Mao's a, b, c (labels) cannot be taken for the discriminator's a, b or the data's
rate c, nor one player's sign for the other's.
"""

from typing import NamedTuple

from tussle import checks
from tussle.losses import Loss
from tussle.payoffs import ErfLog, LinkedSquare, Logistic, Mirror, Negative


class Term(NamedTuple):
    """`sign` times E[(D - target)^2] over the `side` (`real` or `fake`)."""

    side: str
    target: float
    sign: float = 1.0


class Cost(NamedTuple):
    """What both players minimize.

    Attributes:
        name: `paper`, `zero_sum`, `labels`, `log` or `nonsaturating`.
        critic: the discriminator's terms; empty for the log costs.
        generator: the generator's terms.
        sources: where it comes from.
    """

    name: str
    critic: tuple[Term, ...]
    generator: tuple[Term, ...]
    sources: tuple[str, ...] = ()

    @property
    def value(self) -> tuple[Term, ...]:
        """The terms whose sum is shown as the game's value: J of the paper, V of the zero-sum game, else L_D."""
        return self.generator if self.name == "paper" else self.critic


PULFORD = (
    "Pulford, Kondrashov: Convergence and Optimality Analysis of Low-Dimensional Generative Adversarial Networks Using "
    "Error Function Integrals, IEEE Access 9 (2021), 165366-165384"
)
MAO = "Mao et al.: Least Squares Generative Adversarial Networks, ICCV 2017"
PAPER = Cost(
    "paper",
    (Term("real", 0.0, -1.0), Term("fake", 1.0, -1.0)),
    (Term("real", 0.0), Term("fake", 1.0)),
    (PULFORD,),
)
ZERO_SUM = Cost(
    "zero_sum",
    (Term("real", 1.0), Term("fake", 0.0)),
    (Term("real", 1.0, -1.0), Term("fake", 0.0, -1.0)),
    (PULFORD, MAO),
)
LOG = Cost("log", (), (), (PULFORD,))
NONSATURATING = Cost("nonsaturating", (), (), (PULFORD,))
NAMES = ("labels", "log", "nonsaturating", "paper", "zero_sum")


def labels(fake: float = 0.0, real: float = 1.0, generator: float = 1.0) -> Cost:
    """Return Mao's least squares with labels: D pulls fakes to `fake`, data to `real`; G pulls fakes to `generator`."""
    for name, value in (("fake", fake), ("real", real), ("generator", generator)):
        checks.number(name, value)
    critic = (Term("real", float(real)), Term("fake", float(fake)))
    return Cost("labels", critic, (Term("fake", float(generator)),), (PULFORD, MAO))


def cost_of(cost: "Cost | str") -> Cost:
    """Return a cost by name: `paper`, `zero_sum` or `zero-sum`, `log`, `nonsaturating`, `labels[=FAKE,REAL,GENERATOR]`.

    Raises:
        ValueError: if the name is unknown or the labels are not three numbers.
    """
    if isinstance(cost, Cost):
        return cost
    name, equals, rest = cost.partition("=")
    name = checks.choice("cost", name.strip().replace("-", "_"), NAMES)
    if name != "labels":
        if equals:
            message = f"`cost` is {cost!r}; only labels takes numbers; write {name}."
            raise ValueError(message)
        return {"paper": PAPER, "zero_sum": ZERO_SUM, "log": LOG, "nonsaturating": NONSATURATING}[name]
    try:
        given = [float(part) for part in rest.split(",")] if equals else [0.0, 1.0, 1.0]
    except ValueError:
        given = []
    if len(given) != 3:
        message = f"`cost` is {cost!r}; labels takes three numbers FAKE,REAL,GENERATOR; write labels=0,1,1."
        raise ValueError(message)
    return labels(*given)


def loss_of(cost: Cost, link: str = "erf") -> Loss:
    """Return a cost as a loss of the grammar, read at the discriminator's argument (before the link)."""
    if cost.name in ("log", "nonsaturating"):
        real = Logistic() if link == "logistic" else ErfLog()
        fake = Mirror(real)
        if cost.name == "log":
            return Loss(real, fake, Negative(real), Negative(fake), name=f"{link} log")
        return Loss(real, fake, fake, real, name=f"{link} nonsaturating")

    def side(terms: tuple[Term, ...], name: str) -> LinkedSquare:
        found = [t for t in terms if t.side == name]
        return LinkedSquare(found[0].target, found[0].sign, link) if found else LinkedSquare(0.0, 0.0, link)

    first, second = cost.critic, cost.generator
    parts = side(first, "real"), side(first, "fake"), side(second, "real"), side(second, "fake")
    return Loss(parts[0], parts[1], parts[2], parts[3], name=f"{link} {cost.name}")
