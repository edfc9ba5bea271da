"""A small Hugging Face Hub on 127.0.0.1 that answers the calls of the real client for models.

Create, info, tree, preupload, LFS batch and upload, commit, validate-yaml and resolve, with the status codes and
headers that the client acts on. One user, "user"; the namespace "taken" is someone else's. Nothing is written to disk.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
import struct
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import unquote, urlsplit

import yaml

WRITER, READER = "hf_writer", "hf_reader"
BIG = re.compile(r"\.(safetensors|png)$|tfevents")  # what the Hub's .gitattributes send to LFS
NAME = r"(?P<repo>[\w.-]+/[\w.-]+)"


@dataclass
class Repo:
    private: bool
    commits: list[tuple[str, dict[str, bytes]]] = field(default_factory=list)  # (sha, files), oldest first
    messages: list[str] = field(default_factory=list)

    def commit(self, files: dict[str, bytes], message: str) -> str:
        sha = hashlib.sha1(f"{len(self.commits)} {message} {sorted(files)}".encode()).hexdigest()
        self.commits.append((sha, files))
        self.messages.append(message)
        return sha

    def at(self, revision: str) -> tuple[str, dict[str, bytes]] | None:
        if revision == "main":
            return self.commits[-1]
        return next((commit for commit in self.commits if commit[0] == revision), None)


class Refusal(Exception):
    def __init__(self, status: int, message: str, code: str = ""):
        self.status, self.message, self.code = status, message, code


class LocalHub:
    """The server and what it holds; ``with LocalHub() as hub`` serves ``hub.url`` until the block ends.

    Attributes:
        repos, blobs: what was pushed: repositories by id, LFS contents by their sha256.
        requests: (method, path) of every call, in order.
        may_create: whether the tokens may create repositories; a fine-grained one may only write to some.
        cut: how many of the next LFS uploads are cut off, by a reset in the middle of the body.
        broken: answers every call with this status; 0 serves.
    """

    def __init__(self):
        self.repos: dict[str, Repo] = {}
        self.blobs: dict[str, bytes] = {}
        self.requests: list[tuple[str, str]] = []
        self.cut, self.broken, self.may_create = 0, 0, True
        self.connections: list[socket.socket] = []

    def __enter__(self) -> LocalHub:
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Handler,), {"hub": self}))
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    def stop(self) -> None:
        """Stops serving: open connections end, new ones are refused."""
        self.server.shutdown()
        self.server.server_close()
        for connection in self.connections:
            with suppress(OSError):  # it has ended already
                connection.shutdown(socket.SHUT_RDWR)

    def put(self, repo: str, files: dict[str, bytes], private: bool = False) -> str:
        """Commits files without any call, as if someone had pushed them; returns the commit."""
        self.blobs |= {sha256(content): content for content in files.values()}
        there = self.repos.setdefault(repo, Repo(private))
        return there.commit(files, f"commit {len(there.commits)}")

    def files(self, repo: str) -> dict[str, bytes]:
        return self.repos[repo].commits[-1][1]


def faults(card: object) -> list[str]:
    """What the Hub would refuse in a card's metadata, by its published rules."""
    if not isinstance(card, dict):
        return ['"metadata" must be an object']
    wrong = [
        f'"{key}" must be an array of strings'
        for key in ("tags", "datasets", "metrics")
        if not strings(card.get(key, []))
    ]
    wrong += [f'"datasets" has a bad id {name!r}' for name in card.get("datasets", []) if not re.fullmatch(NAME, name)]
    if card.get("license", "mit") not in ("mit", "apache-2.0", "cc-by-4.0", "other"):
        wrong.append('"license" must be one of the known ones')
    for entry in card.get("model-index", []):
        if not is_filled(entry.get("name")):
            wrong.append('"model-index[0].name" must be a string')
        for result in entry["results"]:
            kind = result["dataset"].get("type")
            if not is_filled(kind) or not re.fullmatch("(?:[A-Za-z0-9_-]+/)?[A-Za-z0-9_.-]+", kind):
                wrong.append(f'"model-index[0].results[0].dataset.type" with value {kind!r} fails to match the pattern')
            if not is_filled(result["dataset"].get("name")):
                wrong.append('"model-index[0].results[0].dataset.name" must be a string')
            wrong += [
                '"metrics" lack a type or a value'
                for m in result["metrics"]
                if not is_filled(m.get("type")) or "value" not in m
            ]
    return wrong


