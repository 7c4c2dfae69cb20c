"""The first step of an execution, by its input: a start event, an `ImportChanged`, or a watch that is resumed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from import_watch.lifecycle.execution_names import resumed_watch
from import_watch.lifecycle.start_event import is_change
from import_watch.model.serialization import JSON
from import_watch.model.step import Step
from import_watch.observability import bind_log_context, bind_watch_log_context, logger
from import_watch.services.registration import Registrar

if TYPE_CHECKING:
    from import_watch.services.waking import Waker


def first_step(
    given: JSON, execution: str, now: float, registrar: Registrar, waker: Callable[[], Waker] | None = None
) -> Step:
    """First step of an execution; its log lines carry the watch from then on.

    Parameters
    ----------
    given : JSON
        The execution's input, untrusted.
    execution : str
        Its ARN.
    now : float
        Epoch seconds.
    registrar : Registrar
    waker : callable, optional
        Builds what wakes a watch, which few executions need. Without it an `ImportChanged` changes nothing: it is only
        a hint. If an attempt of this execution, whose response was lost, has taken the watch over, it is recovered.
    """
    vendors = registrar.vendors
    if resumed := resumed_watch(given):
        bind_log_context(execution, watch_id=resumed.watch_id, generation=resumed.generation)
        step = registrar.resume(resumed.watch_id, resumed.generation, execution, now)
        bind_watch_log_context(step.watch, execution)
    elif is_change(given):
        change = vendors.parse_change(given)
        bind_log_context(execution, correlation=change.correlation)
        if ignored := change.start.ignored_fields:
            logger.warning("the ImportChanged event has unknown fields, which are ignored", fields=list(ignored))
        if waker is None:
            from import_watch.services.waking import Woken, not_woken

            step = not_woken(Woken.FAILED, change, None, now)
        else:
            step = waker().wake(change, execution, now)
        bind_watch_log_context(step.watch, execution)
    else:
        start = vendors.parse(given)
        bind_log_context(execution, correlation=start.correlation)
        step = registrar.register(start, execution, now)
        # The log lines of a duplicate have the correlation id of its own event.
        bind_watch_log_context(replace(step.watch, correlation=start.correlation), execution)
        if ignored := start.start.ignored_fields:
            logger.warning("the start event has unknown fields, which are ignored", fields=list(ignored))
    logger.info("registered", action=step.action.value, watchedAs=step.watch.correlation)
    return step
