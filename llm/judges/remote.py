"""One question to a server of JSON, asked again while it may help."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPException
from threading import Event
from typing import Any, TypeVar
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from games.errors import SpecError

T = TypeVar("T")

_WRONG_ADDRESS = (401, 403, 404)
_WORTH_ANOTHER_TRY = (408, 409, 425, 429)
_TOLD = 200


class NoReplyError(Exception):
    """There is no usable reply; the message says why."""


@dataclass(frozen=True)
class Remote:
    """Where to send questions, and how patiently.

    Attributes
    ----------
    address : str
    key : str
        Sent to this address only, as bearer token; "" sends none.
    timeout : float > 0
        Seconds to wait for the next byte.
    retries : int >= 0
    backoff : float >= 0
        Seconds before the second attempt; twice as many before each later one.
    stop : Event
        Once it is set, no further attempt is made.
    """

    address: str
    key: str
    timeout: float
    retries: int
    backoff: float
    stop: Event = field(default_factory=Event)

    def ask(self, body: str, read: Callable[[Any], T]) -> T:
        """What ``read`` makes of the reply to a JSON text; it raises ValueError if that is nothing.

        Raises
        ------
        NoReplyError
            If the server refuses the question, or the last attempt failed too.
        SpecError
            If the server refuses all questions, because address or key are wrong.
        """
        why = ""
        for attempt in range(self.retries + 1):
            if attempt and self.stop.wait(self.backoff * 2 ** (attempt - 1)):
                break
            try:
                return read(json.loads(self._post(body)))
            except HTTPError as error:
                with error:
                    said = error.read(_TOLD).decode(errors="replace")
                why = " ".join(f"HTTP {error.code} {error.reason}: {said}".split())
                if error.code in _WRONG_ADDRESS:
                    raise SpecError(
                        f"{self.address}: {why}; check the address, the name of the model and the "
                        "key"
                    ) from None
                if error.code < 500 and error.code not in _WORTH_ANOTHER_TRY:
                    raise NoReplyError(why) from None
            except (OSError, HTTPException, ValueError) as error:
                why = " ".join(f"{type(error).__name__}: {error}".split())
        times = f" ({self.retries + 1} attempts)" if self.retries else ""
        raise NoReplyError(why + times)

    def _post(self, body: str) -> bytes:
        request = Request(self.address, body.encode(), {"Content-Type": "application/json"})
        if self.key:
            request.add_unredirected_header("Authorization", f"Bearer {self.key}")
        with urlopen(request, timeout=self.timeout) as response:
            return bytes(response.read())
