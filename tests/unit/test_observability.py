"""Logs and metrics of a function: lines with the watch, and metrics as lines of the embedded metric format."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any, cast

import pytest
from import_watch.lifecycle.start_event import event_id
from import_watch.model.observation import LogStatus, PollError
from import_watch.model.outcome import Outcome, Reason
from import_watch.observability import Metric, bind_log_context, bind_watch_log_context, emit_metrics, logger, vendor_of

from tests.unit.aws_fixtures import EXECUTION, VENDORS, a_watch

EVENT_ID = "11111111-2222-3333-4444-555555555555"


@pytest.fixture(autouse=True)
def _clean_log_context() -> Iterator[None]:
    logger.clear_state()
    yield
    logger.clear_state()


def metric_lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.fixture
def log_stream() -> Iterator[io.StringIO]:
    """Stream that replaces the one of the logger during a test."""
    handler = cast("logging.StreamHandler[Any]", logger.registered_handler)
    before = handler.setStream(io.StringIO())
    yield handler.stream
    handler.setStream(before)


def lines(log_stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log_stream.getvalue().splitlines()]


class TestMetrics:
    def test_metrics_that_share_their_dimensions_are_one_line(self, capsys: pytest.CaptureFixture[str]) -> None:
        emit_metrics({Metric.POLLS: 1, Metric.VENDOR_LATENCY: 12.5}, vendor="voyado")
        (line,) = metric_lines(capsys)
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        assert directive == {
            "Namespace": "ImportWatch",
            "Dimensions": [["vendor", "service"]],
            "Metrics": [{"Name": "Polls", "Unit": "Count"}, {"Name": "VendorLatency", "Unit": "Milliseconds"}],
        }
        assert (line["vendor"], line["Polls"], line["VendorLatency"]) == ("voyado", [1.0], [12.5])
        assert line["service"]

    def test_a_metric_line_names_its_watch_without_a_dimension(self, capsys: pytest.CaptureFixture[str]) -> None:
        bind_watch_log_context(a_watch(correlation="order-5"), EXECUTION)
        emit_metrics({Metric.POLLS: 1}, vendor="voyado")
        (line,) = metric_lines(capsys)
        assert (line["correlationId"], line["watchId"]) == ("order-5", a_watch().watch_id)
        assert line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["vendor", "service"]]

    @pytest.mark.parametrize(
        ("metric", "dimensions"),
        [
            (Metric.POLLS, {}),
            (Metric.POLLS, {"vendor": "voyado", "error": PollError.THROTTLED}),
            (Metric.WATCHES_ENDED, {"vendor": "voyado"}),
            (Metric.WATCHES_ENDED, {"vendor": "voyado", "result": Outcome.FAILED}),
            (Metric.SWEEPS, {"vendor": "voyado"}),
        ],
    )
    def test_a_metric_has_exactly_its_dimensions(
        self, metric: Metric, dimensions: dict[str, Any], capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(ValueError, match=metric.label):
            emit_metrics({metric: 1}, **dimensions)
        assert metric_lines(capsys) == []

    def test_free_text_cannot_be_a_dimension(self) -> None:
        with pytest.raises(AttributeError):
            emit_metrics({Metric.OUTCOMES_UNKNOWN: 1}, reason="what a vendor says")  # type: ignore[arg-type]

    def test_basic_detail_writes_the_metrics_of_its_alarms_alone(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("METRIC_DETAIL", "basic")
        emit_metrics({Metric.POLLS: 1}, vendor="voyado")
        emit_metrics({Metric.OUTCOMES_UNKNOWN: 1}, reason=Reason.TIMED_OUT)
        assert capsys.readouterr().out == ""
        emit_metrics({Metric.OUTCOMES_UNKNOWN: 1}, reason=Reason.WATCH_BROKEN)
        emit_metrics({Metric.SWEEPS: 1, Metric.OUTCOMES_UNPUBLISHED: 0})
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [line.keys() & {metric.label for metric in Metric} for line in lines] == [
            {"OutcomesUnknown"},
            {"Sweeps", "OutcomesUnpublished"},
        ]

    def test_every_name_is_used_once(self) -> None:
        assert len({metric.label for metric in Metric}) == len(Metric)

    def test_units_are_those_of_cloudwatch_and_dimensions_bounded(self) -> None:
        assert {metric.unit for metric in Metric} <= {"Count", "Seconds", "Milliseconds", "None"}
        bounded = {"vendor", "outcome", "reason", "error", "result"}
        assert {name for metric in Metric for name in metric.dimensions} == bounded

    @pytest.mark.parametrize("watch_id", ["invalid#event-1", "invalid#voyado"])
    def test_the_watch_of_an_invalid_event_names_no_vendor(self, watch_id: str) -> None:
        assert vendor_of(watch_id) == "invalid"

    def test_the_vendor_of_a_watch_is_its_folder(self) -> None:
        assert vendor_of(a_watch().watch_id) == "voyado"


class TestLines:
    def test_a_line_has_its_watch_execution_generation_and_poll(self, log_stream: io.StringIO) -> None:
        bind_watch_log_context(a_watch(correlation="order-5", generation=2, polls=7), EXECUTION, poll=8)
        logger.info("polled", logStatus=LogStatus.NONE.value)
        (line,) = lines(log_stream)
        assert (line["correlationId"], line["watchId"], line["vendor"]) == ("order-5", a_watch().watch_id, "voyado")
        assert (line["execution"], line["generation"], line["poll"]) == (EXECUTION, 2, 8)

    def test_a_watch_of_an_earlier_release_is_found_by_its_id(self, log_stream: io.StringIO) -> None:
        bind_watch_log_context(a_watch(), EXECUTION)
        logger.info("polled")
        assert lines(log_stream)[0]["correlationId"] == a_watch().watch_id

    def test_the_context_of_an_earlier_invocation_is_dropped(self, log_stream: io.StringIO) -> None:
        bind_watch_log_context(a_watch(correlation="order-5", generation=2), EXECUTION)
        bind_log_context(None)
        logger.info("swept")
        (line,) = lines(log_stream)
        assert {"correlationId", "watchId", "execution", "generation", "poll"} & line.keys() == set()


class TestCorrelation:
    def event(self, **detail: Any) -> dict[str, Any]:
        return {"id": EVENT_ID, "detail": detail}

    def test_the_senders_own_id_comes_first(self) -> None:
        assert VENDORS.parse(self.event(correlationId="order-5")).correlation == "order-5"

    @pytest.mark.parametrize("refused", [None, "", "x" * 257, "two\nlines", 5, ["order-5"]])
    def test_the_events_id_replaces_an_invalid_one(self, refused: Any) -> None:
        assert VENDORS.parse(self.event(correlationId=refused)).correlation == EVENT_ID

    @pytest.mark.parametrize("event", [None, "text", [], {}, {"id": 5}, {"id": "x" * 101}, {"id": "é"}, {"detail": []}])
    def test_an_event_may_have_neither(self, event: Any) -> None:
        assert VENDORS.parse(event).correlation is None
        assert event_id(event) is None

    def test_it_is_bounded_like_the_field_of_the_start_event(self) -> None:
        assert VENDORS.parse(self.event(correlationId="x" * 256)).correlation == "x" * 256
