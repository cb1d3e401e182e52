"""Bugs that were published in GAN code, put back one by one: each is caught by a named property with a cure."""

import pytest
import torch
from torch.nn import functional as F

from tussle.conformance import check_loss
from tussle.conformance.mistakes import MISTAKES


def sp(y):
    return F.softplus(y)


def bce(y, label):
    return F.binary_cross_entropy_with_logits(y, torch.full_like(y, label))


def rp_critic(r, f):
    return sp(f - r).mean()


def rp_generator(r, f):
    return sp(r - f).mean()


def ra_critic(r, f):
    return (bce(r - f.mean(), 1.0) + bce(f - r.mean(), 0.0)) / 2


def ra_generator(r, f):
    return (bce(r - f.mean(), 0.0) + bce(f - r.mean(), 1.0)) / 2


def ra_ls_critic(r, f):
    return ((r - f.mean() - 1) ** 2).mean() + ((f - r.mean() + 1) ** 2).mean()


def ra_ls_generator(r, f):
    return ((r - f.mean() + 1) ** 2).mean() + ((f - r.mean() - 1) ** 2).mean()


def ra_hinge_critic(r, f):
    return F.relu(1 - (r - f.mean())).mean() + F.relu(1 + (f - r.mean())).mean()


def ra_hinge_generator(r, f):
    return F.relu(1 + (r - f.mean())).mean() + F.relu(1 - (f - r.mean())).mean()


def ns_critic(r, f):
    return bce(r, 1.0) + bce(f, 0.0)


def ns_generator(r, f):
    return bce(f, 1.0)


RIGHT = {
    "rp-logistic": (rp_critic, rp_generator),
    "ra-logistic": (ra_critic, ra_generator),
    "ra-least_squares": (ra_ls_critic, ra_ls_generator),
    "ra-hinge": (ra_hinge_critic, ra_hinge_generator),
    "nonsaturating": (ns_critic, ns_generator),
}


# The bugs -----------------------------------------------------------------------------------------------------------


def swapped_mean_critic(r, f):  # RelativisticGAN issue 2, the first release
    return (bce(r - f.mean(), 1.0) + bce(f.mean() - r, 0.0)) / 2


def swapped_mean_generator(r, f):
    return (bce(r - f.mean(), 0.0) + bce(f.mean() - r, 1.0)) / 2


def swapped_mean_ls_critic(r, f):
    return ((r - f.mean() - 1) ** 2).mean() + ((f.mean() - r + 1) ** 2).mean()


def swapped_mean_ls_generator(r, f):
    return ((r - f.mean() + 1) ** 2).mean() + ((f.mean() - r - 1) ** 2).mean()


def overwritten_generator(r, f):  # PyTorch-GAN issue 52
    loss = bce(f - r.mean(), 1.0)
    loss = bce(f, 1.0)
    return loss


def overwritten_critic(r, f):
    loss = bce(r - f.mean(), 1.0)
    loss = bce(f - r.mean(), 0.0)
    return loss


def half_generator(r, f):  # PyTorch-GAN pull request 93
    return bce(f - r.mean(), 1.0)


def squashed_critic(r, f):  # RelativisticGAN issue 23: a sigmoid layer and BCE
    r, f = torch.sigmoid(r), torch.sigmoid(f)
    return F.binary_cross_entropy(r, torch.ones_like(r)) + F.binary_cross_entropy(f, torch.zeros_like(f))


def squashed_generator(r, f):
    f = torch.sigmoid(f)
    return F.binary_cross_entropy(f, torch.ones_like(f))


def naive_critic(r, f):
    return -(torch.log(torch.sigmoid(r)) + torch.log(1 - torch.sigmoid(f))).mean()


def sigmoid_twice_critic(r, f):
    return bce(torch.sigmoid(r), 1.0) + bce(torch.sigmoid(f), 0.0)


def sigmoid_twice_generator(r, f):
    return bce(torch.sigmoid(f), 1.0)


def doubled_rp_critic(r, f):  # relativistic-f-divergences, ids 31 to 33
    return 2 * F.relu(1 - (r - f)).mean()


def single_rp_generator(r, f):
    return F.relu(1 - (f - r)).mean()


def detached_critic(r, f):  # mmagic issue 40
    return (bce(r - f.detach().mean(), 1.0) + bce(f - r.detach().mean(), 0.0)) / 2


def detached_generator(r, f):
    return (bce(r - f.detach().mean(), 0.0) + bce(f - r.mean(), 1.0)) / 2


