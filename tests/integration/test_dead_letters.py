"""Dead letters are put back as they are written, and those that cannot be are left with the reason, each of them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from import_watch_cli import redrive as redriving
from import_watch_cli.redrive import MAX_ENTRY_BYTES, NotAnEvent, Redriven, Stack, read_event, redrive

from tests.loopback_server import Exchange, Serve
from tests.unit.aws_fixtures import REGION, VENDORS

STACK = Stack("http://127.0.0.1/queue", "imports", "recover")


def letter(number: object = 1, detail: str | None = None, **more: Any) -> str:
    """Start event as a rule leaves it; its detail as it is written."""
    event = {"version": "0", "id": f"event-{number}", "detail-type": "ImportStarted", "source": "shop", **more}
    written = detail or json.dumps({"vendor": "voyado", "importId": str(number)})
    return json.dumps(event)[:-1] + f', "detail": {written}' + "}"


def status_change(detail: str = '{"status": "FAILED"}') -> str:
    return '{"detail-type": "Step Functions Execution Status Change", "source": "aws.states", "detail": ' + detail + "}"


@dataclass
class Aws:
    """SQS, EventBridge and Lambda on this machine, with a clock that advances with every receive."""

    bodies: list[str]
    seconds: float = 1.0
    ids: list[str] = field(default_factory=list)
    refuse: dict[str, tuple[int, str]] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    payloads: list[bytes] = field(default_factory=list)
    gone: set[int] = field(default_factory=set)
    visible_at: dict[int, float] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    ignores_visibility: bool = False
    now: float = 0.0

    def __call__(self, exchange: Exchange) -> None:
        request = exchange.request_seen
        target = request.headers.get("x-amz-target", "Lambda.Invoke").rpartition(".")[2]
        self.calls.append(target)
        for text, (status, code) in self.refuse.items():
            if text in f"{target} {request.body.decode()}":
                exchange.response(status, {"__type": code, "message": f"{code} it is"}, x_amzn_ErrorType=code)
                return
        if target == "Invoke":
            self.payloads.append(request.body)
            exchange.response(202)
            return
        given = json.loads(request.body)
        exchange.response(
            200,
            {"ReceiveMessage": self.receive, "DeleteMessage": self.delete, "PutEvents": self.put}[target](given),
            Content_Type="application/x-amz-json-1.0",
        )

    def receive(self, given: dict[str, Any]) -> dict[str, Any]:
        self.now += self.seconds
        found = [
            number
            for number in range(len(self.bodies))
            if number not in self.gone and self.visible_at.get(number, 0.0) <= self.now
        ][: given["MaxNumberOfMessages"]]
        if not self.ignores_visibility:
            self.visible_at |= dict.fromkeys(found, self.now + given["VisibilityTimeout"])
        ids = self.ids or [str(number) for number in range(len(self.bodies))]
        return {
            "Messages": [
                {"MessageId": ids[number], "ReceiptHandle": str(number), "Body": self.bodies[number]}
                for number in found
            ]
        }

    def delete(self, given: dict[str, Any]) -> dict[str, Any]:
        self.gone.add(int(given["ReceiptHandle"]))
        return {}

    def put(self, given: dict[str, Any]) -> dict[str, Any]:
        (entry,) = given["Entries"]
        if entry["Source"] == "aws.shop":
            refused = {"ErrorCode": "NotAuthorizedForSourceException", "ErrorMessage": "not yours"}
            return {"FailedEntryCount": 1, "Entries": [refused]}
        self.events.append(entry)
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}


def run(serve: Serve, aws: Aws) -> Redriven:
    url = serve(aws).url

    def client(service: str) -> Any:
        return boto3.client(  # type: ignore[call-overload]
            service,
            endpoint_url=url,
            region_name=REGION,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
            config=Config(retries={"total_max_attempts": 1}),
        )

    return redrive(STACK, client("sqs"), client("events"), client("lambda"))


def reasons(done: Redriven) -> dict[str, str]:
    pairs = [one.split(": ", 1) for one in done.left]
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


@pytest.mark.parametrize("seconds", [0.1, 15.0, 40.0])
@pytest.mark.parametrize("bad", [1, 12, 150])
@pytest.mark.parametrize("first", [True, False])
def test_letters_that_are_left_keep_no_other_from_being_put_back(
    serve: Serve, bad: int, seconds: float, *, first: bool
) -> None:
    good = [letter(number) for number in range(200)]
    bodies = ["invalid"] * bad + good if first else [*good[:100], *["invalid"] * bad, *good[100:]]
    done = run(serve, aws := Aws(bodies, seconds))
    assert done.put_back == {"ImportStarted": 200}
    assert len(aws.events) == 200
    assert len(reasons(done)) == bad == len(bodies) - len(aws.gone)


LEFT: list[tuple[str, str]] = [
    ("invalid", "it is not an event"),
    ("", "it is not an event"),
    ("[]", "no JSON object"),
    ("5", "no JSON object"),
    ('{"detail-type": 5}', "no detail-type"),
    (
        '{"detail-type": "[/x]\\u0000\\ud800", "source": "import-watch", "detail": {}}',
        "[/x] ? is an outcome, which starts nothing",
    ),
    ('{"detail-type": "ImportStarted"', "it is not an event"),
    (letter(detail='{"a": NaN}'), "NaN is not JSON"),
    (letter(detail='{"a": -Infinity}'), "-Infinity is not JSON"),
    (letter(detail='{"a": "' + "x" * MAX_ENTRY_BYTES + '"}'), "and an execution accepts 262,144"),
    (letter(detail='{"a": "' + "界" * (MAX_ENTRY_BYTES // 3) + '"}'), "and an execution accepts 262,144"),
    (letter(source="aws.shop"), "NotAuthorizedForSourceException not yours"),
    (letter(detail='{"a": "refused"}'), "ValidationException it is"),
    (letter(detail='{"a": "crashed"}'), "InternalFailure it is"),
    (status_change('{"a": "refused"}'), "the function recover did not accept it"),
    ("[" * 200_000, "it is not an event"),
]


def test_an_undeliverable_letter_is_left_and_the_run_continues(serve: Serve) -> None:
    bodies = [body for bad, _ in LEFT for body in (bad, letter())]
    refuse = {'\\"refused\\"': (400, "ValidationException"), '"refused"': (413, "RequestTooLargeException")}
    done = run(serve, aws := Aws(bodies, refuse={**refuse, "crashed": (500, "InternalFailure")}))
    assert done.put_back == {"ImportStarted": len(LEFT)}
    left_reasons = reasons(done)
    assert [why for number, (_, why) in enumerate(LEFT) if why not in left_reasons[str(2 * number)]] == []
    assert len(left_reasons) == len(LEFT) == len(bodies) - len(aws.gone)


DETAILS = [
    '{"n": 1.10, "big": 12345678901234567890, "e": 1E5, "huge": 1e999, "zero": -0.0}',
    '{"digits": ' + "7" * 5_000 + "}",
    '{"text": "' + "界" * 60_000 + '"}',
    '{"a":{"detail":"}"},"b":[{"c":"\\"]"}] , "\\u00e4" : "\\ud800"}',
    '{"detail-type": "Other", "requestPayload": {"detail-type": "Other"}}',
    '{"deep": ' + "[" * 1_900 + "]" * 1_900 + "}",
    '{"deep": ' + '{"a":' * 30_000 + "1" + "}" * 30_000 + "}",
    '{"twice": 1, "twice": 2}',
    "null",
    "[]",
]


@pytest.mark.parametrize("detail", DETAILS, ids=range(len(DETAILS)))
@pytest.mark.parametrize("wrapped", [True, False])
def test_a_detail_is_put_back_as_it_is_written(serve: Serve, detail: str, *, wrapped: bool) -> None:
    def in_letter(text: str) -> str:
        return '{"requestContext": {"a": [1]}, "requestPayload" : ' + text + " }" if wrapped else f" {text}\n"

    event = letter(7, detail, resources=["theirs", 5])
    done = run(serve, aws := Aws([in_letter(event), in_letter(status_change(detail))]))
    assert (sum(done.put_back.values()), done.left) == (2, [])
    assert aws.events == [
        {
            "EventBusName": "imports",
            "Source": "shop",
            "DetailType": "ImportStarted",
            "Detail": detail,
            "Resources": ["theirs", "import-watch/event/event-7"],
        }
    ]
    assert aws.payloads == [status_change(detail).encode()]


def test_an_event_of_a_misspelled_type_is_put_back_too(serve: Serve) -> None:
    """The bus takes it, and it ends as an invalid event: its task token gets that outcome."""
    misspelled = letter().replace("ImportStarted", "importStarted")
    done = run(serve, aws := Aws([misspelled, letter().replace("ImportStarted", "ImportChanged")]))
    assert done.put_back == {"importStarted": 1, "ImportChanged": 1}
    assert [event["DetailType"] for event in aws.events] == ["importStarted", "ImportChanged"]


def test_an_event_that_is_put_back_again_keeps_its_first_id(serve: Serve) -> None:
    run(serve, aws := Aws([letter(2, resources=["import-watch/event/event-1"]), letter(id=None), letter(id="ä")]))
    assert [event["Resources"] for event in aws.events] == [["import-watch/event/event-1"], [], []]


def test_an_invalid_event_that_is_put_back_is_the_same_watch() -> None:
    def key(event: Any) -> str:
        return VENDORS.parse(event).watch_id

    body = letter(1, '{"vendor": "other", "n": 1.10}', account="1", resources=["theirs"])
    event = read_event(body)
    again = {
        "id": "event-2",
        "detail-type": event.kind,
        "source": event.source,
        "resources": [*event.resources, f"import-watch/event/{event.first_id}"],
        "detail": json.loads(event.detail),
    }
    assert key(again) == key(json.loads(body))


@pytest.mark.parametrize("body", [body for body, why in LEFT if "event" in why and body.startswith(("r", "[", "5"))])
def test_what_is_no_event_is_reported_as_that(body: str) -> None:
    with pytest.raises(NotAnEvent, match="it is not an event"):
        read_event(body)


class TestDestinationThatRefusesEverything:
    def test_it_gets_one_request_and_other_events_are_delivered(self, serve: Serve) -> None:
        bodies = [*(letter(number) for number in range(30)), status_change()]
        done = run(serve, aws := Aws(bodies, refuse={"PutEvents": (400, "AccessDeniedException")}))
        assert aws.calls.count("PutEvents") == 1
        assert done.put_back == {"Step Functions Execution Status Change": 1}
        left_reasons = list(reasons(done).values())
        assert "AccessDeniedException it is" in left_reasons[0]
        assert len(left_reasons) == 30
        assert set(left_reasons[1:]) == {
            "it was not tried: the bus imports did not accept an earlier one: AccessDeniedException"
        }

    def test_a_queue_that_cannot_be_read_is_an_error(self, serve: Serve) -> None:
        with pytest.raises(ClientError, match="AccessDenied"):
            run(serve, Aws([], refuse={"ReceiveMessage": (400, "AccessDenied")}))

    def test_an_interrupted_read_is_reported_with_what_was_done(self, serve: Serve) -> None:
        class Breaks(Aws):
            def delete(self, given: dict[str, Any]) -> dict[str, Any]:
                self.refuse["ReceiveMessage"] = (400, "AccessDenied")
                return super().delete(given)

        done = run(serve, Breaks([letter()]))
        assert done.put_back == {"ImportStarted": 1}
        assert len(done.left) == 1
        assert "could not be read to its end" in done.left[0]


class TestLetterThatComesAgain:
    def test_it_is_put_back_once(self, serve: Serve) -> None:
        """SQS delivers at least once."""
        done = run(serve, aws := Aws([letter(), letter(), "invalid", "invalid"], ids=["a", "a", "b", "b"]))
        assert (done.put_back, len(aws.events), len(done.left)) == ({"ImportStarted": 1}, 1, 1)
        assert aws.gone == {0, 1}

    def test_one_that_was_not_deleted_is_reported_and_retried(self, serve: Serve) -> None:
        tries = count()

        class Stays(Aws):
            def delete(self, given: dict[str, Any]) -> dict[str, Any]:
                return super().delete(given) if given["ReceiptHandle"] != "0" or next(tries) else {}

        refuse = {"DeleteMessage": (500, "InternalFailure")}
        done = run(serve, aws := Aws([letter(1), letter(2)], 50.0, refuse=refuse))
        assert (done.put_back, len(aws.events)) == ({"ImportStarted": 2}, 2)
        assert all("could not be taken out of the queue" in why for why in reasons(done).values())
        done = run(serve, again := Stays([letter(1), "invalid"], 50.0))
        assert (done.put_back, len(again.events), again.gone) == ({"ImportStarted": 1}, 1, {0})

    def test_a_queue_that_hides_nothing_is_left_in_the_end(self, serve: Serve) -> None:
        done = run(serve, aws := Aws(["invalid"] * 5, ignores_visibility=True))
        assert len(reasons(done)) == 5
        assert len(aws.calls) < 15


@pytest.mark.parametrize(("bound", "value"), [("MAX_DEAD_LETTERS", 10), ("MAX_SECONDS", 0)])
def test_a_run_is_bounded_and_reports_its_bound(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, bound: str, value: int
) -> None:
    monkeypatch.setattr(redriving, bound, value)
    done = run(serve, Aws([letter(number) for number in range(30)]))
    assert sum(done.put_back.values()) == value
    assert done.left == [f"the run ended after {value} letters: start another for the rest"]
