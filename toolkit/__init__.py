"""Versioned questionnaires, answered in a browser, proved by statistics, compared honestly over time."""

__version__ = "0.1.0"
