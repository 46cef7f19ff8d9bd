"""Kernels that turn answers into small codes and count all pairs of items in one pass.

A block of 4,096 persons is turned into one bit mask a category; the cell of two categories is then the number of bits
that both masks share. That takes K^2 / 64 operations a person and pair, and nothing else of the data is read.
"""

from __future__ import annotations

import numpy as np

from toolkit.psychometrics._compiled import kernel
from toolkit.psychometrics._numerics import Bytes, Counts, Array

MISSING = 255
"""The code of a missing answer."""
LARGEST = 2.0**53
"""From here on neighbouring whole numbers are the same float."""
_WORDS = 64


@kernel("Tuple((f8, f8, i8, b1, b1))(f8[:])")
def column_range(x: Array) -> tuple[float, float, int, bool, bool]:
    """Return the smallest and largest value, how many are missing, and whether all are whole and usable."""
    low, high, n_missing, whole, usable = np.inf, -np.inf, 0, True, True
    for value in x:
        if np.isnan(value):
            n_missing += 1
            continue
        if abs(value) >= LARGEST:
            usable = False
            continue
        if value < low:
            low = value
        if value > high:
            high = value
        if value != np.floor(value):
            whole = False
    return low, high, n_missing, whole, usable


@kernel("void(f8[:], f8, u1[::1])")
def encode_whole(x: Array, low: float, out: Bytes) -> None:
    """Write each whole number's distance from the lowest one, MISSING for NaN."""
    for n in range(x.size):
        out[n] = MISSING if np.isnan(x[n]) else np.uint8(x[n] - low)


@kernel("u8(u8)")
def shared_bits(x: int) -> int:
    """Return how many bits are set, by adding neighbouring fields of 1, 2, 4 bits and multiplying them together."""
    one, two, four, last = np.uint64(1), np.uint64(2), np.uint64(4), np.uint64(56)
    x = x - ((x >> one) & np.uint64(0x5555555555555555))
    x = (x & np.uint64(0x3333333333333333)) + ((x >> two) & np.uint64(0x3333333333333333))
    x = (x + (x >> four)) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (x * np.uint64(0x0101010101010101)) >> last


@kernel("void(u1[:, ::1], i8[::1], i8[:, :, ::1], i8[:, ::1])")
def count_pairs(codes: Bytes, n_categories: Counts, tables: Counts, margins: Counts) -> None:
    """Add to the tables of all pairs (upper triangle, row by row) and to the margins of all items.

    Parameters
    ----------
    codes : ndarray of uint8, shape (n_items, n_persons)
        Codes from 0; MISSING is not counted.
    n_categories : ndarray, shape (n_items,)
        Categories of each item.
    tables : ndarray, shape (n_pairs, K, K)
        Counts of the first item's category (row) and the second's (column).
    margins : ndarray, shape (n_items, K)
        Counts of each item's categories.
    """
    p, n = codes.shape
    K = margins.shape[1]
    masks = np.empty((p, K, _WORDS), dtype=np.uint64)
    for start in range(0, n, 64 * _WORDS):
        masks[:] = np.uint64(0)
        stop = min(start + 64 * _WORDS, n)
        words = (stop - start + 63) // 64
        for i in range(p):
            for person in range(start, stop):
                code = codes[i, person]
                if code != MISSING:
                    bit = np.uint64(person - start)
                    masks[i, code, bit >> np.uint64(6)] |= np.uint64(1) << (bit & np.uint64(63))
            for r in range(n_categories[i]):
                found = np.uint64(0)
                for w in range(words):
                    found += shared_bits(masks[i, r, w])
                margins[i, r] += np.int64(found)
        pair = 0
        for i in range(p):
            for j in range(i + 1, p):
                for r in range(n_categories[i]):
                    for s in range(n_categories[j]):
                        found = np.uint64(0)
                        for w in range(words):
                            found += shared_bits(masks[i, r, w] & masks[j, s, w])
                        tables[pair, r, s] += np.int64(found)
                pair += 1
