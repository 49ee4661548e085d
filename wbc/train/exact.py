"""Arithmetic whose results are the same bits on every CPU.

A sum of floating-point numbers depends on the order in which they are added, and that order differs between CPUs,
libraries and numbers of threads. Within some epochs of training, a difference in the last bit leads to another model.
Here every operand of a sum is first rounded to a common grid. The grid is so coarse that all products and all partial
sums are integer multiples of its step, below 2**53 steps. float64 then holds each of them exactly, and any order gives
the same result. This is the first slice of the splitting of Ozaki, Ogita, Oishi and Rump: Error-free transformations of
matrix multiplication by using fast routines of matrix multiplication and its applications, Numerical Algorithms 59,
2012. It has 21 bits for sums of up to 2,048 products, about the precision of float32.

IEEE 754 defines the other operations on single numbers to the bit: `+`, `-`, `*`, `/` and `sqrt`. It doesn't define
`exp` and `log`, so they are composed of these operations here.
"""

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

MANTISSA = 53  # bits of a float64
BLOCK = 16  # rows that `mean_and_deviation` takes at once: of 1,280 features, 160 KB of float64
_LN2_HIGH, _LN2_LOW = (
    0.6931471803691238,
    1.9082149292705877e-10,
)  # their sum is log 2 to 84 bits; the first ends in zeros


def product_bits(terms: int) -> int:
    """Return the number of bits of two factors at which a sum of `terms` products is exact.

    >>> product_bits(1280)
    21
    """
    return (MANTISSA - math.ceil(math.log2(max(terms, 1)))) // 2


def sum_bits(terms: int) -> int:
    """Return the number of bits of the terms at which their sum is exact."""
    return MANTISSA - 1 - math.ceil(math.log2(max(terms, 1)))


def rounding_constant(largest: float, bits: int) -> float:
    """Return the number c for which `(x + c) - c` rounds |x| ≤ `largest` to `bits` bits, or 0 if all x are 0."""
    _, exponent = math.frexp(largest)
    return math.ldexp(1.5, MANTISSA - 1 + exponent - bits) if largest else 0.0


def rounded(values: Floats, constant: float | Floats) -> Floats:
    """Return `values` rounded by a `rounding_constant`."""
    result = values + constant
    result -= constant
    return result


def on_grid(values: Floats, bits: int) -> Floats:
    """Return `values` rounded to a grid of 2**-bits of their largest magnitude's power of two."""
    return rounded(values, rounding_constant(float(np.abs(values).max(initial=0.0)), bits))


def rows_on_grid(values: Floats, bits: int) -> Floats:
    """Return `values` rounded row by row: each to a grid of 2**-bits of its own largest magnitude's power of two."""
    _, exponent = np.frexp(np.abs(values).max(axis=1, keepdims=True, initial=0.0))
    return rounded(values, np.ldexp(1.5, MANTISSA - 1 + exponent - bits))


def matmul_by_row(left: Floats, right: Floats) -> Floats:
    """Return the exact product of two matrices, no row of which depends on the other rows of `left`."""
    bits = product_bits(left.shape[1])
    return rows_on_grid(left, bits) @ on_grid(right, bits)


def total(values: Floats, axis: int | None = None) -> Floats:
    """Return the exact sum of `values`, which are rounded to a grid first."""
    terms = values.size if axis is None else values.shape[axis]
    return on_grid(values, sum_bits(terms)).sum(axis=axis)


def mean_and_deviation(values: npt.NDArray) -> tuple[Floats, Floats]:
    """Return mean and standard deviation of each column of `values`, an array (rows, columns), by exact sums.

    Rows are converted to float64 in blocks that fit into the core's cache.
    """

    def blocks() -> Iterator[Floats]:
        return (values[start : start + BLOCK].astype(np.float64) for start in range(0, len(values), BLOCK))

    bits, columns = sum_bits(len(values)), values.shape[1]
    low, high = np.full(columns, np.inf), np.full(columns, -np.inf)
    for block in blocks():
        np.minimum(low, block.min(axis=0), out=low)
        np.maximum(high, block.max(axis=0), out=high)
    constant = rounding_constant(float(np.maximum(-low, high).max()), bits)
    mean = sum(rounded(block, constant).sum(axis=0) for block in blocks()) / len(values)
    constant = rounding_constant(float((np.maximum(mean - low, high - mean) ** 2).max()), bits)
    squares = np.zeros(columns)
    for block in blocks():
        block -= mean
        block *= block
        squares += rounded(block, constant).sum(axis=0)
    return mean, np.sqrt(squares / len(values))


def exp(values: Floats) -> Floats:
    """Return e to the power of `values` (≤ 0; below -700 it is 0), with a relative error of about 1e-15.

    exp(x) = 2**n exp(r) with |r| ≤ log(2) / 2, and exp(r) by its Taylor series.
    """
    kept = np.maximum(values, -700.0)
    whole = np.rint(kept * (1 / math.log(2)))
    rest = (kept - whole * _LN2_HIGH) - whole * _LN2_LOW
    result = np.full_like(rest, 1.0)
    for term in range(13, 0, -1):
        result = result * rest / term + 1.0
    return np.where(values < -700, 0.0, np.ldexp(result, whole.astype(np.int32)))


def log(values: Floats) -> Floats:
    """Return the natural logarithm of `values` (> 0), with an absolute or relative error of about 1e-15.

    log(2**n m) = n log(2) + 2 artanh(z) with z = (m - 1) / (m + 1), and artanh by its series.
    """
    mantissa, exponent = np.frexp(values)
    low = mantissa < math.sqrt(0.5)
    mantissa, exponent = np.where(low, 2 * mantissa, mantissa), exponent - low
    ratio = (mantissa - 1) / (mantissa + 1)
    square, series = ratio * ratio, np.zeros_like(ratio)
    for power in range(23, 0, -2):
        series = series * square + 1 / power
    return exponent * _LN2_HIGH + (exponent * _LN2_LOW + 2 * ratio * series)
