#!/usr/bin/env python3
"""Writes random.txt: draws of NumPy's legacy generator and CPython's random, and epochs of the PiCIE authors' draws.

Lines are a name, then numbers. An epoch's order is written out here independently of the program: for each epoch a
permutation; per colour transform and view N decisions (numpy) and N factors (python); grey, blur per view; flips; crops;
then one clustering seed per view. One draw without clustering comes before epoch 0.
"""
import os
import random

import numpy as np

lines = []


def line(name, values):
    lines.append(name + " " + " ".join(repr(v) for v in values))


for seed in (0, 1, 2021, 2**32 - 1):
    rng = np.random.RandomState(seed)
    order = np.arange(37)
    rng.shuffle(order)
    line("shuffle", [seed] + order.tolist())
    line("randint", [seed] + [int(rng.randint(high)) for high in (1, 2, 2021, 1, 2**31 - 1, 2**32 - 1, 4000000000, 5)])
    line("uniform", [seed] + [float(rng.uniform(0.5, 1)) for _ in range(400)][-3:])
for seed in (0, 1, 2021, 2**40 + 5):
    rng = random.Random(seed)
    line("python", [seed] + [rng.uniform(0.7, 1.3) for _ in range(400)][-3:])

N = 5
for seed in (1, 2021):
    np.random.seed(seed)
    random.seed(seed)
    for epoch in range(-1, 3):
        order = np.arange(N)
        np.random.shuffle(order)
        values = order.tolist()
        for low, high in ((0.7, 1.3), (0.7, 1.3), (0.7, 1.3), (-0.1, 0.1)):
            for view in range(2):
                values += np.random.random_sample(N).tolist()
                values += [random.uniform(low, high) for _ in range(N)]
        for _ in range(6):  # grey twice, blur twice, horizontal flip, vertical flip
            values += np.random.random_sample(N).tolist()
        values += np.random.uniform(0.5, 1, N).tolist()
        values += [float(v) for _ in range(N) for v in np.random.uniform(0, 1, 2)]
        if epoch >= 0:
            line("epoch", [seed, epoch] + values + [int(np.random.randint(seed)) for _ in range(2)])

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "random.txt"), "w") as file:
    file.write("\n".join(lines) + "\n")
