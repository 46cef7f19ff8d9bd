"""How precisely a scale measures: reliability of the sum of its items, with intervals."""
