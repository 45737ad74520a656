"""An ASGI application for tests: answers, streams, websockets, and a lifespan that is told of."""

from __future__ import annotations

import json
from typing import Any


class App:
    """Tells what it was asked; ``lived`` is what its lifespan saw."""

    def __init__(self, *, fails: bool = False) -> None:
        self.lived: list[str] = []
        self._fails = fails

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        match scope["type"]:
            case "lifespan":
                await self._live(receive, send)
            case "websocket":
                await self._talk(receive, send)
            case _:
                await self._answer(scope, receive, send)

    async def _live(self, receive: Any, send: Any) -> None:
        while True:
            message = await receive()
            event = message["type"].removeprefix("lifespan.")
            self.lived.append(event)
            outcome = "failed" if self._fails else "complete"
            await send({"type": f"lifespan.{event}.{outcome}"})
            if event == "shutdown" or self._fails:
                return

    async def _answer(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        told = {key: scope.get(key) for key in ("method", "path", "client", "server", "scheme")}
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        answer = json.dumps(told | {"size": len(body)}).encode()
        for part in (answer[:10], answer[10:]):
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body"})

    async def _talk(self, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"].upper()})
