"""The server of `wbc app`: Streamlit with a content security policy, so that the page contacts no other machine.

`streamlit run` finds `app` here; the page is wbc/predict/page.py.
"""

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.middleware import Middleware


def inline_scripts() -> str:
    """Return the hashes of the scripts in Streamlit's own page, as a policy lists them."""
    page = Path(st.__file__).with_name("static") / "index.html"
    scripts = re.findall(r"<script>(.*?)</script>", page.read_text(encoding="utf-8"), re.DOTALL)
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    return " ".join(f"'sha256-{digest}'" for digest in digests)


POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "style-src 'self' 'unsafe-inline'",  # Streamlit writes its styles into the page
        f"script-src 'self' 'unsafe-eval' {inline_scripts()}",  # Streamlit compiles some of its code in the page
        "connect-src 'self'",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {"content-security-policy": POLICY, "referrer-policy": "no-referrer", "x-content-type-options": "nosniff"}


class SecurityHeaders:
    """Middleware that adds `HEADERS` to every response.

    Args:
        app: the ASGI application behind it.
    """

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass a request on, and add the headers to its response."""

        async def send_with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                added = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message = {**message, "headers": [*message.get("headers", []), *added]}
            await send(message)

        await self.app(scope, receive, send_with_headers)


app = st.App(Path(__file__).with_name("predict") / "page.py", middleware=[Middleware(SecurityHeaders)])
