"""Who may call a server on this machine: its own programs and pages, and no page of a website that a browser here shows.

Such a page can call addresses of this machine. It can even have its own name lead to one, so the name in `Host` counts,
and not the address that was reached.
"""

from urllib.parse import urlsplit

LOCAL = ("127.0.0.1", "localhost", "::1")


def is_local(authority):
    """Returns whether a host with or without a port, such as localhost:4566, is this machine. Names that end in
    .localhost never leave it."""
    try:
        name = urlsplit(f"//{authority}").hostname or ""
    except ValueError:
        return False
    return name in LOCAL or name.endswith(".localhost")


def refusal(headers):
    """Returns why a call is refused, or None. `headers` has small letters."""
    if not is_local(headers.get("host", "")):
        return "the Host is not this machine"
    origin = headers.get("origin")
    # A page that sends no referrer has the origin null, in its calls to itself too. A browser says which those are.
    is_own = origin == "null" and headers.get("sec-fetch-site") == "same-origin"
    if origin is not None and not is_own and not is_local(origin.partition("://")[2]):
        return "the Origin is not this machine"
    # A picture or a link of a website calls without an Origin. A browser says that another site has it.
    if origin is None and headers.get("sec-fetch-site") == "cross-site":
        return "the page that calls is not of this machine"
    return None


def guard(app):
    """Returns an ASGI application that refuses foreign calls."""

    async def guarded(scope, receive, send):
        if scope["type"] in ("http", "websocket"):
            headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
            if reason := refusal(headers):
                return await refuse(scope["type"], reason, send)
        await app(scope, receive, send)

    return guarded


async def refuse(kind, reason, send):
    if kind == "websocket":
        return await send({"type": "websocket.close", "code": 1008})
    head = [(b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": 403, "headers": head})
    await send({"type": "http.response.body", "body": f"Refused: {reason}\n".encode()})
