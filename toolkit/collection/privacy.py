"""Secrets that are shown once and kept only as keyed hashes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import unicodedata

RECEIPT_BYTES = 10
_MISREAD = str.maketrans("018", "OIB")


def new_key() -> str:
    """Return a random key of 128 bits, in hexadecimal."""
    return secrets.token_hex(16)


def new_token() -> str:
    """Return a random token of 128 bits that fits into an address."""
    return secrets.token_urlsafe(16)


def new_receipt() -> str:
    """Return a receipt code of 80 random bits, in groups that can be read aloud.

    Examples
    --------
    >>> len(new_receipt())
    19
    """
    letters = base64.b32encode(secrets.token_bytes(RECEIPT_BYTES)).decode("ascii")
    return "-".join(letters[start : start + 4] for start in range(0, len(letters), 4))


def keyed_hash(secret: bytes, purpose: str, value: str) -> str:
    """Return HMAC-SHA-256 of a value, bound to its purpose so that a hash made for one use fits no other."""
    return hmac.new(secret, f"{purpose}\0{value}".encode(), hashlib.sha256).hexdigest()


def receipt_as_typed(typed: str) -> str:
    """Return a receipt code in its own form, however a person typed it.

    Receipts hold the letters A-Z and the digits 2-7, so a 0, 1 or 8 was an O, I or B.

    Examples
    --------
    >>> receipt_as_typed(" abcd efgh-ijkl mnop ")
    'ABCD-EFGH-IJKL-MNOP'
    """
    plain = unicodedata.normalize("NFKC", typed).upper().translate(_MISREAD)
    letters = "".join(letter for letter in plain if letter.isalnum())
    return "-".join(letters[start : start + 4] for start in range(0, len(letters), 4))
