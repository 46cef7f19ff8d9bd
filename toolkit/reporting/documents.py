"""Pages from templates: self-contained HTML with its style and pictures inside, fetching nothing."""

from __future__ import annotations

from typing import Any


def render(template: str, **content: Any) -> str:
    """Fill a template of this room.

    Parameters
    ----------
    template : str
        File name in ``toolkit/reporting/templates``.
    **content
        What the template names.

    Returns
    -------
    str
        The page. Everything put into it is escaped, except what is marked as HTML already.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("toolkit.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**content)
