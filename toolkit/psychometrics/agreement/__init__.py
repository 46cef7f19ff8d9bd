"""Whether raters, occasions or members of a group agree."""
