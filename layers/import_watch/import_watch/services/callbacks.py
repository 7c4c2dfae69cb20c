"""Sends the outcome of a watch to the task tokens that wait for it."""

from __future__ import annotations

from import_watch.aws.task_tokens import TaskTokens, TokenResult
from import_watch.model.record import StoredWatch
from import_watch.model.serialization import JSON
from import_watch.observability import Metric, emit_metrics, logger

DENIED_SECONDS = 7 * 86_400
"""Seconds for which a token is kept although its task may not be reached: an operator may yet allow it. They count from
the last token of the watch."""


class CallbackDenied(Exception):
    """The role of this function may not send a result to a task of the caller's state machine."""


class Callbacks:
    """Sends outcomes to task tokens.

    Parameters
    ----------
    tokens : TaskTokens
    """

    def __init__(self, tokens: TaskTokens) -> None:
        self._tokens = tokens

    def send(self, record: StoredWatch, event: dict[str, JSON], now: float) -> None:
        """Send the outcome of a watch to every token that waits for it; an expired or unknown token is final.

        Parameters
        ----------
        record : StoredWatch
            A watch that has ended.
        event : dict
            Its notification.
        now : float
            Epoch seconds.

        Raises
        ------
        CallbackDenied
            If a task may not be reached: it is tried again for a week.
        TokenNotSent
            If Step Functions cannot take an outcome now.
        """
        watch, denied = record.watch, 0
        for entry in self._tokens.waiting(watch.watch_id, watch.attempt):
            done = self._tokens.send(entry, event)
            if done is TokenResult.DENIED and now - self._tokens.last_added(watch.watch_id) < DENIED_SECONDS:
                denied += 1
                continue
            if done is TokenResult.SENT:
                logger.info("a waiting task has the outcome", outcome=event["data"]["outcome"])
            else:
                logger.warning("a task token is final without an outcome", why=done.value)
            emit_metrics({Metric.CALLBACKS: 1}, result=done)
            self._tokens.delete(watch.watch_id, entry)
        if denied:
            raise CallbackDenied(
                f"{denied} task tokens belong to a state machine that the parameter CallbackStateMachineArns excludes"
            )
