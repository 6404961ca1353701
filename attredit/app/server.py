"""The page's server: HTTP for this machine alone, of the standard library.

GET  /                   the page, and beside it page.css and page.js
GET  /samples/N.png      pictures to begin with
POST /pictures?name=     the bytes of a picture: its key and size
GET  /pictures/KEY.png   the picture, as a browser can show it
GET  /look               where a run sees its subject in a picture, and which values it predicts
GET  /edit               what a run makes of it, PNG

Whatever goes wrong is answered with one sentence, which the page shows.
"""

from __future__ import annotations

import json
import re
import sys
import traceback
from collections.abc import Mapping
from functools import cache, partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, urlsplit

from rich.filesize import decimal

from attredit.app.pictures import Dropped, Framed
from attredit.app.studio import Studio, View
from attredit.data.frames import Frame
from attredit.errors import AttrEditError, UsageError
from attredit.files import from_json
from attredit.html import png_of
from attredit.report.document import rendered
from attredit.report.encoding import encoded

HOST = "127.0.0.1"
MOST = 256 * 2**20
"""Bytes of a picture's file."""

# Pixels of the longer side of what is shown before it is downloaded, and of styles to choose from.
_SHOWN, _SMALL = 1024, 96

# What the browser refuses to do, whatever the page might say: fetch from elsewhere, send anywhere, be framed.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def serve(studio: Studio, port: int) -> ThreadingHTTPServer:
    """A server that listens; it answers once `serve_forever` is called.

    Args:
        studio: What it serves.
        port: On which; any free one when 0.

    Raises:
        UsageError: the port is taken, or not for everybody.
    """
    try:
        return _Server((HOST, port), partial(_Handler, studio))
    except OSError as error:
        raise UsageError(f"Port {port} cannot be had: {error.strerror}.", "Name another one with --port.") from error


class _Answer(NamedTuple):
    kind: str
    body: bytes
    said: str = ""
    """Of an edit, in a header beside it."""
    status: HTTPStatus = HTTPStatus.OK


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # A second program on the same port would answer some of its requests.
    allow_reuse_port = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that has left is no error."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def __init__(self, studio: Studio, *connection: Any) -> None:
        self._studio = studio
        super().__init__(*connection)

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, *said: Any) -> None:
        """Which pictures are looked at is nobody's business."""

    def version_string(self) -> str:
        return "attredit"

    def _answer(self) -> None:
        try:
            _require_own(self.headers.get("Host"), self.headers.get("Origin"))
            url = urlsplit(self.path)
            asked = dict(parse_qsl(url.query, keep_blank_values=True))
            answer = self._found(f"{self.command} {url.path}", asked)
        except AttrEditError as error:
            answer = _json({"error": str(error)}, HTTPStatus.BAD_REQUEST)
        except Exception as error:
            traceback.print_exc()
            sentence = f"This is a bug: {type(error).__name__}: {error}. The terminal says more."
            answer = _json({"error": sentence}, HTTPStatus.INTERNAL_SERVER_ERROR)
        self._send(answer)

    def _found(self, what: str, asked: Mapping[str, str]) -> _Answer:
        """What is asked for.

        Raises:
            AttrEditError: there is nothing of that kind.
        """
        studio = self._studio
        if found := re.fullmatch(r"GET /(page\.css|page\.js)?", what):
            return _file(found[1]) if found[1] else _page(studio)
        found = re.fullmatch(r"GET /samples/(\d+)\.png", what)
        if found and int(found[1]) < len(studio.samples):
            return _Answer("image/png", studio.samples[int(found[1])])
        if what == "POST /pictures":
            return _json(_told(studio.album.add(self._body(), asked.get("name", ""))))
        if found := re.fullmatch(r"GET /pictures/([\w-]+)\.png", what):
            return _picture(studio.album[found[1]])
        if what == "GET /look":
            picture, run = studio.album[asked.get("picture", "")], _number(asked, "run")
            return _json(studio.look(run, picture, _frame(asked) if "frame" in asked else None))
        if what == "GET /edit":
            return _edit(studio, asked)
        raise UsageError(f"There is nothing at {what}.", "Open the page again.")

    def _body(self) -> bytes:
        """What was sent.

        Raises:
            UsageError: it does not say how long it is, or is too long.
        """
        said = self.headers.get("Content-Length", "")
        if not said.isdecimal():
            raise UsageError("It is not said how long the file is.", "Drop it on the page.")
        if (length := int(said)) <= MOST:
            return self.rfile.read(length)
        # A browser listens only when it has sent everything.
        for begun in range(0, length, MOST):
            self.rfile.read(min(MOST, length - begun))
        raise UsageError(f"The file is larger than {decimal(MOST)}.", "Take a smaller one.")

    def _send(self, answer: _Answer) -> None:
        if answer.status is not HTTPStatus.OK:
            self.close_connection = True  # what was sent may not have been read
        own = {
            "Content-Type": answer.kind,
            "Content-Length": str(len(answer.body)),
            "Attredit-Says": quote(answer.said),
        }
        self.send_response(answer.status)
        for name, value in {**_HEADERS, **own}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)


