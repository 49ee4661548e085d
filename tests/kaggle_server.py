"""A stand-in for Kaggle on this machine, which the real Kaggle client talks to; no request leaves the machine."""

import contextlib
import http.server
import json
import os
import threading
import time

API = "http://localhost/api/v1/datasets.DatasetApiService"
STORAGE = "http://localhost/storage/archive.zip"


class KaggleServer(http.server.ThreadingHTTPServer):
    """Serves one data set as Kaggle does: metadata, then a redirect to a storage bucket that holds the zip.

    Attributes:
        content: bytes of the zip.
        refusal: (status, message) with which the API answers instead, or None.
        cut_after: number of bytes after which every transfer breaks off, or None.
        silent: whether it takes requests and never answers.
        requests: (method, URL, body) of what was asked, in order.
        authorizations: credentials that came with the requests.
    """

    daemon_threads = True

    def __init__(self, content):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content, self.refusal, self.cut_after, self.silent = content, None, None, False
        self.requests, self.authorizations = [], []

    def downloads(self):
        """How many times the zip was asked for."""
        return sum(url == STORAGE for _, url, _ in self.requests)


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        if self.server.silent:
            time.sleep(60)
            return
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._note(body)
        if self.server.refusal:
            status, message = self.server.refusal
            self._answer(status, json.dumps({"code": status, "message": message}).encode(), "application/json")
        elif self.path == f"{API}/GetDatasetMetadata":
            self._answer(200, b'{"info": {"licenses": [{"name": "CC0-1.0"}]}}', "application/json")
        elif self.path == f"{API}/DownloadDataset":
            self.send_response(302)
            self.send_header("Location", STORAGE)
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self._answer(404, b"", "text/plain")

    def do_GET(self):
        self._note(None)
        self._answer(200, self.server.content, "application/zip")

    def _note(self, body):
        self.server.requests.append((self.command, self.path, body))
        if "Authorization" in self.headers:
            self.server.authorizations.append(self.headers["Authorization"])

    def _answer(self, status, content, kind):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Last-Modified", "Mon, 04 May 2020 10:00:00 GMT")
        self.send_header("ETag", '"one"')
        self.end_headers()
        cut = self.server.cut_after if kind == "application/zip" else None
        self.wfile.write(content[:cut])
        self.close_connection = True

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def kaggle_server(monkeypatch, home, content):
    """Start a `KaggleServer` and point the client at it, with none of the user's credentials, proxies or settings.

    The client waits a minute in all between its attempts; here that waiting is skipped, and nothing else is changed.
    """
    with KaggleServer(content) as server:
        isolate_client(monkeypatch, home, server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def isolate_client(monkeypatch, home, port):
    """Let a Kaggle client that is started from here know only `home`, and only 127.0.0.1:`port` as its way out."""
    for name in list(os.environ):
        if name.upper().startswith(("KAGGLE", "XDG_CONFIG")) or name.upper().endswith("_PROXY") or name == "NETRC":
            monkeypatch.delenv(name)
    home.mkdir(exist_ok=True)
    (home / "sitecustomize.py").write_text("import time\ntime.sleep = lambda seconds: None\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.setenv("PYTHONPATH", str(home))
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(home / "kaggle"))
    monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "LOCALHOST")
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
