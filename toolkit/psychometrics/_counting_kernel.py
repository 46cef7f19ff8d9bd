"""Kernels that turn answers into small codes and count all pairs of items in one pass.

A block of 4,096 persons is turned into one bit mask a category; the cell of two categories is then the number of bits
that both masks share. That takes K^2 / 64 operations a person and pair, and nothing else of the data is read.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from toolkit.psychometrics._compiled import kernel
from toolkit.psychometrics._numerics import Array, Bytes, Counts, Flags, Words

MISSING = 255
"""The code of a missing answer."""
LARGEST = 2.0**53
"""From here on neighbouring whole numbers are the same float."""
_WORDS = 64
_TYPES: Any = types
_COLUMN = _TYPES.Array(_TYPES.f8, 1, "A", readonly=True)
"""A column of a frame, wherever it lies in memory; pandas hands it out read-only."""


@kernel(_TYPES.Tuple((_TYPES.f8, _TYPES.f8, _TYPES.i8, _TYPES.b1, _TYPES.b1))(_COLUMN))
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


@kernel(_TYPES.void(_COLUMN, _TYPES.f8, _TYPES.u1[::1], _TYPES.b1[::1]))
def encode_whole(x: Array, low: float, out: Bytes, seen: Flags) -> None:
    """Write each whole number's distance from the lowest one, MISSING for NaN, and mark the distances that occur."""
    for n in range(x.size):
        code = MISSING if np.isnan(x[n]) else np.uint8(x[n] - low)
        out[n] = code
        seen[code] = True


@kernel("u8(u8)")
def set_bits(x: np.uint64) -> np.uint64:
    """Return how many bits are set, by adding neighbouring fields of 1, 2, 4 bits and multiplying them together."""
    one, two, four, last = np.uint64(1), np.uint64(2), np.uint64(4), np.uint64(56)
    x = x - ((x >> one) & np.uint64(0x5555555555555555))
    x = (x & np.uint64(0x3333333333333333)) + ((x >> two) & np.uint64(0x3333333333333333))
    x = (x + (x >> four)) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (x * np.uint64(0x0101010101010101)) >> last


@kernel("i8(u8[::1], u8[::1], i8)")
def persons_in_both(first: Words, second: Words, words: int) -> np.int64:
    """Return how many persons two masks share in their first words."""
    found = np.uint64(0)
    for w in range(words):
        found += set_bits(first[w] & second[w])
    return np.int64(found)


@kernel("void(u1[::1], u8[:, ::1])")
def write_masks(codes: Bytes, masks: Words) -> None:
    """Write one bit mask a category for at most 4,096 persons."""
    masks[:] = np.uint64(0)
    for person in range(codes.size):
        code = codes[person]
        if code != MISSING:
            bit = np.uint64(person)
            masks[code, bit >> np.uint64(6)] |= np.uint64(1) << (bit & np.uint64(63))


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
    masks = np.empty((p, margins.shape[1], _WORDS), dtype=np.uint64)
    for start in range(0, n, 64 * _WORDS):
        stop = min(start + 64 * _WORDS, n)
        words = (stop - start + 63) // 64
        for i in range(p):
            write_masks(codes[i, start:stop], masks[i])
            for r in range(n_categories[i]):
                margins[i, r] += persons_in_both(masks[i, r], masks[i, r], words)
        pair = 0
        for i in range(p):
            for j in range(i + 1, p):
                for r in range(n_categories[i]):
                    for s in range(n_categories[j]):
                        tables[pair, r, s] += persons_in_both(masks[i, r], masks[j, s], words)
                pair += 1
