"""HTTP routes beside Streamlit: the invitation link, "Finish later", a validation report, and the health check."""

from __future__ import annotations

import logging

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from toolkit.errors import CollectionError, StorageError
from toolkit.ui import staff
from toolkit.ui.pages.notice import REFUSALS
from toolkit.ui.session import COOKIE
from toolkit.wiring import services

logger = logging.getLogger(__name__)

REPORT_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; "
    "img-src data:; frame-ancestors 'self'"
)
"""What a report may do inside a page: be read, and open links elsewhere. No script, no request, no cookie."""


async def follow_invitation(request: Request) -> Response:
    """Trade the token in the address for an HttpOnly cookie and a clean address; the link stays usable.

    Whoever used this browser before is signed out, also when the new link is refused.
    """
    token = request.path_params["token"]
    before = request.cookies.get(COOKIE)
    try:
        cookie = await run_in_threadpool(services().responding.open_link, token, previous_cookie=before)
    except CollectionError as error:
        return await _leave(before, REFUSALS.get(error.codes[0], "trouble"))
    except StorageError as error:
        logger.warning("invitation link not opened: %s", error.codes[0])
        return _redirect("/?notice=trouble")
    response = _redirect("/")
    response.set_cookie(COOKIE, cookie, httponly=True, samesite="lax", secure=request.url.scheme == "https")
    return response


async def finish_later(request: Request) -> Response:
    """End this browser's session; the answers stay and the link opens them again."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return Response(status_code=403)
    return await _leave(request.cookies.get(COOKIE), "later")


async def _leave(cookie: str | None, notice: str) -> Response:
    """End a browser's session, take its cookie away, and tell why."""
    if cookie is not None:
        try:
            await run_in_threadpool(services().responding.finish_later, cookie)
        except StorageError as error:
            logger.warning("session not ended: %s", error.codes[0])
            return _redirect("/?notice=trouble")
    response = _redirect(f"/?notice={notice}")
    response.delete_cookie(COOKIE, httponly=True, samesite="lax")
    return response


async def validation_report(request: Request) -> Response:
    """Give the report of a validation that is done, for the frame on its page; to the same people as the page."""
    if not staff.serves(request.client.host if request.client else None):
        return Response(status_code=403)
    job = services().jobs.find(request.path_params["key"])
    if job is None or job.state != "done":
        return Response(status_code=404)
    headers = {**_PRIVATE, "Content-Security-Policy": REPORT_POLICY, "X-Content-Type-Options": "nosniff"}
    return HTMLResponse(job.result.files["report.html"], headers=headers)


async def health(_request: Request) -> Response:
    """Say whether the database answers."""
    try:
        await run_in_threadpool(services().waves.all)
    except StorageError as error:
        return JSONResponse({"status": "unavailable", "code": error.codes[0]}, status_code=503)
    return JSONResponse({"status": "ok"})


_PRIVATE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


def _redirect(address: str) -> Response:
    return RedirectResponse(address, status_code=303, headers=_PRIVATE)


def all_routes() -> list[BaseRoute]:
    """Return the routes that app.py serves beside Streamlit's own."""
    return [
        Route("/i/{token}", follow_invitation, methods=["GET"]),
        Route("/finish-later", finish_later, methods=["POST"]),
        Route(f"{staff.REPORTS}/{{key}}", validation_report, methods=["GET"]),
        Route("/healthz", health, methods=["GET"]),
    ]
