"""A real browser, driven through the pipe of its DevTools protocol: no driver, no library, no port."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
import signal
import threading
import time
from pathlib import Path
from typing import Any

KEYS = {"ArrowLeft": 37, "ArrowRight": 39, "ArrowDown": 40, "Backspace": 8, "Tab": 9, "Enter": 13}
PRESENT = shutil.which("chromium") is not None


class Chromium:
    """One page of a browser without a window.

    Args:
        home: Where it keeps its profile, and saves what is downloaded.
    """

    def __init__(self, home: Path) -> None:
        self.downloads = home / "downloads"
        self.fetched: list[str] = []
        self._unheard: list[dict[str, Any]] = []
        self._number, self._session = 0, ""
        reading, self._out = _pipe()
        inside, writing = _pipe()
        self._in = os.fdopen(inside, "rb")
        words = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={home / 'profile'}"]
        # It reads from 3 and writes to 4.
        moves = [(os.POSIX_SPAWN_DUP2, reading, 3), (os.POSIX_SPAWN_DUP2, writing, 4)]
        command = shutil.which("chromium") or ""
        self._process = os.posix_spawn(
            command, [command, *words, "--remote-debugging-pipe"], os.environ, file_actions=moves, setpgroup=0
        )
        os.close(reading)
        os.close(writing)
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network"):
            self.ask(f"{domain}.enable")
        self.ask("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(self.downloads), eventsEnabled=True)

    def close(self) -> None:
        """End the browser and all its processes."""
        os.killpg(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)
        self._in.close()
        os.close(self._out)

    def ask(self, method: str, **given: Any) -> dict[str, Any]:
        """A command of the protocol; its answer."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": given}
        if self._session and not method.startswith("Target."):
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        # Events may come before the answer; whoever waits for them comes later.
        while (heard := self._hear()).get("id") != self._number:
            self._unheard.append(heard)
        assert "error" not in heard, heard
        result: dict[str, Any] = heard["result"]
        return result

    def wait(self, event: str, **having: Any) -> dict[str, Any]:
        """What is told of the next event of a kind."""
        while True:
            heard = self._unheard.pop(0) if self._unheard else self._hear()
            if heard.get("method") == event and having.items() <= heard["params"].items():
                told: dict[str, Any] = heard["params"]
                return told

    def open(self, page: Path | str) -> None:
        """Show a file, or what is at an address."""
        self._unheard.clear()
        self.ask("Page.navigate", url=page if isinstance(page, str) else page.as_uri())
        self.wait("Page.loadEventFired")

    def until(self, script: str) -> None:
        """Wait until a JavaScript expression is true, half a minute at most."""
        ended = time.monotonic() + 30
        while not self.run(f"Boolean({script})"):
            assert time.monotonic() < ended, script
            time.sleep(0.05)

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression."""
        found = self.ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def size(self, width: int, height: int, *, phone: bool = False) -> None:
        """Make the window so large; touched with fingers, if it is a phone's."""
        scale = 2 if phone else 1
        self.ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=phone
        )
        self.ask("Emulation.setTouchEmulationEnabled", enabled=phone)

    def press(self, key: str, *, held: int = 0) -> None:
        """Press a key; held down, it repeats itself so often."""
        facts = {"key": key, "code": key, "windowsVirtualKeyCode": KEYS[key]}
        text = {"text": "\r"} if key == "Enter" else {}
        for number in range(1 + held):
            self.ask("Input.dispatchKeyEvent", type="keyDown", autoRepeat=number > 0, **facts, **text)
        self.ask("Input.dispatchKeyEvent", type="keyUp", **facts)

    def middle(self, selector: str) -> tuple[float, float]:
        """Where the middle of an element is, after scrolling to it."""
        found = f"document.querySelector({json.dumps(selector)})"
        self.run(f"{found}.scrollIntoView({{block: 'center'}})")
        x, y = self.run(
            f"(({{x, y, width, height}}) => [x + width / 2, y + height / 2])({found}.getBoundingClientRect())"
        )
        return x, y

    def click(self, selector: str) -> None:
        """Click in the middle of an element."""
        self.drag(selector, 0, 0)

    def drag(self, selector: str, right: float, down: float) -> None:
        """Press in the middle of an element, move so many pixels, and let go."""
        x, y = self.middle(selector)
        held = {"button": "left", "clickCount": 1}
        self.ask("Input.dispatchMouseEvent", type="mousePressed", x=x, y=y, **held)
        if right or down:
            for part in (0.5, 1):
                to = {"x": x + part * right, "y": y + part * down}
                self.ask("Input.dispatchMouseEvent", type="mouseMoved", buttons=1, **to, **held)
        self.ask("Input.dispatchMouseEvent", type="mouseReleased", x=x + right, y=y + down, **held)

    def drop(self, selector: str, *dropped: Path) -> None:
        """Let files fall into the middle of an element."""
        x, y = self.middle(selector)
        data = {"items": [], "files": [str(path) for path in dropped], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.ask("Input.dispatchDragEvent", type=kind, x=x, y=y, data=data)

    def type(self, text: str) -> None:
        """Write into what has the focus."""
        self.ask("Input.insertText", text=text)

    def downloaded(self, selector: str) -> Path:
        """The file that a click saves."""
        self._unheard.clear()
        self.click(selector)
        name: str = self.wait("Browser.downloadWillBegin")["suggestedFilename"]
        self.wait("Browser.downloadProgress", state="completed")
        return self.downloads / name

    def picture(self, path: Path) -> None:
        """Save what is shown as PNG."""
        path.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot", captureBeyondViewport=True)["data"]))

    def _hear(self) -> dict[str, Any]:
        """The next message; what it says of fetching is noted. A browser that says nothing for a minute is ended."""
        data, patience = bytearray(), threading.Timer(60, os.killpg, (self._process, signal.SIGKILL))
        patience.start()
        try:
            while (byte := self._in.read(1)) != b"\0":
                assert byte, "the browser has ended"
                data += byte
        finally:
            patience.cancel()
        heard: dict[str, Any] = json.loads(data)
        if heard.get("method") == "Network.requestWillBeSent":
            self.fetched.append(heard["params"]["request"]["url"])
        return heard


def _pipe() -> tuple[int, int]:
    """A pipe, whose ends have numbers that nobody uses by name."""
    ends = os.pipe()
    found = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends]
    for end in ends:
        os.close(end)
    return found[0], found[1]
