"""Where a server listens."""

import socket

LOCALHOST = "127.0.0.1"


def listen(port: int, host: str = LOCALHOST) -> socket.socket:
    """Return a socket that listens on an address of this machine; port 0 takes a free one.

    Raises OSError naming a port that is taken, or an address that is not this machine's.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or error
        raise OSError(
            f"port {port} of {host} cannot be used ({reason}); choose another --port"
        ) from None
    return listener
