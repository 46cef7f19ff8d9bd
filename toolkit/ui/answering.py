"""One page of questions: radios, and the saving that follows every answer."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from toolkit.collection.flow import Page, allowed_answers
from toolkit.collection.ports import Answer
from toolkit.collection.reconciliation import Conflict
from toolkit.collection.responding import Visit
from toolkit.errors import CollectionError, StorageError
from toolkit.instruments.instrument import Instrument
from toolkit.ui.pages.notice import refused
from toolkit.ui.session import Tab
from toolkit.ui.words import words
from toolkit.wiring import services


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer of a radio group, as it is stored."""

    value: str


def labels_of(instrument: Instrument, question: str, language: str) -> dict[str, str]:
    """Return a question's labels by stored answer, in the order they are shown."""
    if question in instrument.items:
        return {str(code): label for code, label in instrument.labels(question, language).items()}
    options = instrument.texts[language].covariates[question].options
    return {option: options[option] for option in allowed_answers(instrument, question) or ()}


def answer_of(instrument: Instrument, question: str, shown: Choice | str | None) -> str | None:
    """Return the stored form of what a radio group shows.

    A browser sends the label, and after a restart it may be the label of another language; so a label is looked up in
    every language of the instrument.
    """
    if shown is None or isinstance(shown, Choice):
        return None if shown is None else shown.value
    for language in instrument.languages:
        for value, label in labels_of(instrument, question, language).items():
            if label == shown:
                return value
    return None


def question_text(instrument: Instrument, question: str, language: str) -> str:
    """Return the sentence of an item or a background question."""
    text = instrument.texts[language]
    return text.items[question].text if question in instrument.items else text.covariates[question].text


def radio_key(tab: Tab, question: str) -> str:
    """Return the key of a radio group; it holds the draft, so that no answer can reach another person's draft."""
    return f"{tab.draft_id}:{question}"


def save_page(tab: Tab, instrument: Instrument, page: Page) -> bool:
    """Save what the browser shows on a page; return whether everything is in the database.

    Called by the buttons that leave the page, because a click on "Next" may overtake the rerun of the last answer.
    """
    for question in page.questions:
        if radio_key(tab, question) in st.session_state:
            _save(tab, instrument, question)
    return not (tab.failed or tab.ended or any(question in tab.conflicts for question in page.questions))


def _save(tab: Tab, instrument: Instrument, question: str, *, loaded: Answer | None = None) -> None:
    """Write an answer unless the database is known to hold it; ``loaded`` is what this page was built from."""
    with tab.saving:
        # Read inside the lock: an older run that a click has overtaken is stopped here instead of writing what it saw.
        shown = answer_of(instrument, question, st.session_state[radio_key(tab, question)])
        base = tab.acknowledged.get(question)
        if base is None and (loaded.value if loaded else None) == shown:
            if loaded is not None:
                tab.acknowledged[question] = loaded
            return
        if tab.ended or (base is not None and base.value == shown and question not in tab.conflicts):
            return
        try:
            result = services().responding.save(tab.cookie, tab.draft_id, question, shown, base=base)
        except StorageError:
            tab.failed = True
            return
        except CollectionError as error:
            tab.ended = refused(error)
            return
        if isinstance(result, Conflict):
            tab.conflicts[question] = result
        else:
            tab.conflicts.pop(question, None)
            tab.acknowledged[question] = result.answer


def _clear(tab: Tab, question: str) -> None:
    st.session_state[radio_key(tab, question)] = None


def _keep_stored(tab: Tab, question: str, stored: Answer) -> None:
    tab.conflicts.pop(question, None)
    tab.acknowledged[question] = stored
    st.session_state[radio_key(tab, question)] = None if stored.value is None else Choice(stored.value)


def _keep_shown(tab: Tab, question: str, stored: Answer) -> None:
    tab.conflicts.pop(question, None)
    tab.acknowledged[question] = stored


