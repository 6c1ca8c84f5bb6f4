"""Finding planted incidents: how often, how exactly, how soon, and how often where there is none.

    python -m tests.benchmarks.incidents --split final --accounts 200

prints the README's table, from the checkout's root; with ``--jobs 2`` in some 15 minutes.
``--help`` lists the rest: another split, generator or method, fewer accounts, the misses. Seeds
from 0 on are for tuning; those of the splits ``test`` (from 100,000) and ``final`` (from 200,000)
are never tuned on.

`accounts` is what a method is given and the truth it is judged by; `planning` draws what goes
wrong, where and when; `simulated` and `mixtures` are two generators that share no noise model;
`naive` has two methods to compare with; `scoring` judges findings, `tables` prints the scores.
"""
