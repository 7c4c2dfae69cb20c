"""A log as JSON: every parser accepts the file, whatever the log holds."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from import_watch.aws.log_json import BATCH, json_bytes

NAN, INFINITY = float("nan"), float("inf")
MANY = 10**5_000


def strict(text: bytes) -> Any:
    """Parse JSON by the standard, without the additional constants of Python."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text.decode("utf-8"), parse_constant=refuse)


@pytest.mark.parametrize(
    ("content", "means"),
    [
        ({"a": [1.5, None, True, "木🙂"], "b": {}}, {"a": [1.5, None, True, "木🙂"], "b": {}}),
        ("text", "text"),
        (None, None),
        ([], []),
        (NAN, None),
        ({"a": NAN, "b": [INFINITY, -INFINITY, 1]}, {"a": None, "b": [None, None, 1]}),
        ({"a": {"b": {"c": [{"d": NAN}]}}, "e": 1}, {"a": {"b": {"c": [{"d": None}]}}, "e": 1}),
        ({"": NAN, '"\\': [], "\n": {}}, {"": None, '"\\': [], "\n": {}}),
        ({"n": MANY, "m": -MANY, "small": 2**70}, {"n": None, "m": None, "small": 2**70}),
        (["x"] * (BATCH + 1) + [NAN] + ["y"] * BATCH, ["x"] * (BATCH + 1) + [None] + ["y"] * BATCH),
        ([[], {}, [NAN]], [[], {}, [None]]),
        ({"half \ud83d": "\\\udcff\\", "not one": "\uffff\x00\u2028"},) * 2,
        (["\ud83d", NAN], ["\ud83d", None]),
    ],
    ids=lambda value: repr(value)[:30] if not isinstance(value, dict) or "n" not in value else "digits",
)
def test_what_is_written_is_json(content: Any, means: Any) -> None:
    assert strict(json_bytes(content)) == means


def test_it_is_not_indented() -> None:
    assert json_bytes({"a": [1, 2], "b": "c"}) == b'{"a":[1,2],"b":"c"}'


@pytest.mark.parametrize("depth", [900, 5_000, 50_000])
def test_any_depth_is_written(depth: int) -> None:
    lists: Any = 0
    objects: Any = 0
    for _ in range(depth):
        lists, objects = [lists], {"a": objects}
    assert json_bytes(lists) == b"[" * depth + b"0" + b"]" * depth
    assert json_bytes(objects) == b'{"a":' * depth + b"0" + b"}" * depth


@pytest.mark.parametrize("one", [1, NAN, {}, {"message": NAN}, [[0]]], ids=repr)
def test_the_largest_log_is_written_quickly(one: Any) -> None:
    content = json.loads(json.dumps([one] * (5 * 1024 * 1024 // (len(json.dumps(one)) + 1))))
    began = time.process_time()
    json_bytes(content)
    assert time.process_time() - began < 2.0
