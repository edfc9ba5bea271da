"""Hosts as sockets, gradio and browsers write them."""

import pytest

from app.server import address


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("0.0.0.0", "http://127.0.0.1:80"),
        ("::", "http://[::1]:80"),
        ("[::]", "http://[::1]:80"),
        ("::1", "http://[::1]:80"),
        ("[fe80::1]", "http://[fe80::1]:80"),
        ("box.example", "http://box.example:80"),
    ],
)
def test_where_the_page_is_reached(host, url):
    assert address.url(host, 80) == url


@pytest.mark.parametrize(("host", "expected"), [("::", "[::]"), ("[::1]", "[::1]"), ("0.0.0.0", "0.0.0.0")])
def test_gradio_takes_brackets(host, expected):
    assert address.in_url(host) == expected


def test_why_nothing_can_listen():
    assert not address.bind_fault("127.0.0.1", 0)
    assert address.bind_fault("192.0.2.1", 0) and address.bind_fault("a..b", 0) and address.bind_fault("[192.0.2.1]", 0)


@pytest.mark.parametrize("text", ["", "x", "0", "65536", "-1", "8e3", "7860-7870", "²", "9" * 5000])
def test_what_is_no_port(text):
    with pytest.raises(ValueError, match="whole number from 1 to 65535"):
        address.read_port(text)


def test_a_port():
    assert (address.read_port("1"), address.read_port(" 65535 ")) == (1, 65535)
