"""A respondent answers: pages, links, saving, waves and exports, as rules and services behind ports."""