def renamed_critic(r, f):  # ESRGAN-tensorflow issue 4
    r = r - f.mean()
    f = f - r.mean()
    return (bce(r, 1.0) + bce(f, 0.0)) / 2


def negative_generator(r, f):  # R3GAN issue 10
    return -sp(r - f).mean()


def zero_sum_generator(r, f):  # R3GAN issue 10: what the paper writes
    return -sp(f - r).mean()


def without_real_generator(r, f):  # R3GAN issue 8: "why D(real) in the generator's step?"
    return sp(-f).mean()


def fakeness_critic(r, f):  # R3GAN's paper scores fakeness
    return sp(r - f).mean()


def fakeness_generator(r, f):
    return sp(f - r).mean()


def labels_critic(r, f):  # relativistic-f-divergences issue 8
    return ((r - f.mean() - 1) ** 2).mean() + ((f - r.mean()) ** 2).mean()


def labels_generator(r, f):
    return ((r - f.mean()) ** 2).mean() + ((f - r.mean() - 1) ** 2).mean()


def stale_generator(r, f):  # the PAC variant: the generator's step reuses the fakes of the critic's
    return (bce(r - f.detach().mean(), 0.0) + bce(f.detach() - r.mean(), 1.0)) / 2 + 0.0 * f.sum()


def own_mean_critic(r, f):
    return (bce(r - r.mean(), 1.0) + bce(f - f.mean(), 0.0)) / 2


def unmirrored_hinge_critic(r, f):  # a copied line whose sign was not changed
    return F.relu(1 - (r - f.mean())).mean() + F.relu(1 - (f - r.mean())).mean()


def unflipped_generator(r, f):  # the critic's labels, copied
    return ra_critic(r, f)


def smoothed_critic(r, f):
    return bce(r, 0.9) + bce(f, 0.0)


def saturating_generator(r, f):
    return -bce(f, 0.0)


def summed_critic(r, f):
    return sp(f - r).sum()


def summed_generator(r, f):
    return sp(r - f).sum()


def half_flat_critic(r, f):  # outputs of shape (k, 1) less outputs of shape (k,)
    return sp(f.flatten() - r).mean()


def all_pairs_critic(r, f):
    return sp(f[None, :] - r[:, None]).mean()


def all_pairs_generator(r, f):
    return sp(r[:, None] - f[None, :]).mean()


def shuffled_critic(r, f):
    return sp(f[torch.randperm(len(f))] - r).mean()


def own_length_critic(r, f):
    return (bce(r - f.sum() / len(r), 1.0) + bce(f - r.mean(), 0.0)) / 2


def real_only_critic(r, f):  # PyTorch-GAN issue 52, in a plain loss
    loss = bce(f, 0.0)
    loss = bce(r, 1.0)
    return loss


def linear_generator(r, f):  # the generator of "KL" in JARE's code, under another name
    return -f.mean()


def half_precision_critic(r, f):  # the difference of two large numbers of eight bits
    return sp((f.bfloat16() - r.bfloat16()).to(r.dtype)).mean()


def half_precision_generator(r, f):
    return sp((r.bfloat16() - f.bfloat16()).to(r.dtype)).mean()


