"""The model in the box and a tiny run, served to this machine, and a picture."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from chromium import Chromium
from PIL import Image

from attredit.app.server import serve
from attredit.app.studio import Studio
from attredit.launch import train
from attredit.runs.named import box


@pytest.fixture(scope="session")
def tiny(tiny_request: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """It edits one attribute, of which it has styles, badly."""
    return train(tiny_request(steps=2, frame="none", run_dir=str(tmp_path_factory.mktemp("app") / "tiny")))


@pytest.fixture(scope="session")
def studio(tiny: Path) -> Studio:
    """One run that edits well and finds frames, and the other."""
    return Studio.of([box()["drawn-faces"], tiny])


@pytest.fixture(scope="session")
def port(studio: Studio) -> Iterator[int]:
    with serve(studio, 0) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.fixture(scope="session")
def ask(port: int) -> Callable[..., tuple[int, bytes]]:
    """Ask the server: the status and the body of its answer."""

    def call(where: str, body: bytes | None = None, *, headers: dict[str, str] | None = None, **query: Any) -> Any:
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        address = f"{where}?{urlencode(query)}" if query else where
        connection.request("GET" if body is None else "POST", address, body, headers or {})
        answer = connection.getresponse()
        found = (answer.status, answer.read())
        connection.close()
        return found

    return call


@pytest.fixture(scope="session")
def dropped(ask: Any) -> Callable[..., dict[str, Any]]:
    """Drop a file: what the server says of it."""

    def call(path: Path) -> dict[str, Any]:
        status, body = ask("/pictures", path.read_bytes(), name=path.name)
        assert status == 200, body
        told: dict[str, Any] = json.loads(body)
        return told

    return call


@pytest.fixture(scope="session")
def photo(studio: Studio, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A drawn face in a picture that is larger than what is shown, and wider than high."""
    path = tmp_path_factory.mktemp("photo") / "my photo.png"
    picture = Image.new("RGB", (1200, 900), (150, 170, 190))
    with Image.open(io.BytesIO(studio.samples[3])) as face:
        picture.paste(face.resize((900, 900)), (150, 0))
    picture.save(path)
    return path


@pytest.fixture
def visit(tmp_path: Path) -> Iterator[Callable[[], Chromium]]:
    """Open a browser, each time another."""
    opened: list[Chromium] = []

    def call() -> Chromium:
        opened.append(Chromium(tmp_path / f"browser{len(opened)}"))
        return opened[-1]

    yield call
    for browser in opened:
        browser.close()
