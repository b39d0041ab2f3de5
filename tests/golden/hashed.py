"""Numbers that are a function of a name, so that nothing random is stored: tests/layers/hashed.h has the same."""
import numpy as np
import torch


def hashed(name, count):
    """FNV-1a of the name, then splitmix64's output function at successive states: uint64 [count]."""
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = (seed ^ byte) * 0x100000001B3 % 2**64
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def uniform(name, shape, low, high):
    """float32 in [low, high) from the hash's upper 24 bits, computed in double."""
    unit = (hashed(name, int(np.prod(shape))) >> np.uint64(40)).astype(np.float64) * 2.0**-24
    return torch.from_numpy((low + (high - low) * unit).astype(np.float32).reshape(shape))
