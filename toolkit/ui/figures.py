"""A chart as a page shows it: picture, words for who does not see it, the table behind it, and both to take along."""

from __future__ import annotations

from copy import deepcopy
from functools import lru_cache, partial
from html import escape

import streamlit as st

from toolkit.reporting.drawing import WIDTH, Draft, Figure, svg
from toolkit.reporting.table import Table
from toolkit.reporting.vector import image_tag

TABLES_KEPT = 128


def show_chart(draft: Draft, say: dict[str, str], *, key: str, heading: bool = True) -> None:
    """Show a chart with its title, legend and words, and offer it as SVG."""
    with st.container(key=f"chart-{key}", gap="xsmall"):
        if heading:
            st.html(f'<h3 class="eot-chart">{escape(draft.title)}</h3>')
        if draft.legend:
            _legend(draft.legend)
        # As a specification, which Streamlit passes on as it is; a chart it would check once more, part by part.
        # The copy is Streamlit's own, which takes the data out of it.
        st.vega_lite_chart(
            spec=deepcopy(draft.specification), width="stretch", alt=draft.alternative, key=f"altair-{key}"
        )
        st.download_button(
            say["figure_save"],
            partial(_picture, draft),
            file_name=f"{draft.name}.svg",
            mime="image/svg+xml",
            on_click="ignore",
            type="tertiary",
            key=f"svg-{key}",
        )


def show_figure(figure: Figure, say: dict[str, str], *, key: str) -> None:
    """Show a picture that is drawn already, with its title and words, and offer it as SVG."""
    with st.container(key=f"figure-{key}", gap="xsmall"):
        st.html(f'<h4 class="eot-chart">{escape(figure.title)}</h4>')
        picture = image_tag(figure.svg, f"{figure.title}. {figure.alternative}")
        st.html(f'<div class="eot-picture">{picture}</div>')
        st.download_button(
            say["figure_save"],
            figure.svg,
            file_name=f"{figure.name}.svg",
            mime="image/svg+xml",
            on_click="ignore",
            type="tertiary",
            key=f"svg-{key}",
        )


def show_table(table: Table, say: dict[str, str], *, key: str, is_open: bool = False) -> None:
    """Show the numbers behind a chart, and offer them in full precision."""
    with st.expander(table.caption, expanded=is_open):
        _rows(table)
        st.download_button(
            say["figure_save_table"],
            _as_csv(table),
            file_name=f"{table.name}.csv",
            mime="text/csv",
            on_click="ignore",
            type="tertiary",
            key=f"csv-{key}",
        )


def _picture(draft: Draft) -> bytes:
    """Draw a chart on a page of its own; a chart that fills its container needs a width of its own there."""
    return svg(draft.chart.properties(width=WIDTH).to_dict()).encode()


def _legend(legend: tuple[tuple[str, str], ...]) -> None:
    entries = "".join(
        f'<li><span style="background:{escape(colour)}"></span>{escape(words)}</li>' for colour, words in legend
    )
    st.html(f'<ul class="eot-legend">{entries}</ul>')


def _rows(table: Table) -> None:
    st.html(_as_html(table))


@lru_cache(maxsize=TABLES_KEPT)
def _as_csv(table: Table) -> str:
    return table.to_csv()


@lru_cache(maxsize=TABLES_KEPT)
def _as_html(table: Table) -> str:
    """Write a table that screen readers can walk through, and that scrolls within itself on a narrow screen."""
    heads = "".join(
        f'<th scope="col"{_number(numeric)}>{escape(heading)}</th>' for _, heading, numeric in table.columns
    )
    numeric = [is_numeric for _, _, is_numeric in table.columns]
    body = "".join(
        "<tr>"
        + "".join(
            f'<th scope="row">{escape(cell)}</th>'
            if place < table.n_labels
            else f"<td{_number(number)}>{escape(cell)}</td>"
            for place, (cell, number) in enumerate(zip(row, numeric, strict=True))
        )
        + "</tr>"
        for row in table.rows
    )
    caption = escape(table.caption)
    return (
        f'<div class="eot-table" role="region" tabindex="0" aria-label="{caption}"><table>'
        f"<caption>{caption}</caption><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
        f'<p class="eot-note">{escape(table.note)}</p>'
    )


def _number(is_numeric: bool) -> str:
    return ' class="eot-number"' if is_numeric else ""
