"""How many factors, which, and how well they fit."""
