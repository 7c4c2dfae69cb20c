"""Takes secrets out of an answer before it is read: a vendor may say back what it was sent. Pure.

Done on the bytes, because a text that is cut first could keep a piece of a secret. The archive keeps the answer
as it came.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace

from import_watch.vendor import Answer

MARK = b"(redacted)"
SHORTEST = 6
"""Characters below which a secret is no secret, and its removal would garble everything."""


def redacted(answer: Answer, secrets: Iterable[str]) -> Answer:
    """Give an answer whose body has none of the secrets in it, as they are or as JSON escapes them."""
    body = answer.body
    for secret in sorted({secret for secret in secrets if len(secret) >= SHORTEST}, key=len, reverse=True):
        for written in {secret, json.dumps(secret)[1:-1], secret.replace("/", "\\/")}:
            body = body.replace(written.encode(), MARK)
    return replace(answer, body=body)
