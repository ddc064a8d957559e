"""From bytes to normalised crops, equal to Pillow and the CLIP image processor."""

import numpy as np
import torch

from config import PICTURE_SIDE


def bicubic_matrix(size_in, size_out):
    """Pillow's bicubic reduction along one axis as integer weights / 2^22, [size_out, size_in]."""
    scale = size_in / size_out
    support = 2.0 * max(scale, 1.0)
    matrix = np.zeros((size_out, size_in))
    for i in range(size_out):
        centre = (i + 0.5) * scale
        low = max(int(centre - support + 0.5), 0)
        high = min(int(centre + support + 0.5), size_in)
        x = np.abs((np.arange(low, high) - centre + 0.5) / max(scale, 1.0))
        a = -0.5
        near = ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
        far = (((x - 5.0) * x + 8.0) * x - 4.0) * a
        weight = np.where(x < 1.0, near, np.where(x < 2.0, far, 0.0))
        scaled = weight / weight.sum() * (1 << 22)
        matrix[i, low:high] = np.trunc(scaled + np.where(scaled < 0, -0.5, 0.5))
    return torch.from_numpy(matrix)


def halve(pixels, matrix):
    """Pillow's resize of [B, H, W, 3] bytes: across, then down, each rounded to 8 bits (float64 is exact here)."""
    def rounded(x):
        return torch.floor((x + (1 << 21)) / (1 << 22)).clamp(0, 255)

    x = pixels.double()
    x = rounded(torch.einsum("bhwc,ow->bhoc", x, matrix))
    return rounded(torch.einsum("bhoc,ph->bpoc", x, matrix))


def crops_of(pixels, matrix, vision):
    """[B, 192, 192, 3] bytes -> normalised crops [B, 5, 3, 96, 96]: the base crop, then the sub-crops in raster order."""
    size = vision.image_size
    base = halve(pixels, matrix).float()
    full = pixels.float()
    boxes = [full[:, y:y + size, x:x + size]
             for y in range(0, PICTURE_SIDE, size) for x in range(0, PICTURE_SIDE, size)]
    crops = torch.stack([base, *boxes], dim=1) / 255.0
    mean, std = (torch.tensor(v, device=pixels.device) for v in (vision.image_mean, vision.image_std))
    return ((crops - mean) / std).permute(0, 1, 4, 2, 3)
