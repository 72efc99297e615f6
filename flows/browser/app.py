"""Routes of the web application."""

import asyncio
import html
import json
import secrets
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from entityclip.contract.image_rules import BadImage
from flows.browser.contents import Contents
from flows.browser.guard import Guard
from flows.browser.pictures import SIZES, Pictures
from flows.browser.query_explainer import QueryExplainer
from flows.browser.rendering import Pages
from flows.browser.retrieval import Retrieval, explanation_of, readable, text_of
from flows.browser.rows_page import Abandoned, Browse
from flows.browser.view import LONGEST_ID, View, view_of, whole_number
from flows.query_explanations import QueryExplanation, judged
from pipeline.errors import PipelineError
from pipeline.files.visible_text import visible
from pipeline.inspect.query_process import QueryProcess

_SECONDS_BETWEEN_POLLS = 0.2  # between checks whether the client is still connected
_STYLE = (Path(__file__).parent / "style.css").read_bytes()
_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">'
    '<path fill="#7a5cff" d="M8 1 14 3v5c0 4-3 6-6 7-3-1-6-3-6-7V3z"/></svg>'
)
T = TypeVar("T")


def make_app(contents: Contents, queries: QueryProcess, host: str, explainer: QueryExplainer | None = None) -> ASGIApp:
    """Build the application.

    Args:
        host: the address on which it will be served.
        explainer: what asks an LLM for explanations of queries, if the site may.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    browse, pictures = Browse(contents, queries), Pictures()
    retrieval = Retrieval(contents, browse, queries)
    page = Pages(contents, version=secrets.token_hex(4))  # in image URLs, so that browsers do not show stale images

    @app.get("/")
    async def rows(request: Request) -> Response:
        view = view_of(request.query_params)
        found = await _unless_gone(request, lambda gone: browse.page(view, gone))
        return page("rows.html", 400 if found.problem else 200, found=found, view=found.view)

    @app.get("/row")
    async def row(request: Request, shard: str = "", id: str = "", at: str = "") -> Response:
        view = view_of(request.query_params)
        found = await _unless_gone(request, lambda gone: browse.row_page(view, shard, id, whole_number(at), gone))
        if found is None:
            raise HTTPException(404, f"no shard contains the row {visible(id, 200)}")
        why = await asyncio.to_thread(_why_no_picture, browse, pictures, found.row)
        return page("row.html", found=found, view=view, no_picture=why, made=_made(found.provenance))

    @app.get("/retrieval")
    async def retrieve(request: Request) -> Response:
        query = request.query_params
        row = await asyncio.to_thread(browse.row, query["shard"], query.get("id", "")) if "shard" in query else None
        if row is None and "shard" in query:
            raise HTTPException(404, f"no shard contains the row {visible(query.get('id', ''), 200)}")
        if explainer is not None and contents.runs:
            await asyncio.to_thread(explainer.prepare)
        splits = await asyncio.to_thread(retrieval.splits) if contents.runs else []
        can_explain = bool(contents.runs) and await asyncio.to_thread(retrieval.can_explain)
        usual = "test" if "test" in splits else splits[0] if splits else ""
        split = row["split"] if row is not None else query.get("split", usual)
        found, text, typed, problem, used = [], query.get("q", ""), query.get("explanation", ""), None, None
        try:
            text = text_of(text, row)
            typed = explanation_of(typed, text)
            if text and contents.runs:
                used = await _explanation(request, text, typed, row, explainer) if can_explain else None
                explained = None if used is None else used.text
                found = await _unless_gone(request, lambda gone: retrieval.search(text, split, row, gone, explained))
        except PipelineError as error:
            problem = str(error)
        values = {"row": row, "splits": splits, "split": split, "text": text, "arms": found, "problem": problem}
        values |= {"can_explain": can_explain, "can_ask": can_explain and explainer is not None}
        values |= {"used": used, "typed": (used.text if used is not None else None) or typed}
        return page("retrieval.html", 400 if problem else 200, **values)

    @app.get("/find")
    async def find(request: Request) -> Response:
        row_id = request.query_params.get("id", "").strip()[:LONGEST_ID]
        if not row_id:
            return RedirectResponse("/", 303)
        try:
            found = await _unless_gone(request, lambda gone: browse.find(row_id, gone))
        except PipelineError as error:
            raise HTTPException(400, str(error)) from error
        if len(found) == 1:
            return RedirectResponse(View().link("/row", shard=found[0]["shard"], id=found[0]["id"]), 303)
        quoted = row_id.replace("'", "''")
        return RedirectResponse(View(where=f"starts_with(id, '{quoted}')").link(), 303)

    @app.get("/image")
    def image(shard: str = "", id: str = "", size: str = "small") -> Response:
        if size not in SIZES:
            raise HTTPException(404, "there is no picture of that size")
        headers = {"cache-control": "private, max-age=3600"}
        try:
            content = pictures.kept(shard, id, size)
            if content is None:
                found = browse.row(shard, id)
                if found is None:
                    raise HTTPException(404, "there is no such row")
                content = pictures.picture(found, browse.image_root(shard), size)
        except BadImage as error:
            return Response(_placeholder(str(error)), 200, headers, "image/svg+xml")
        return Response(content, 200, headers, "image/jpeg")

    @app.get("/style.css")
    def style() -> Response:
        return Response(_STYLE, media_type="text/css", headers={"cache-control": "private, max-age=3600"})

    @app.get("/icon.svg")
    def icon() -> Response:
        return Response(_ICON, media_type="image/svg+xml", headers={"cache-control": "private, max-age=3600"})

    @app.exception_handler(HTTPException)
    def known(request: Request, error: HTTPException) -> HTMLResponse:
        return page("message.html", error.status_code, message=str(error.detail))

    @app.exception_handler(PipelineError)
    def unreadable(request: Request, error: PipelineError) -> HTMLResponse:
        return page("message.html", 404, message=str(error))

    @app.exception_handler(Exception)
    def unknown(request: Request, error: Exception) -> HTMLResponse:
        return page("message.html", 500, message="this page could not be shown; see the terminal that runs `serve`")

    return Guard(app, host)


async def _explanation(
    request: Request, text: str, typed: str, row: dict[str, Any] | None, explainer: QueryExplainer | None
) -> QueryExplanation | None:
    """Return the explanation that a page asks for: of its row, of the LLM, or as it was typed."""
    if row is not None and "explained" in request.query_params:
        return readable(judged(row["explanation"], row["status"], row["error"]))
    if explainer is not None and "ask" in request.query_params:
        if request.headers.get("sec-fetch-site") == "cross-site":  # whoever made the link must not spend its tokens
            return QueryExplanation(None, "a link on another site does not ask the LLM; press the button to ask it")
        try:
            return readable(await explainer.explanation(text))
        except asyncio.CancelledError as error:  # the server stops, and would print a traceback
            raise PipelineError("the site is stopping") from error
    return QueryExplanation(typed) if typed else None


async def _unless_gone(request: Request, work: Callable[[Abandoned], T]) -> T:
    """Run `work` in a thread, passing it a callable that returns True once the client has disconnected."""
    gone = threading.Event()

    async def watch() -> None:
        while not await request.is_disconnected():
            await asyncio.sleep(_SECONDS_BETWEEN_POLLS)
        gone.set()

    watching = asyncio.create_task(watch())
    try:
        return await asyncio.to_thread(work, gone.is_set)
    finally:
        gone.set()  # also when the server stops and cancels the request
        watching.cancel()


def _why_no_picture(browse: Browse, pictures: Pictures, row: dict[str, Any]) -> str | None:
    try:
        pictures.picture(row, browse.image_root(row["shard"]), "large")
    except BadImage as error:
        return visible(str(error), 300)
    return None


def _placeholder(why: str) -> str:
    lines = textwrap.wrap(visible(why, 120), 26)
    spans = "".join(f'<tspan x="96" dy="15">{html.escape(line)}</tspan>' for line in lines[:7])
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 192 192" width="192" height="192">'
        '<rect width="192" height="192" fill="#8883"/><text x="96" y="40" font-family="sans-serif" font-size="12" '
        f'text-anchor="middle" fill="#888"><tspan x="96" font-weight="bold">no picture</tspan>{spans}</text></svg>'
    )


def _made(provenance: dict[str, Any]) -> list[tuple[str, str]]:
    """Return names and values that describe how a shard's rows were generated."""
    runs = [run for run in provenance.get("generations") or [] if isinstance(run, dict)]
    engines = dict.fromkeys(f"{run.get('engine')} {run.get('engine_version')}" for run in runs)
    return [
        ("engine", ", ".join(engines) or "not recorded"),
        ("generated", f"{runs[0].get('began_at')} to {runs[-1].get('finished_at')}" if runs else "not recorded"),
        ("prompt", json.dumps(provenance.get("prompt"), ensure_ascii=False)),
        ("sampling", json.dumps(provenance.get("sampling"), ensure_ascii=False)),
    ]
