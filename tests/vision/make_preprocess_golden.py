"""Prints the table in preprocess_test.cpp and the picture in jpeg_file_test.cpp.

Crops by Pillow the way LLaVA's mm_utils.py makes them, normalised in NumPy the way the CLIP image
processor of Hugging Face transformers does.  Needs: pip install "pillow<13" numpy.
"""

import io

import numpy as np
from PIL import Image

from make_resize_golden import fnv1a, picture

MEAN, STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
CROP, PATCH = 28, 14
# (kind, width, height, aspect, grid target and place of the scaled image on it)
CASES = [
    ("noise", 60, 45, "anyres", (56, 56, 56, 42, 0, 7)),
    ("waves", 100, 30, "anyres", (84, 28, 84, 26, 0, 1)),
    ("noise", 60, 45, "pad", None),
    ("waves", 31, 100, "pad", None),
    ("noise", 60, 45, "resize", None),
    ("waves", 28, 28, "resize", None),
]


def crops(image, aspect, grid):
    if aspect == "anyres":
        tw, th, w, h, x, y = grid
        canvas = Image.new("RGB", (tw, th), (0, 0, 0))
        canvas.paste(image.resize((w, h)), (x, y))
        boxes = [(i, j, i + CROP, j + CROP) for j in range(0, th, CROP) for i in range(0, tw, CROP)]
        return [image.resize((CROP, CROP))] + [canvas.crop(b) for b in boxes]
    if aspect == "pad":
        side = max(image.size)
        canvas = Image.new("RGB", (side, side), tuple(int(m * 255) for m in MEAN))
        canvas.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
        image = canvas
    return [image.resize((CROP, CROP))]


def patches(crop):
    x = (np.asarray(crop).astype(np.float64) * (1 / 255)).astype(np.float32)
    x = (x - np.array(MEAN, np.float32)) / np.array(STD, np.float32)
    n = CROP // PATCH
    return x.reshape(n, PATCH, n, PATCH, 3).transpose(0, 2, 4, 1, 3).astype("<f4")


if __name__ == "__main__":
    for kind, width, height, aspect, grid in CASES:
        parts = crops(Image.fromarray(picture(kind, width, height)), aspect, grid)
        pixels = b"".join(p.tobytes() for p in parts)
        rows = b"".join(patches(p).tobytes() for p in parts)
        print(f"    {{Kind::{kind}, {width}, {height}, ImageAspect::{aspect}, {len(parts)}, "
              f"0x{fnv1a(pixels):016x}u, 0x{fnv1a(rows):016x}u}},")
    file = io.BytesIO()
    Image.fromarray(picture("waves", 21, 17)).save(file, "JPEG", quality=60, optimize=True)
    data = file.getvalue()
    print(f"// decoded: 0x{fnv1a(Image.open(file).tobytes()):016x}")
    for i in range(0, len(data), 24):
        print("    " + " ".join(f"{b}," for b in data[i:i + 24]))
