"""The floors below which nothing is shown or exported."""

FLOOR_FOR_DISTRIBUTIONS = 10
"""People a distribution, or a subgroup's figure, must rest on."""

FLOOR_FOR_CELLS = 5
"""People who must share a combination of background answers in a person-level export, and a unit's mean."""

NOT_SHOWN = {
    "en": "Not shown: too few answers or none",
    "nb": "Vises ikke: for få svar eller ingen",
}
"""What stands in an empty or suppressed place, so that the two look the same."""