def _require_own(host: str | None, origin: str | None) -> None:
    """Refuse what other pages ask a browser to fetch: under a name of theirs that leads here, or in their own.

    Raises:
        UsageError: it is not the page that asks.
    """
    name = urlsplit(f"//{host}").hostname
    if name not in (HOST, "localhost") or origin not in (None, f"http://{host}"):
        raise UsageError("This page is for this machine alone.", f"Open it at http://{HOST} and its port.")


@cache
def _file(name: str) -> _Answer:
    kinds = {"page.css": "text/css; charset=utf-8", "page.js": "text/javascript; charset=utf-8"}
    text = files("attredit.app").joinpath(name).read_text("utf-8")
    if name == "page.css":
        text = files("attredit.report").joinpath(name).read_text("utf-8") + text
    return _Answer(kinds[name], text.encode())


def _page(studio: Studio) -> _Answer:
    text = rendered("app/page.html.jinja", runs=studio.described(), samples=len(studio.samples))
    return _Answer("text/html; charset=utf-8", text.encode())


def _told(dropped: Dropped) -> dict[str, Any]:
    width, height = dropped.size
    return {"key": dropped.key, "name": dropped.name, "width": width, "height": height}


def _picture(dropped: Dropped) -> _Answer:
    return _Answer("image/png", png_of(Framed(dropped.pixels, Frame(0, 0, 1)).within(_SHOWN).image))


def _edit(studio: Studio, asked: Mapping[str, str]) -> _Answer:
    picture = studio.album[asked.get("picture", "")]
    whole = "whole" in asked
    view = View(
        mode="decoded" if asked.get("mode") == "decoded" else "composite",
        side="before" if asked.get("side") == "before" else "after",
        close="close" in asked and not whole,
        pixels=None if whole else _SMALL if "small" in asked else _SHOWN,
    )
    image, said = studio.edit(
        _number(asked, "run"), picture, _frame(asked), _object(asked, "changes"), view, _styles(asked)
    )
    # What is only looked at is made quickly, what is kept small.
    data = encoded(image, Path("edit.png"), compress_level=6 if whole else 1, icc_profile=picture.profile)
    return _Answer("image/png", data, said)


def _number(asked: Mapping[str, str], name: str) -> int:
    text = asked.get(name, "")
    if not text.isdecimal():
        raise UsageError(f"{name} {text!r} is no number.", "Open the page again.")
    return int(text)


def _frame(asked: Mapping[str, str]) -> Frame:
    try:
        x, y, side, angle = (float(part) for part in asked.get("frame", "").split(","))
    except ValueError:
        raise UsageError(f"{asked.get('frame')!r} is no frame.", "It is x, y, side and angle.") from None
    if not (all(abs(number) < 1e6 for number in (x, y, angle)) and 1 <= side < 1e6):
        raise UsageError("This frame lies nowhere.", "Put it where the subject is.")
    return Frame(x, y, side, angle)


def _object(asked: Mapping[str, str], name: str) -> dict[str, Any]:
    try:
        found: Any = from_json(asked.get(name, "{}"))
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, str | int | float) for value in found.values()):
        raise UsageError(f"The {name} are no object of values by attribute.", "Open the page again.")
    return found


def _styles(asked: Mapping[str, str]) -> dict[str, int]:
    styles = _object(asked, "styles")
    if not all(isinstance(number, int) for number in styles.values()):
        raise UsageError("Styles are numbers.", "Open the page again.")
    return styles


def _json(value: Any, status: HTTPStatus = HTTPStatus.OK) -> _Answer:
    return _Answer("application/json", json.dumps(value).encode(), status=status)
