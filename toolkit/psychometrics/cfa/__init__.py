"""Confirmatory factor models: what is stated, fitted, tested and compared."""