# claim, critic, generator, the properties that must fail, and the mistake that P7 must name
BUGS = {
    "E f - r": ("ra-logistic", swapped_mean_critic, swapped_mean_generator, "P7", "mean swapped"),
    "E f - r, least squares": (
        "ra-least_squares", swapped_mean_ls_critic, swapped_mean_ls_generator, "P7", "mean swapped",
    ),
    "generator overwritten": ("ra-logistic", ra_critic, overwritten_generator, "P1 P7", "loss overwritten"),
    "generator overwritten, pairs": ("rp-logistic", rp_critic, overwritten_generator, "P1 P7", "loss overwritten"),
    "critic overwritten": ("ra-logistic", overwritten_critic, ra_generator, "P7", "real term missing"),
    "half the generator": ("ra-logistic", ra_critic, half_generator, "P7", "half of the loss missing"),
    "sigmoid and BCE": ("nonsaturating", squashed_critic, squashed_generator, "P9 P10", ""),
    "log of sigmoid": ("nonsaturating", naive_critic, ns_generator, "P9 P10", ""),
    "sigmoid twice": ("nonsaturating", sigmoid_twice_critic, sigmoid_twice_generator, "P4 P6 P7", "sigmoid twice"),
    "factor 2": ("rp-hinge", doubled_rp_critic, single_rp_generator, "P11", ""),
    "index pairs named all": ("rp-logistic,pairing=all", rp_critic, rp_generator, "P7", "another pairing"),
    "all pairs named index": (
        "rp-logistic,pairing=index", all_pairs_critic, all_pairs_generator, "P7", "another pairing",
    ),
    "means do not flow": ("ra-logistic", detached_critic, ra_generator, "P2 P7 P8", "mean detached"),
    "fakes' mean does not flow": ("ra-logistic", ra_critic, detached_generator, "P7 P8", "half of the loss missing"),
    "variable overwritten": ("ra-logistic", renamed_critic, ra_generator, "P1 P2 P7", "variable overwritten"),
    "sign": ("rp-logistic", rp_critic, negative_generator, "P3 P7", "sign flipped"),
    "zero-sum": ("rp-logistic", rp_critic, zero_sum_generator, "P6 P7", "zero-sum objective"),
    "no real outputs": ("rp-logistic", rp_critic, without_real_generator, "P1 P7", "loss overwritten"),
    "fakeness": ("rp-logistic", fakeness_critic, fakeness_generator, "P7", "sides exchanged"),
    "labels 1 and 0": ("ra-least_squares", labels_critic, labels_generator, "P7", "labels 1 and 0"),
    "stale fakes": ("ra-logistic", ra_critic, stale_generator, "P3 P5 P6 P7 P8", "fakes detached"),
    "own mean": ("ra-logistic", own_mean_critic, ra_generator, "P3 P5 P7", "own mean subtracted"),
    "not mirrored": ("ra-hinge", unmirrored_hinge_critic, ra_hinge_generator, "P7", "not mirrored"),
    "labels not flipped": ("ra-logistic", ra_critic, unflipped_generator, "P3 P7", "labels not flipped"),
    "label smoothing": ("nonsaturating", smoothed_critic, ns_generator, "P4 P7", "label smoothing"),
    "saturates": ("nonsaturating", ns_critic, saturating_generator, "P6 P7", "zero-sum objective"),
    "plain critic": ("rp-logistic", ns_critic, rp_generator, "P1 P2 P3 P5 P7", "not relativistic"),
    "plain critic overwritten": ("nonsaturating", real_only_critic, ns_generator, "P7", "fake term missing"),
    "swap for zero-sum": ("rp-logistic,objective=zero-sum", rp_critic, rp_generator, "P7", "swapped objective"),
    "linear generator": ("nonsaturating", ns_critic, linear_generator, "P7", "linear objective"),
    "differences in bfloat16": ("rp-logistic", half_precision_critic, half_precision_generator, "P1 P7", ""),
    "wrong name": ("ra-logistic", rp_critic, rp_generator, "P7", "another loss"),
    "sums": ("rp-logistic", summed_critic, summed_generator, "P12", ""),
    "shapes (k, 1) and (k,)": ("rp-logistic", half_flat_critic, rp_generator, "P14", ""),
    "random pairs": ("rp-logistic", shuffled_critic, rp_generator, "P15", ""),
    "one length for two": ("ra-logistic", own_length_critic, ra_generator, "P13", ""),
}  # fmt: skip


def test_every_mistake_that_has_a_name_is_made_here():
    """`another loss` is no entry of the list: it is found by comparing with every loss of the library."""
    assert {bug[4] for bug in BUGS.values()} - {""} >= {mistake.name for mistake in MISTAKES} - {"stale fakes"}


@pytest.fixture(scope="module")
def report():
    made = {}

    def of(bug):
        if bug not in made:
            claim, critic, generator, *_ = BUGS[bug]
            made[bug] = check_loss((critic, generator), claims=claim)
        return made[bug]

    return of


@pytest.mark.parametrize("name", RIGHT)
def test_the_right_form_passes(name):
    found = check_loss(RIGHT[name], claims=name)
    assert found.conforms, str(found)
    assert check_loss(RIGHT[name]).claim == name


@pytest.mark.parametrize("bug", BUGS)
def test_a_published_bug_fails_the_property_it_breaks(bug, report):
    failed = {finding.number for finding in report(bug).failed}
    assert set(BUGS[bug][3].split()) <= failed, str(report(bug))


@pytest.mark.parametrize("bug", [b for b in BUGS if BUGS[b][4]])
def test_a_published_bug_is_called_by_its_name(bug, report):
    finding = report(bug)["P7"]
    assert finding.mistake == BUGS[bug][4], finding


@pytest.mark.parametrize("bug", BUGS)
def test_each_failure_says_what_is_wrong_and_what_to_do(bug, report):
    for finding in report(bug).failed:
        said = finding.sentence
        assert said.endswith(".")
        assert len(said) > 60
        assert any(mark in said for mark in (";", ":")), said
