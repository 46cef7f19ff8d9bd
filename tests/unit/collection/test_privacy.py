"""Keys, tokens, receipts and their hashes."""

from __future__ import annotations

import base64
import re

import pytest

from toolkit.collection.privacy import (
    RECEIPT_BYTES,
    keyed_hash,
    new_key,
    new_receipt,
    new_token,
    receipt_as_typed,
)

N = 2_000


def test_keys_and_tokens_have_128_bits_and_do_not_repeat() -> None:
    assert {len(bytes.fromhex(new_key())) for _ in range(N)} == {16}
    assert {len(base64.urlsafe_b64decode(new_token() + "==")) for _ in range(N)} == {16}
    assert len({new_key() for _ in range(N)}) == N
    assert len({new_token() for _ in range(N)}) == N


def test_a_receipt_has_at_least_80_bits_and_can_be_read_aloud() -> None:
    receipts = {new_receipt() for _ in range(N)}
    assert len(receipts) == N
    assert RECEIPT_BYTES * 8 >= 80
    assert all(re.fullmatch(r"([A-Z2-7]{4}-){3}[A-Z2-7]{4}", receipt) for receipt in receipts)


def test_all_bits_of_receipts_are_used() -> None:
    ones = [0] * 80
    for _ in range(N):
        number = int.from_bytes(base64.b32decode(new_receipt().replace("-", "")))
        for bit in range(80):
            ones[bit] += number >> bit & 1
    # A fair bit leaves 1,000 +- 6 standard deviations (22.4) less than once in 5e8; 80 bits: below 2e-7.
    assert all(abs(n - N / 2) < 135 for n in ones)


def test_a_hash_depends_on_key_purpose_and_value() -> None:
    first = keyed_hash(b"key", "token", "value")
    assert first == keyed_hash(b"key", "token", "value")
    assert re.fullmatch(r"[0-9a-f]{64}", first)
    others = {
        keyed_hash(b"other", "token", "value"),
        keyed_hash(b"key", "cookie", "value"),
        keyed_hash(b"key", "token", "value2"),
        keyed_hash(b"key", "tokenvalue", ""),
    }
    assert first not in others
    assert len(others) == 4


@pytest.mark.parametrize(
    "typed",
    [
        "ABCD-EF2O-IJKB-MNOP",
        "abcd-ef2o-ijkb-mnop",
        "  ABCD EF2O IJKB MNOP\n",
        "ABCDEF2OIJKBMNOP",
        "ABCD–EF2O—IJKB_MNOP.",
        "ABCD-EF20-1JK8-MN0P",
        "ＡＢＣＤ-EF2O-IJKB-MNOP",
        "A B C D E F 2 O I J K B M N O P",
    ],
)
def test_a_receipt_is_understood_however_it_is_typed(typed: str) -> None:
    assert receipt_as_typed(typed) == "ABCD-EF2O-IJKB-MNOP"


@pytest.mark.parametrize("typed", ["", "---", "A" * 10_000, "\0", "Ærlig-talt", "'; DROP TABLE responses; --"])
def test_nonsense_is_no_receipt_and_no_error(typed: str) -> None:
    assert not re.fullmatch(r"([A-Z2-7]{4}-){3}[A-Z2-7]{4}", receipt_as_typed(typed))


def test_new_receipts_are_in_their_own_form_already() -> None:
    assert all(receipt_as_typed(receipt) == receipt for receipt in (new_receipt() for _ in range(N)))
