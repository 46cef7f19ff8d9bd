"""Two populations of the same answers: whoever is in one and not in the other counts as a cell."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping


def both_may_be_shown(
    first: Collection[Hashable],
    second: Collection[Hashable],
    *,
    floor: int,
    sizes: Mapping[Hashable, int] | None = None,
) -> bool:
    """Say whether figures of two populations of the same answers may both be published.

    Parameters
    ----------
    first, second : collection of atoms
        The members of each population: persons, or groups of persons that are always together.
    floor : int
        People that a figure must rest on.
    sizes : mapping of atom to int, optional
        People in each atom; every atom is one person where it is left out.

    Returns
    -------
    bool
        True if joiners (in the second alone) and leavers (in the first alone) are each nobody, or the floor of people
        or more. The populations themselves are cells like all others and are not judged here.

    Notes
    -----
    A reader who holds both means and counts subtracts one total from the other. If the second is the first and three
    people more, the difference is the total of those three. If people joined and left, it is the joiners' total less
    the leavers', which tells about a few people too once one side is known; so each side must reach the floor.
    This is stricter than what linear algebra alone would forbid.

    The rule is for the *same* answers: a wave that is published again after late submissions, or two filters that
    differ by few people. It is not for two waves. Every wave is answered anew and without a link between persons, so
    the later total less the earlier is the difference of two sums of different answers; it holds the change of
    everybody who stayed, and the answers of joiners or leavers cannot be had from it, however few they are. What
    protects a wave is its own floor and remainders, and that nothing is published before it is frozen. (Where waves are
    linked by consent and a figure is made of linked persons alone, those persons are the population and the rule
    applies.)

    References
    ----------
    Hundepool, A., et al. (2012). *Statistical Disclosure Control*. Wiley. https://doi.org/10.1002/9781118348239

    Examples
    --------
    >>> both_may_be_shown(range(20), range(23), floor=5), both_may_be_shown(range(20), range(25), floor=5)
    (False, True)
    """
    before, after = set(first), set(second)
    changes = (after - before, before - after)
    people = [len(change) if sizes is None else sum(sizes[atom] for atom in change) for change in changes]
    return all(n == 0 or n >= floor for n in people)
