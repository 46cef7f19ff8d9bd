"""Staff see the waves, make invitation links, end a wave and save its answers (demonstration only for now)."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from toolkit.collection.export import export_frame
from toolkit.collection.ports import Unit, Wave
from toolkit.collection.waves import ServiceUnits
from toolkit.errors import ToolkitError
from toolkit.instruments.codebook import codebook
from toolkit.ui import staff, theme
from toolkit.ui.session import site_address
from toolkit.wiring import services

LINKS = "made_links"
MOST_LINKS = 500


def show() -> None:
    """Show the page."""
    opened = staff.open_page("staff")
    if opened is None:
        return
    language, say = opened
    every = services().waves.all()
    if not every:
        st.info(say["staff_none"])
    for wave, taking_part in reversed(every):
        with st.container(border=True):
            _wave(wave, taking_part, say, language)


def _wave(wave: Wave, taking_part: tuple[ServiceUnits, ...], say: dict[str, str], language: str) -> None:
    st.subheader(wave.name, anchor=False)
    instrument = services().catalog.load(wave.instrument)
    text = instrument.texts[language if language in instrument.texts else instrument.languages[0]]
    facts = {
        say["staff_service"]: ", ".join(service.name for service, _ in taking_part),
        say["staff_instrument"]: f"{text.title} ({wave.instrument})",
        say["staff_asked_on"]: wave.asked_on.isoformat(),
        say["staff_status"]: say[f"staff_status_{wave.status}"],
        say["staff_invited"]: str(services().waves.n_invited(wave.id)),
    }
    theme.facts(facts)
    if wave.is_demo:
        st.info(say["staff_synthetic"])
    if wave.status == "frozen":
        _export(wave, say)
    else:
        st.text(say["staff_open_wave"])
        _invite(wave, taking_part, say)
        _freeze(wave, say)


def _invite(wave: Wave, taking_part: tuple[ServiceUnits, ...], say: dict[str, str]) -> None:
    owners = {unit.id: service.name for service, units in taking_part for unit in units}
    units = [unit for _, some in taking_part for unit in some]

    def label(unit: Unit) -> str:
        return unit.name if len(taking_part) == 1 else f"{owners[unit.id]}: {unit.name}"

    with st.form(f"invite-{wave.id}"):
        st.markdown(f"**{say['staff_invite']}**")
        unit = st.selectbox(say["staff_unit"], units, format_func=label)
        number = st.number_input(say["staff_number"], min_value=1, max_value=MOST_LINKS, value=1)
        if st.form_submit_button(say["staff_make"]) and unit is not None:
            tokens = services().waves.invite(wave.id, unit.id, int(number))
            st.session_state[LINKS] = (wave.id, unit.name, tokens)
    made = st.session_state.get(LINKS)
    if made is None or made[0] != wave.id:
        return
    _, unit_name, tokens = made
    links = pd.DataFrame({"unit": unit_name, "link": [_link(token) for token in tokens]})
    st.info(say["staff_links"])
    st.dataframe(links, hide_index=True)
    csv = links.to_csv(index=False)
    st.download_button(say["staff_links_file"], csv, file_name="invitations.csv", mime="text/csv", on_click="ignore")
    st.link_button(say["staff_open_link"], _link(tokens[0]))


def _link(token: str) -> str:
    return f"{site_address()}/i/{token}"


def _freeze(wave: Wave, say: dict[str, str]) -> None:
    with st.expander(say["staff_freeze"]):
        st.text(say["staff_freeze_text"])
        sure = st.checkbox(say["staff_freeze_sure"], key=f"sure-{wave.id}")
        if st.button(say["staff_freeze"], key=f"freeze-{wave.id}", disabled=not sure):
            try:
                services().waves.freeze(wave.id)
            except ToolkitError as error:
                st.error(str(error))
            else:
                st.rerun()


def _export(wave: Wave, say: dict[str, str]) -> None:
    st.markdown(f"**{say['staff_export']}**")
    instrument = services().catalog.load(wave.instrument)
    try:
        _, responses, taking_part = services().waves.frozen_responses(wave.id)
        answers = export_frame(instrument, wave, responses, taking_part)
    except ToolkitError as error:
        st.info(str(error))
        return
    for label, name, frame in (
        ("staff_export_answers", "answers", answers),
        ("staff_export_codebook", "codebook", codebook(instrument)),
    ):
        st.download_button(
            say[label],
            frame.to_csv(index=False),
            file_name=f"{wave.id}-{name}.csv",
            mime="text/csv",
            on_click="ignore",
            key=f"{name}-{wave.id}",
        )
