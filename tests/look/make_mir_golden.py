"""Expected values of tests/look/mir_test.cpp, in float64 NumPy. Prints mir_golden.hpp.

The trace of the root of A B is the sum of the roots of its eigenvalues, here by numpy.linalg.eigvals: another way
than the library's, which takes singular values and never forms a covariance.
"""
import numpy as np


def frechet(a, b):
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    roots = np.sqrt(np.maximum(np.linalg.eigvals(cov_a @ cov_b).real, 0.0)).sum()
    difference = a.mean(0) - b.mean(0)
    return difference @ difference + np.trace(cov_a) + np.trace(cov_b) - 2.0 * roots


def without_outliers(x):
    norms = np.linalg.norm(x, axis=1)
    middle = np.sort(norms)[(len(norms) - 1) // 2]
    out = x.copy()
    out[np.abs(norms - middle) > 3.0 * norms.std(ddof=1)] = np.sort(x, axis=0)[(len(x) - 1) // 2]
    return out


def layer_mir(vision, text):
    length = np.linalg.norm(text, axis=1).mean()
    return frechet(without_outliers(vision / length), without_outliers(text / length))


def cloud(random, rows, cols, outlier=None):
    x = np.round(random.normal(size=(rows, cols)) @ random.normal(size=(cols, cols)) + random.normal(size=cols), 3)
    if outlier is not None:
        x[outlier] = np.round(x[outlier] * 40.0, 3)
    return x


def literal(name, x):
    rows = ",\n    ".join(", ".join(f"{v:g}f" if "." in f"{v:g}" else f"{v:g}.f" for v in row) for row in x)
    return f"inline const std::vector<float> {name}{{\n    {rows}}};  // [{x.shape[0]}, {x.shape[1]}]\n"


random = np.random.default_rng(20260801)
vision, text = cloud(random, 24, 4, outlier=5), cloud(random, 14, 4)
assert (without_outliers(vision) != vision).any(), "the vision cloud should have an outlier"
print("// Made by make_mir_golden.py; do not edit.\n#pragma once\n\n#include <vector>\n\nnamespace mir_golden {\n")
print(literal("vision", vision))
print(literal("text", text))
as_read = [x.astype(np.float32).astype(np.float64) for x in (vision, text)]
print(f"inline constexpr double frechet = {frechet(*as_read):.17g};")
print(f"inline constexpr double layer_mir = {layer_mir(*as_read):.17g};")
print("\n}  // namespace mir_golden")
