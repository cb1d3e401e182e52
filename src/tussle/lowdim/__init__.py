"""The exactly solved low-dimensional GANs, and what can be proven of them.

`reference` computes to any number of digits (needs mpmath); `rigorous`, `ranges`, `enclosed` and `boxes` compute with
balls that are proven to contain the truth (need python-flint, the extra `certify`). Import the room that you need;
nothing is loaded here.
"""
