"""The address that the page listens on, as gradio, sockets and browsers each write it."""

from __future__ import annotations

import socket

EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # a page that listens everywhere is reached here


def bare(host: str) -> str:
    """A host without the brackets that an address of IPv6 has in a URL."""
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


def in_url(host: str) -> str:
    """A host as it stands in a URL, and as gradio takes it."""
    return f"[{bare(host)}]" if ":" in bare(host) else host


def url(host: str, port: int) -> str:
    """The address at which this machine reaches the page, with no slash at its end."""
    return f"http://{in_url(EVERYWHERE.get(bare(host), host))}:{port}"


def read_port(text: str) -> int:
    """A port as a person or a host's environment writes it.

    Raises:
        ValueError: it is not a whole number from 1 to 65535.
    """
    text = text.strip()
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= 65535):
        raise ValueError(f"The port must be a whole number from 1 to 65535, not {text[:20]!r}")
    return int(text)


def bind_fault(host: str, port: int) -> str:
    """Why nothing can listen there; "" where it can."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(bare(host), port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind(address)
    except (OSError, UnicodeError) as e:
        return getattr(e, "strerror", None) or "that is not the name of a host"
    return ""
