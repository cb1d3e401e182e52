"""The conformance suite: fifteen properties that a GAN loss must have, run on your own code.

    from tussle.conformance import assert_conforms, check_loss

    print(check_loss((critic_loss, generator_loss), claims="rp-logistic"))

A loss is two functions of the critic's outputs on real data and on fakes, in PyTorch, JAX or NumPy. With a claim it is
held against that loss of the library; without one it is recognized by its gradients where it can be. P1 to P6 are the
properties of the relativistic argument, P7 to P15 concern the code. In your own tests:

    @pytest.mark.parametrize("number", PROPERTIES)
    def test_my_loss(number):
        assert_property(my_loss, number, claims="rp-logistic")
"""

from tussle.conformance.check import (
    PROPERTIES,
    assert_calibrated,
    assert_conforms,
    assert_equal_weights,
    assert_live_weights,
    assert_missing_property,
    assert_property,
    assert_translation_invariant,
    assert_trend,
    check_loss,
)
from tussle.conformance.findings import NAMES, Conformance, Finding
from tussle.conformance.mistakes import MISTAKES, Mistake

__all__ = [
    "check_loss",
    "Conformance",
    "Finding",
    "PROPERTIES",
    "NAMES",
    "Mistake",
    "MISTAKES",
    "assert_conforms",
    "assert_property",
    "assert_translation_invariant",
    "assert_equal_weights",
    "assert_missing_property",
    "assert_calibrated",
    "assert_trend",
    "assert_live_weights",
]
