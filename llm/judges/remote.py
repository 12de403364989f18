"""A request to a JSON server, with retries."""

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
_RETRYABLE = (408, 409, 425, 429)
_MAX_ERROR_BYTES = 200


class NoReplyError(Exception):
    """The server gave no usable reply; the message gives the reason."""


@dataclass(frozen=True)
class Remote:
    """An address to send questions to, with time limit and retries.

    Attributes
    ----------
    address : str
        URL of the endpoint.
    key : str
        Bearer token, sent to this address only; "" sends none.
    timeout : float > 0
        Seconds to wait for the next byte.
    retries : int >= 0
        Further attempts after a failed one.
    backoff : float >= 0
        Seconds before the second attempt; doubled before each later one.
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
        """Send a JSON text; return ``read(reply)``, which raises ValueError on an unusable reply.

        Raises
        ------
        NoReplyError
            If the server refuses the question, or all attempts fail.
        SpecError
            If the server refuses all questions, because address or key are wrong.
        """
        reason = ""
        for attempt in range(self.retries + 1):
            if attempt and self.stop.wait(self.backoff * 2 ** (attempt - 1)):
                break
            try:
                return read(json.loads(self._post(body)))
            except HTTPError as error:
                with error:
                    detail = error.read(_MAX_ERROR_BYTES).decode(errors="replace")
                reason = " ".join(f"HTTP {error.code} {error.reason}: {detail}".split())
                if error.code in _WRONG_ADDRESS:
                    raise SpecError(
                        f"{self.address}: {reason}; check the address, the name of the model and "
                        "the key"
                    ) from None
                if error.code < 500 and error.code not in _RETRYABLE:
                    raise NoReplyError(reason) from None
            except (OSError, HTTPException, ValueError) as error:
                reason = " ".join(f"{type(error).__name__}: {error}".split())
        times = f" ({self.retries + 1} attempts)" if self.retries else ""
        raise NoReplyError(reason + times)

    def _post(self, body: str) -> bytes:
        request = Request(self.address, body.encode(), {"Content-Type": "application/json"})
        if self.key:
            request.add_unredirected_header("Authorization", f"Bearer {self.key}")
        with urlopen(request, timeout=self.timeout) as response:
            return bytes(response.read())
