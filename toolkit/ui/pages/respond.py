"""A respondent answers: consent, questions, review, receipt."""

from __future__ import annotations

from html import escape

import streamlit as st

from toolkit.collection.flow import REVIEW, Page, display_order, pages, steps, unanswered
from toolkit.collection.ports import Draft
from toolkit.collection.responding import Visit
from toolkit.errors import CollectionError, StorageError
from toolkit.instruments.instrument import Instrument
from toolkit.ui import theme
from toolkit.ui.answering import offer_to_leave, question_text, questions, save_page
from toolkit.ui.pages import notice
from toolkit.ui.session import Tab, browser_language, cookie, current_tab, set_tab, site_address
from toolkit.ui.words import language_name, words
from toolkit.wiring import services

CONSENT = "consent"


def show() -> None:
    """Show the page this browser is on."""
    tab = current_tab()
    if tab is not None and tab.receipt is not None:
        _receipt(tab, tab.receipt)
        return
    if tab is not None and tab.ended:
        # Nothing that was answered stays on the screen of a shared computer.
        notice.show(tab.ended)
        return
    told = st.query_params.get("notice")
    key = cookie()
    if key is None or told in notice.KINDS:
        notice.show(told or "welcome")
        return
    try:
        visit = services().responding.visit(key)
    except CollectionError as error:
        notice.show(notice.refused(error))
        return
    except StorageError:
        notice.show("trouble")
        return
    if tab is None or visit.draft is None or tab.draft_id != visit.draft.id:
        if visit.draft is None:
            _consent(key, visit)
            return
        tab = _tab_of(key, visit.draft)
        set_tab(tab)
    _page(tab, visit)


def _tab_of(key: str, draft: Draft, *, came_from: str = "") -> Tab:
    """Return a fresh tab on a draft; one that came from another step moves the focus to the page's heading."""
    return Tab(cookie=key, draft_id=draft.id, language=draft.language, step=draft.step, focused_step=came_from)


# --- consent


def _consent(key: str, visit: Visit) -> None:
    instrument = visit.instrument
    language = _language_chooser(instrument, browser_language(instrument.languages))
    say = words(language)
    text = instrument.texts[language]
    settings = services().settings
    theme.announce_page(title=text.title, language=language, focus=False)
    st.html(f'<h1 class="eot-heading">{escape(text.title)}</h1>')
    st.text(text.introduction)
    theme.heading(say["consent_heading"], say["minutes"].format(minutes=instrument.definition.minutes))
    who = "consent_who_text" if settings.controller else "consent_who_text_unnamed"
    told = (
        ("consent_who", say[who].format(controller=settings.controller, unit=visit.unit.name)),
        ("consent_purpose", settings.purpose),
        ("consent_basis", settings.legal_basis),
        ("consent_retention", settings.retention),
        ("consent_contact", settings.contact),
    )
    theme.facts({say[name]: value for name, value in told if value})
    points = ("voluntary", "without_name", "kept", "unlinked", "withdraw")
    theme.points(say[f"consent_{point}"] for point in points)
    agreed = st.checkbox(say["consent_agree"], key="agreed")
    if st.button(say["consent_begin"], type="primary", disabled=not agreed, key="begin"):
        try:
            draft = services().responding.begin(key, language=language, consent_version=say["consent_version"])
        except StorageError:
            st.error(say["trouble_text"])
        except CollectionError:
            st.error(say["ended_text"])
        else:
            set_tab(_tab_of(key, draft, came_from=CONSENT))
            st.rerun()


def _language_chooser(instrument: Instrument, current: str, tab: Tab | None = None) -> str:
    """Offer the questionnaire's languages, each under its own name; return the one in use."""
    languages = instrument.languages
    if len(languages) == 1:
        return languages[0]
    chosen = st.segmented_control(
        words(current)["language_label"],
        languages,
        default=current,
        required=True,
        label_visibility="collapsed",
        format_func=language_name,
        key="language",
        on_change=_change_language if tab else None,
        args=(tab, display_order(instrument)) if tab else (),
    )
    return chosen or current


def _change_language(tab: Tab, questions: tuple[str, ...]) -> None:
    chosen = st.session_state["language"]
    if chosen is None:
        return
    try:
        services().responding.choose_language(tab.cookie, tab.draft_id, chosen)
    except StorageError:
        # The page changes its language all the same; only a reload will not remember it.
        tab.failed = True
    except CollectionError as error:
        tab.ended = notice.refused(error)
    tab.language = chosen
    tab.relabel.update(questions)


# --- questions


