"""The h2 library's object for one HTTP/2 connection, set up as client or server."""

from __future__ import annotations

from h2.config import H2Configuration
from h2.connection import AllowedStreamIDs, H2Connection
from h2.settings import SettingCodes, Settings
from h2.stream import H2Stream

#: The first bytes that a client sends (RFC 9113 §3.4).
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#: Bytes of a stream's flow-control window and of the connection's: what a peer may send before it is consumed.
STREAM_WINDOW, CONNECTION_WINDOW = 256 * 1024, 1024 * 1024
#: Streams a peer may have open at once, and bytes of its header lists (RFC 9113 §6.5.2).
MAX_STREAMS, MAX_HEADERS = 128, 64 * 1024
#: Ended streams that h2 remembers, so that frames which the peer sent before it knew of the end are no errors.
MAX_CLOSED = 1024


def begin(client: bool) -> H2Connection:
    """A new h2 connection whose next ``data_to_send()`` announces our settings and windows.

    A server's one has already received the preface, which the frame reader checks. h2 does not check header fields;
    :mod:`aiofrp.wire.http.h2.fields` does.
    """
    conn = _Connection(
        H2Configuration(client_side=client, header_encoding=None, validate_inbound_headers=False)
    )
    conn.local_settings = Settings(
        client=client,
        initial_values={
            SettingCodes.MAX_CONCURRENT_STREAMS: MAX_STREAMS,
            SettingCodes.MAX_HEADER_LIST_SIZE: MAX_HEADERS,
            SettingCodes.INITIAL_WINDOW_SIZE: STREAM_WINDOW,
        },
    )
    if client:
        conn.local_settings.enable_push = False
    conn.initiate_connection()
    if not client:
        conn.receive_data(PREFACE)
    conn.increment_flow_control_window(CONNECTION_WINDOW - 65535)
    return conn


class _Connection(H2Connection):
    """h2's connection without its check of Content-Length: a wrong length would be an error of the whole connection.

    The receivers of streams check it (:mod:`aiofrp.wire.http.body`), and reset their stream only.
    """

    MAX_CLOSED_STREAMS = MAX_CLOSED

    def _begin_new_stream(self, stream_id: int, allowed_ids: AllowedStreamIDs) -> H2Stream:
        stream = super()._begin_new_stream(stream_id, allowed_ids)
        stream._initialize_content_length = _expect_any_length  # type: ignore[method-assign]
        return stream


def _expect_any_length(headers: object) -> None:
    """Replaces h2's method that stores the Content-Length of a stream."""
