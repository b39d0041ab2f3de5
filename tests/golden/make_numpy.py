"""Writes tests/golden/numpy/: arrays as NumPy (1.24) saves them. Element i of a ramp is i / 8 - 3, as in
make_torch_files.py; test_npy.cpp repeats the values."""
import pathlib

import numpy as np

OUT = pathlib.Path(__file__).parent / "numpy"


def ramp(*shape, dtype=np.float32):
    return (np.arange(np.prod(shape, dtype=int)) / 8 - 3).reshape(shape).astype(dtype)


if __name__ == "__main__":
    OUT.mkdir(exist_ok=True)
    np.save(OUT / "centroids.npy", ramp(5, 7))
    np.save(OUT / "columns.npy", np.asfortranarray(ramp(2, 3, 4)))
    np.save(OUT / "scalar.npy", np.float64(0.1))
    np.save(OUT / "empty.npy", np.zeros((0, 4), np.float32))
    np.lib.format.write_array(open(OUT / "version2.npy", "wb"), ramp(3), version=(2, 0))
    np.save(OUT / "big_endian.npy", ramp(3).astype(">f4"))
    np.save(OUT / "complex.npy", ramp(3).astype(np.complex64))
    np.save(OUT / "records.npy", np.zeros(2, dtype=[("x", "<f4"), ("y", "<i4")]))
    np.save(OUT / "objects.npy", np.array([print, None], dtype=object), allow_pickle=True)
    kinds = dict(
        half=ramp(5, dtype=np.float16),
        double=ramp(5, dtype=np.float64),
        long=np.array([-(2**62), 2**62]),
        int=np.array([-(2**31), 2**31 - 1], np.int32),
        short=np.array([-32768, 32767], np.int16),
        char=np.array([-128, 127], np.int8),
        wide=np.array([2**32 - 1], np.uint32),
        word=np.array([65535], np.uint16),
        byte=np.array([0, 255], np.uint8),
        bool=np.array([True, False]),
    )
    np.savez(OUT / "kinds.npz", **kinds)
    np.savez_compressed(OUT / "compressed.npz", **{"classifier1/weight": ramp(5, 7)})