def _page(tab: Tab, visit: Visit) -> None:
    instrument = visit.instrument
    every = pages(instrument)
    order = steps(instrument)
    step = tab.step if tab.step in order else order[0]
    _language_chooser(instrument, tab.language, tab)
    say = words(tab.language)
    text = instrument.texts[tab.language]
    position = order.index(step) + 1
    place = say["page_of"].format(page=position, pages=len(order))
    st.html(f'<h1 class="eot-title">{escape(text.title)}</h1>')
    st.progress(position / len(order), text=place)
    page = next((page for page in every if page.step == step), None)
    if page is None:
        _review(tab, visit)
        offer_to_leave(tab, st.empty())
    else:
        if page.section is None:
            theme.heading(say["about_heading"], say["about_introduction"])
        else:
            section = text.sections[page.section]
            theme.heading(section.heading, section.introduction)
        body = st.container()
        _navigation(tab, visit, page, order)
        leave = st.empty()
        with body:
            questions(tab, visit, page, leave)
    theme.announce_page(
        title=f"{place} - {text.title}", language=tab.language, focus=tab.focused_step not in ("", step)
    )
    tab.focused_step = step


def _navigation(tab: Tab, visit: Visit, page: Page, order: tuple[str, ...]) -> None:
    say = words(tab.language)
    position = order.index(page.step)
    with st.container(horizontal=True, horizontal_alignment="distribute", key="navigation"):
        if position > 0:
            st.button(say["back"], key="back", on_click=_turn, args=(tab, visit, page, order[position - 1]))
        last = position == len(order) - 2
        st.button(
            say["to_review"] if last else say["next"],
            key="next",
            type="primary",
            on_click=_turn,
            args=(tab, visit, page, order[position + 1]),
        )


def _turn(tab: Tab, visit: Visit, page: Page | None, step: str) -> None:
    """Leave a page only when all of it is in the database."""
    tab.failed = False
    if page is not None and not save_page(tab, visit.instrument, page):
        return
    try:
        services().responding.go_to(tab.cookie, tab.draft_id, step)
    except StorageError:
        tab.failed = True
        return
    except CollectionError as error:
        tab.ended = notice.refused(error)
        return
    tab.step = step
    # The next page is built from the database, not from what this tab saw earlier.
    tab.acknowledged.clear()


# --- review, submission, receipt


def _review(tab: Tab, visit: Visit) -> None:
    instrument = visit.instrument
    say = words(tab.language)
    answered = {question for question, answer in visit.answers.items() if answer.value is not None}
    missing = unanswered(instrument, answered)
    if missing:
        theme.heading(say["review_heading"], say["review_some"].format(n=len(missing)))
    else:
        theme.heading(say["review_heading"], say["review_all"])
    step_of = {question: page.step for page in pages(instrument) for question in page.questions}
    with st.container(gap="xxsmall"):
        for question in missing:
            label = say["review_go"].format(question=question_text(instrument, question, tab.language))
            arguments = (tab, visit, None, step_of[question])
            st.button(label, key=f"go-{question}", type="tertiary", on_click=_turn, args=arguments)
    st.text(say["review_submit_note"])
    if tab.failed:
        st.error(say["not_submitted"])
    order = steps(instrument)
    with st.container(horizontal=True, horizontal_alignment="distribute", key="navigation"):
        before = order[order.index(REVIEW) - 1]
        st.button(say["back"], key="back", on_click=_turn, args=(tab, visit, None, before))
        st.button(say["submit"], key="submit", type="primary", on_click=_submit, args=(tab,))


def _submit(tab: Tab) -> None:
    if tab.receipt is not None:
        return
    tab.failed = False
    try:
        tab.receipt = services().responding.submit(tab.cookie, tab.draft_id)
    except StorageError:
        tab.failed = True
    except CollectionError as error:
        tab.ended = notice.refused(error)


def _receipt(tab: Tab, receipt: str) -> None:
    say = words(tab.language)
    theme.announce_page(title=say["receipt_heading"], language=tab.language, focus=tab.focused_step != "receipt")
    tab.focused_step = "receipt"
    theme.heading(say["receipt_heading"], say["receipt_text"])
    st.html(f'<p class="eot-receipt" id="receipt">{escape(receipt)}</p>')
    address = f"{site_address()}/withdraw"
    st.download_button(
        say["receipt_download"],
        say["receipt_file"].format(receipt=receipt, address=address),
        file_name="receipt.txt",
        mime="text/plain",
        on_click="ignore",
    )
    link = f'<a href="/withdraw" target="_blank" rel="noreferrer">{escape(address)}</a>'
    st.html(f"<p>{escape(say['receipt_withdraw'])} {link}</p>")
    st.text(say["receipt_close"])
