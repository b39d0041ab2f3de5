"""Writes tests/golden/small.safetensors with the Python package safetensors (0.8) and NumPy; the values are repeated in
test_safetensors.cpp."""
import pathlib

import numpy as np
from safetensors.numpy import save_file

save_file(
    {
        "conv.weight": np.arange(12, dtype=np.float32).reshape(2, 1, 2, 3) / 4,
        "half": np.array([0.5, -2.0, 65504.0], dtype=np.float16),
        "double": np.array([0.1, -1e300], dtype=np.float64),
        "steps": np.array(2**40, dtype=np.int64),
        "i32": np.array([-5, 6], dtype=np.int32),
        "i16": np.array([-5, 6], dtype=np.int16),
        "i8": np.array([-5, 6], dtype=np.int8),
        "u16": np.array([65535], dtype=np.uint16),
        "u32": np.array([2**32 - 1], dtype=np.uint32),
        "u8": np.array([[1, 255]], dtype=np.uint8),
        "flags": np.array([True, False]),
        "empty": np.zeros((0, 4), dtype=np.float32),
    },
    pathlib.Path(__file__).parent / "small.safetensors",
    metadata={"step": "7", "name": "grün"},
)