def relabel(tab: Tab, instrument: Instrument) -> None:
    """Give the browser the labels of the page's language for choices that it holds in another one, saved or not."""
    for question in tab.relabel:
        key = radio_key(tab, question)
        if key in st.session_state:
            shown = answer_of(instrument, question, st.session_state[key])
            st.session_state[key] = None if shown is None else Choice(shown)
    tab.relabel.clear()


@st.fragment
def questions(tab: Tab, visit: Visit, page: Page, leave: DeltaGenerator) -> None:
    """Show a page's questions; only this part runs again after an answer.

    ``leave`` is the place of "Finish later", which is offered only while everything on the page is saved.
    """
    say = words(tab.language)
    tab.failed = False
    relabel(tab, visit.instrument)
    for question in page.questions:
        _question(tab, visit, question)
    answered = sum(
        1 for question in page.questions if (known := tab.acknowledged.get(question)) and known.value is not None
    )
    is_undecided = any(question in tab.conflicts for question in page.questions)
    with st.container(key="status"):
        if tab.failed:
            st.error(say["not_saved"])
            st.button(say["retry"], key="retry")
        elif is_undecided:
            _status(say["undecided"])
        else:
            text = (
                say["saved"].format(answered=answered, questions=len(page.questions)) if answered else say["none_yet"]
            )
            _status(text)
    if tab.failed or is_undecided:
        leave.empty()
    else:
        offer_to_leave(tab, leave)
    if tab.relabel or tab.ended:
        st.rerun()


def offer_to_leave(tab: Tab, place: DeltaGenerator) -> None:
    """Write the button that ends this browser's session; a plain form, because scripts cannot take the cookie away."""
    place.html(
        '<form method="post" action="/finish-later" class="eot-later">'
        f'<button type="submit">{escape(words(tab.language)["finish_later"])}</button></form>'
    )


def _status(text: str) -> None:
    st.html(f'<p role="status" class="eot-saved" id="save-status">{escape(text)}</p>')


def _question(tab: Tab, visit: Visit, question: str) -> None:
    instrument = visit.instrument
    say = words(tab.language)
    labels = labels_of(instrument, question, tab.language)
    values = list(labels)
    known = tab.acknowledged.get(question) or visit.answers.get(question)

    def label(option: Choice | str) -> str:
        value = answer_of(instrument, question, option)
        return labels[value] if value is not None else str(option)

    n_points = len(instrument.points(question)) if question in instrument.items else 0
    text = question_text(instrument, question, tab.language)
    with st.container(key=f"question-{n_points}-{question}"):
        shown = st.radio(
            text,
            [Choice(value) for value in values],
            index=values.index(known.value) if known and known.value in labels else None,
            format_func=label,
            key=radio_key(tab, question),
            help=_help(instrument, question, tab.language),
            width="stretch",
        )
        if isinstance(shown, str):
            tab.relabel.add(question)
        _save(tab, instrument, question, loaded=visit.answers.get(question))
        conflict = tab.conflicts.get(question)
        if conflict is not None:
            _ask(tab, question, conflict, labels)
        elif shown is not None:
            st.button(
                say["clear"],
                key=f"clear-{question}",
                type="tertiary",
                on_click=_clear,
                args=(tab, question),
            )


def _help(instrument: Instrument, question: str, language: str) -> str | None:
    return instrument.texts[language].items[question].help if question in instrument.items else None


def _ask(tab: Tab, question: str, conflict: Conflict, labels: dict[str, str]) -> None:
    say = words(tab.language)
    stored = labels.get(conflict.stored.value or "", say["nothing"])
    here = labels.get(conflict.shown or "", say["nothing"])
    st.warning(say["conflict"].format(stored=stored, shown=here))
    arguments = (tab, question, conflict.stored)
    choices = (("stored", stored, _keep_stored), ("shown", here, _keep_shown))
    with st.container(horizontal=True):
        for name, label, keep in choices:
            text = say[f"conflict_{name}"].format(**{name: label})
            st.button(text, key=f"keep-{name}-{question}", on_click=keep, args=arguments)