def is_filled(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def strings(values: object) -> bool:
    return isinstance(values, list) and all(map(is_filled, values))


class Handler(BaseHTTPRequestHandler):
    hub: LocalHub
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.hub.connections.append(self.connection)

    def log_message(self, *_) -> None:
        pass

    def serve(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append((self.command, path))
        try:
            if self.hub.broken:
                self.body()
                raise Refusal(self.hub.broken, "out of order")
            for method, pattern, answer in ROUTES:
                match = re.fullmatch(pattern, path)
                if match and self.command in method.split():
                    return answer(self, **match.groupdict())
            raise Refusal(404, "no such call")
        except Refusal as e:
            head = {"X-Error-Message": e.message, **({"X-Error-Code": e.code} if e.code else {})}
            self.answer({"error": e.message}, e.status, head)

    do_GET = do_HEAD = do_POST = do_PUT = serve

    def pieces(self):
        """The request's body, piece by piece, with a length or in chunks."""
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            while size := int(self.rfile.readline(), 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            left = int(self.headers.get("Content-Length", 0))
            while left and (piece := self.rfile.read(min(left, 16384))):
                left -= len(piece)
                yield piece

    def body(self) -> bytes:
        return b"".join(self.pieces())

    def answer(self, content: object, status: int = 200, head: dict[str, str] | None = None) -> None:
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(raw)), **(head or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(raw)

    def token(self) -> str:
        return self.headers.get("Authorization", "").removeprefix("Bearer ")

    def authorise(self, repo: str) -> None:
        """Refuses a token that may not write to ``repo``, as the Hub does."""
        if self.token() not in (WRITER, READER):
            raise Refusal(401, "Invalid credentials in Authorization header")
        if self.token() == READER or not repo.startswith("user/"):
            raise Refusal(403, "You don't have the rights to write under this namespace")

    def find(self, repo: str, revision: str = "main") -> tuple[Repo, str, dict[str, bytes]]:
        there = self.hub.repos.get(repo)
        if self.token() and self.token() not in (WRITER, READER):
            raise Refusal(401, "Invalid credentials in Authorization header")
        if there is None or (there.private and self.token() not in (WRITER, READER)):
            raise Refusal(404 if self.token() else 401, "Repository not found", "RepoNotFound")
        commit = there.at(revision)
        if commit is None:
            raise Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return there, *commit

    def whoami(self) -> None:
        if self.token() not in (WRITER, READER):
            raise Refusal(401, "Invalid credentials in Authorization header")
        self.answer({"type": "user", "name": "user", "orgs": []})

    def create(self) -> None:
        asked = json.loads(self.body())
        repo = f"{asked.get('organization') or 'user'}/{asked['name']}"
        self.authorise(repo)
        if not self.hub.may_create:
            raise Refusal(403, "You don't have the rights to create a model under this namespace")
        url = {"url": f"{self.hub.url}/{repo}"}
        if repo in self.hub.repos:
            return self.answer({"error": "You already created this model repo", **url}, 409)
        private = bool(asked.get("private")) or asked.get("visibility") == "private"
        self.hub.repos[repo] = Repo(private)
        self.hub.repos[repo].commit({".gitattributes": b"*.safetensors filter=lfs\n"}, "initial commit")
        self.answer(url)

    def info(self, repo: str, revision: str | None = None) -> None:
        there, sha, files = self.find(repo, revision or "main")
        siblings = [{"rfilename": name} for name in sorted(files)]
        about = {"id": repo, "sha": sha, "private": there.private, "siblings": siblings, "tags": [], "downloads": 0}
        self.answer(about)

    def tree(self, repo: str, revision: str) -> None:
        listing = []
        for name, content in sorted(self.find(repo, revision)[2].items()):
            entry = {"type": "file", "path": name, "size": len(content), "oid": git_oid(content)}
            if BIG.search(name):
                entry["lfs"] = {"oid": sha256(content), "size": len(content), "pointerSize": 130}
            listing.append(entry)
        self.answer(listing)

    def validate(self) -> None:
        head = re.match(r"---\n(.*?)\n---\n", json.loads(self.body())["content"], re.DOTALL)
        wrong = [{"message": fault} for fault in (faults(yaml.safe_load(head[1])) if head else ["no metadata"])]
        self.answer({"errors": wrong, "warnings": []}, 400 if wrong else 200)

    def preupload(self, repo: str, revision: str) -> None:
        asked = json.loads(self.body())["files"]
        self.authorise(repo)
        there = self.find(repo, revision)[2]
        files = []
        for name in (file["path"] for file in asked):
            mode = "lfs" if BIG.search(name) else "regular"
            oid = (sha256 if mode == "lfs" else git_oid)(there[name]) if name in there else None
            files.append({"path": name, "uploadMode": mode, "shouldIgnore": False, "oid": oid})
        self.answer({"files": files})

    def batch(self, repo: str) -> None:
        asked = json.loads(self.body())["objects"]
        self.authorise(repo)
        objects = []
        for o in asked:
            there = o["oid"] in self.hub.blobs
            upload = {
                "upload": {"href": f"{self.hub.url}/lfs/{o['oid']}"},
                "verify": {"href": f"{self.hub.url}/verify"},
            }
            objects.append({**o} if there else {**o, "actions": upload})
        self.answer({"transfer": "basic", "objects": objects})

    def upload(self, oid: str) -> None:
        content = b""
        for piece in self.pieces():
            content += piece
            if self.hub.cut:
                self.hub.cut -= 1
                reset_on_close = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset_on_close)
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
                return
        if sha256(content) != oid:
            raise Refusal(400, "the content is not what was announced")
        self.hub.blobs[oid] = content
        self.answer(b"")

    def verify(self) -> None:
        asked = json.loads(self.body())
        if len(self.hub.blobs.get(asked["oid"], b"")) != asked["size"]:
            raise Refusal(404, "the upload is not there")
        self.answer({})

    def commit(self, repo: str, revision: str) -> None:
        lines = [json.loads(line) for line in self.body().splitlines()]
        self.authorise(repo)
        there, _, before = self.find(repo, revision)
        files, message = dict(before), ""
        for key, value in ((line["key"], line["value"]) for line in lines):
            if key == "header":
                message = value["summary"]
            elif key == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif key == "lfsFile" and value["oid"] in self.hub.blobs:
                files[value["path"]] = self.hub.blobs[value["oid"]]
            else:
                raise Refusal(422, f"cannot commit {key}")
        sha = there.commit(files, message)
        self.answer({"success": True, "commitOid": sha, "commitUrl": f"{self.hub.url}/{repo}/commit/{sha}"})

    def resolve(self, repo: str, revision: str, name: str) -> None:
        _, sha, files = self.find(repo, revision)
        if name not in files:
            raise Refusal(404, "Entry not found", "EntryNotFound")
        content, head = files[name], {"X-Repo-Commit": sha}
        if not BIG.search(name):
            return self.answer(content, head={**head, "ETag": f'"{git_oid(content)}"'})
        oid = sha256(content)
        store = f"{self.hub.url.replace('127.0.0.1', 'localhost')}/cdn/{oid}"  # another host, as on the real Hub
        head |= {"X-Linked-Etag": f'"{oid}"', "X-Linked-Size": str(len(content)), "Location": store}
        self.answer(b"", 302, head)

    def cdn(self, oid: str) -> None:
        if self.token():
            raise Refusal(400, "the token is for the Hub alone")
        self.answer(self.hub.blobs[oid], head={"ETag": f'"{oid}"'})


ROUTES = [
    ("GET", "/api/whoami-v2", Handler.whoami),
    ("POST", "/api/repos/create", Handler.create),
    ("POST", "/api/validate-yaml", Handler.validate),
    ("GET", rf"/api/models/{NAME}", Handler.info),
    ("GET", rf"/api/models/{NAME}/revision/(?P<revision>.+)", Handler.info),
    ("GET", rf"/api/models/{NAME}/tree/(?P<revision>[^/]+)/?", Handler.tree),
    ("POST", rf"/api/models/{NAME}/preupload/(?P<revision>[^/]+)", Handler.preupload),
    ("POST", rf"/api/models/{NAME}/commit/(?P<revision>[^/]+)", Handler.commit),
    ("POST", rf"/{NAME}\.git/info/lfs/objects/batch", Handler.batch),
    ("PUT", r"/lfs/(?P<oid>[0-9a-f]{64})", Handler.upload),
    ("POST", "/verify", Handler.verify),
    ("GET HEAD", rf"/{NAME}/resolve/(?P<revision>[^/]+)/(?P<name>.+)", Handler.resolve),
    ("GET HEAD", r"/cdn/(?P<oid>[0-9a-f]{64})", Handler.cdn),
]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def git_oid(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@contextmanager
def client_of(hub: LocalHub, cache, monkeypatch, token: str | None = WRITER):
    """Points the real huggingface_hub client of this process at ``hub``, with a cache of its own.

    Yields the list of other hosts that anything in this process looked up, which are refused; it should stay empty.
    """
    import huggingface_hub
    from huggingface_hub import constants

    outside: list[str] = []
    lookup = socket.getaddrinfo

    def local_only(host, *args, **kwargs):
        if host not in ("127.0.0.1", "localhost", None):
            outside.append(host)
            raise socket.gaierror(socket.EAI_NONAME, "only 127.0.0.1 is for tests")
        return lookup(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", local_only)
    settings = {
        "ENDPOINT": hub.url,
        "HUGGINGFACE_CO_URL_TEMPLATE": hub.url + "/{repo_id}/resolve/{revision}/{filename}",
        "HF_HUB_CACHE": str(cache),
        "HF_TOKEN_PATH": str(cache / "token"),
        "HF_HUB_DISABLE_XET": True,
        "HF_HUB_DISABLE_TELEMETRY": True,
        "HF_HUB_OFFLINE": False,
    }
    for name, value in settings.items():
        assert hasattr(constants, name), f"this client has no constant {name}"
        monkeypatch.setattr(constants, name, value)
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    huggingface_hub.close_session()  # one from before may know a proxy
    yield outside
    huggingface_hub.close_session()
