"""Prints the table in resize_test.cpp: hashes of what Pillow makes of pictures given by a formula.

Needs: pip install "pillow<13" numpy.  From version 13 on, Pillow scales the columns first where
the height shrinks much more than the width, and rounds differently there; every version from
3.3 to 12 gives this table.
"""

import numpy as np
import PIL
from PIL import Image

CASES = [
    (1, 1, 7, 5), (2, 3, 9, 4), (16, 16, 16, 16), (16, 16, 16, 9), (16, 16, 31, 16), (50, 40, 24, 24),
    (40, 50, 97, 113), (5, 200, 24, 24), (200, 5, 24, 24), (333, 217, 96, 96), (97, 131, 336, 454),
    (640, 480, 336, 336), (640, 480, 448, 336), (1, 300, 336, 3), (300, 1, 3, 336), (2000, 3, 1, 2),
]


def picture(kind, width, height):
    """Noise or waves, as `picture` in vision_support.hpp makes them."""
    y, x, c = np.meshgrid(np.arange(height, dtype=np.uint64), np.arange(width, dtype=np.uint64),
                          np.arange(3, dtype=np.uint64), indexing="ij")
    if kind == "noise":
        h = (x * 374761393 + y * 668265263 + c * 2246822519) & 0xFFFFFFFF
        h = ((h ^ (h >> 13)) * 1274126177) & 0xFFFFFFFF
        return (h >> 24).astype(np.uint8)
    return (((x * x + 3 * y * y) // 64 + 5 * x + 2 * y + 80 * c) & 255).astype(np.uint8)


def fnv1a(data):
    h = 0xCBF29CE484222325
    for byte in data:
        h = ((h ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return h


if __name__ == "__main__":
    assert int(PIL.__version__.split(".")[0]) < 13, PIL.__version__
    for kind in ("noise", "waves"):
        for width, height, new_width, new_height in CASES:
            out = Image.fromarray(picture(kind, width, height)).resize((new_width, new_height))
            print(f"    {{Kind::{kind}, {width}, {height}, {new_width}, {new_height}, "
                  f"0x{fnv1a(out.tobytes()):016x}u}},")
