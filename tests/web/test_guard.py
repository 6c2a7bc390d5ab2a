import pytest

from scratch_d2.web.listener import listen

pytest.importorskip("starlette", reason="starlette is missing")


@pytest.mark.parametrize(
    ("headers", "method", "said"),
    [
        ({"host": "127.0.0.1:8765"}, "GET", ""),
        ({"host": "localhost"}, "GET", ""),
        ({"host": "[::1]:80"}, "GET", ""),
        ({"host": "evil.example:8765"}, "GET", "host 'evil.example:8765' is not served"),
        ({"host": "127.0.0.1.evil.example"}, "GET", "is not served"),
        ({"host": ""}, "GET", "is not served"),
        ({"host": "localhost:1", "origin": "http://localhost:1"}, "GET", ""),
        ({"host": "localhost:1", "origin": "http://localhost:2"}, "GET", "refused"),
        ({"host": "localhost:1", "origin": "null"}, "GET", "origin 'null' are refused"),
        ({"host": "localhost:1", "sec-fetch-site": "cross-site"}, "GET", "other sites"),
        ({"host": "localhost:1", "sec-fetch-site": "same-site"}, "GET", "other sites"),
    ],
)
def test_who_may_ask(headers, method, said):
    from scratch_d2.web.guard import refusal

    assert said in refusal(headers, method) and bool(said) == bool(refusal(headers, method))


def test_a_port_that_is_taken_is_named():
    with listen(0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(OSError, match=f"port {port} of 127.0.0.1 cannot be used"):
            listen(port)
