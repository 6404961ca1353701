"""A hub of one's own: as much of the Hugging Face Hub's protocol as huggingface_hub speaks to fetch and push a model.

Repositories are commits of files in memory. What may go wrong is set on the server and happens to whoever comes next.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

Files = dict[str, bytes]


@dataclass
class Hub:
    """What the server knows.

    Attributes:
        url: Its own.
        commits: Of each repository, files by commit, the newest last.
        private: Repositories, and who may see them.
        large: Files, uploaded by their digest.
        cuts: Of the next files that are larger than the first of these, only so many bytes are sent, and it is used up.
        status: What all requests are answered with instead.
        asked: All requests: method, path, and which bytes were asked for.
    """

    url: str = ""
    commits: dict[str, dict[str, Files]] = field(default_factory=dict)
    private: dict[str, str] = field(default_factory=dict)
    large: Files = field(default_factory=dict)
    cuts: list[int] = field(default_factory=list)
    status: int = 0
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)

    def commit(self, repository: str, files: Files) -> str:
        """Make a commit of these files, and of those that were there."""
        commits = self.commits.setdefault(repository, {})
        merged = {**(list(commits.values())[-1] if commits else {}), **files}
        sha = hashlib.sha1(b"".join(k.encode() + v for k, v in merged.items()) + bytes(len(commits))).hexdigest()
        commits[sha] = merged
        return sha


@contextlib.contextmanager
def serving() -> Iterator[Hub]:
    """A hub that answers on this machine."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (_Handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer()

    do_HEAD = do_POST = do_PUT = do_GET

    def log_message(self, *_: Any) -> None: ...

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.asked.append((self.command, path, self.headers.get("Range")))
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.hub.status:
            return self._json({"error": "because"}, self.hub.status)
        for pattern, what in self._routes:
            if match := re.fullmatch(pattern, path):
                return what(self, *match.groups())
        return self._json({"error": f"nobody knows {self.command} {path}"}, 404)

    def _seen(self, repository: str) -> dict[str, Files] | None:
        """Its commits, if whoever asks may see them."""
        token = self.hub.private.get(repository)
        if repository not in self.hub.commits or (token and self.headers.get("Authorization") != f"Bearer {token}"):
            # The hub does not tell what does not exist from what is private.
            self._json({"error": "Repository not found"}, 401, **{"X-Error-Code": "RepoNotFound"})
            return None
        return self.hub.commits[repository]

    def _revision(self, repository: str, revision: str) -> None:
        commits = self._seen(repository)
        if commits is None:
            return
        sha = list(commits)[-1] if revision == "main" else revision
        if sha in commits:
            siblings = [{"rfilename": name} for name in commits[sha]]
            self._json({"_id": "1", "id": repository, "modelId": repository, "sha": sha, "siblings": siblings})
        else:
            self._json({"error": "Invalid rev id"}, 404, **{"X-Error-Code": "RevisionNotFound"})

    def _tree(self, repository: str, sha: str) -> None:
        if (commits := self._seen(repository)) is not None:
            entries = [(name, content, _digest(content)) for name, content in commits[sha].items()]
            self._json([{"type": "file", "path": n, "size": len(c), "oid": d} for n, c, d in entries])

    def _file(self, repository: str, sha: str, name: str) -> None:
        if (commits := self._seen(repository)) is None:
            return
        content = commits[sha][name]
        start = int(re.sub(r"bytes=(\d+)-.*", r"\1", self.headers.get("Range", "bytes=0-")))
        rest = content[start:]
        self._head(206 if start else 200, {
            "Accept-Ranges": "bytes", "ETag": f'"{_digest(content)}"', "X-Repo-Commit": sha,
            "Content-Length": str(len(rest)),
            **({"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if start else {}),
        })  # fmt: skip
        if self.command == "GET":
            if self.hub.cuts and len(rest) > self.hub.cuts[0]:
                rest, self.close_connection = rest[: self.hub.cuts.pop(0)], True
            self.wfile.write(rest)

    def _create(self) -> None:
        asked = json.loads(self.body)
        repository = "/".join(filter(None, [asked.get("organization"), asked["name"]]))
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if not token:
            return self._json({"error": "Invalid username or password."}, 401)
        if repository in self.hub.commits:
            return self._json({"error": "You already created this model repo", "url": self._page(repository)}, 409)
        self.hub.commits[repository] = {}
        self.hub.commit(repository, {".gitattributes": b""})
        if asked.get("private") or asked.get("visibility") == "private":
            self.hub.private[repository] = token
        return self._json({"url": self._page(repository), "name": repository})

    def _preupload(self, repository: str) -> None:
        mode = {True: "lfs", False: "regular"}
        names = [file["path"] for file in json.loads(self.body)["files"]]
        found = [{"path": n, "uploadMode": mode[n.endswith(".safetensors")], "shouldIgnore": False} for n in names]
        self._json({"files": found})

    def _batch(self, repository: str) -> None:
        asked = json.loads(self.body)["objects"]
        uploads = [{"upload": {"href": f"{self.hub.url}/large/{one['oid']}"}} for one in asked]
        self._json({
            "transfer": "basic",
            "objects": [{**one, "actions": actions} for one, actions in zip(asked, uploads, strict=True)],
        })  # fmt: skip

    def _large(self, oid: str) -> None:
        assert hashlib.sha256(self.body).hexdigest() == oid
        self.hub.large[oid] = self.body
        self._json({})

    def _commit(self, repository: str) -> None:
        files: Files = {}
        for line in map(json.loads, self.body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.hub.large[value["oid"]]
        sha = self.hub.commit(repository, files)
        self._json({"commitUrl": f"{self._page(repository)}/commit/{sha}", "commitOid": sha, "success": True})

    def _page(self, repository: str) -> str:
        return f"{self.hub.url}/{repository}"

    def _validate(self) -> None:
        self._json({"errors": [], "warnings": []})

    def _json(self, value: Any, status: int = 200, **headers: str) -> None:
        content = json.dumps(value).encode()
        self._head(status, {"Content-Type": "application/json", "Content-Length": str(len(content)), **headers})
        if self.command != "HEAD":
            self.wfile.write(content)

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()

    _routes = (
        (r"/api/repos/create", _create),
        (r"/api/validate-yaml", _validate),
        (r"/api/models/([^/]+/[^/]+)/revision/(.+)", _revision),
        (r"/api/models/([^/]+/[^/]+)/tree/([^/]+)", _tree),
        (r"/api/models/([^/]+/[^/]+)/preupload/main", _preupload),
        (r"/api/models/([^/]+/[^/]+)/commit/main", _commit),
        (r"/([^/]+/[^/]+)\.git/info/lfs/objects/batch", _batch),
        (r"/large/(\w+)", _large),
        (r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", _file),
    )


def _digest(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
