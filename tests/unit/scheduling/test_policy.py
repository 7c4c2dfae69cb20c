"""Reading a policy: what makes no sense is refused by name."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from import_watch import settings
from import_watch.scheduling.interval import DEFAULT_POLICY, PRESETS, Policy, next_wait
from import_watch.scheduling.policy import parse_policies, parse_policy


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("default", DEFAULT_POLICY),
        ({}, DEFAULT_POLICY),
        ({"floor": 10}, Policy(floor=10)),
        ({"floor": 10, "ratio": 0.2, "ceiling": 300}, Policy(floor=10, ratio=0.2, ceiling=300)),
        ({"preset": "default", "ratio": 0.5}, Policy(ratio=0.5)),
        ({"preset": "", "floor": "10", "ratio": " 0.2\n", "ceiling": None}, Policy(floor=10, ratio=0.2)),
        ({"preset": None, "floor": ""}, DEFAULT_POLICY),
        ('{"floor": 10, "ratio": "0.2"}', Policy(floor=10, ratio=0.2)),
        (" default\n", DEFAULT_POLICY),
        ("floor=10, ratio=0.2", Policy(floor=10, ratio=0.2)),
        *((name, policy) for name, policy in PRESETS.items()),
    ],
)
def test_a_policy_is_a_preset_or_its_parameters_or_both(raw: Any, expected: Policy) -> None:
    assert parse_policy(raw) == expected


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        ("often", "policy.preset must be one of default"),
        (5, "policy must be the name of a preset or an object"),
        (["default"], "policy must be the name"),
        ({"floor": 0}, "policy.floor must be a number from 1 to 3600"),
        ({"floor": "10s"}, "policy.floor must be a number"),
        ({"floor": "0"}, "policy.floor must be a number from 1 to 3600"),
        ({"Floor": 10}, "policy.Floor is not one of preset, floor, ratio, ceiling"),
        ("{", "policy is a text that begins as JSON and is none"),
        ('{"a":' * 100_000, "policy is a text that begins as JSON and is none"),
        ('{"floor": 0}', "policy.floor must be a number from 1 to 3600"),
        ("floor=ten", "policy.floor must be a number"),
        ({"floor": True}, "policy.floor must be a number"),
        ({"floor": float("nan")}, "policy.floor must be a number"),
        ({"ratio": 2}, "policy.ratio must be a number from 0.01 to 1"),
        ({"ceiling": 90_000}, "policy.ceiling must be a number from 1 to 86400"),
        ({"floor": 120}, "policy.ceiling must not be less than policy.floor"),
        ({"flor": 10}, "policy.flor is not one of preset, floor, ratio, ceiling"),
        ({"preset": ["default"]}, "policy.preset must be one of"),
    ],
)
def test_an_invalid_parameter_is_refused_by_name(raw: Any, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        parse_policy(raw)


def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(ValueError, match=r"policy.floor .*; policy.ratio "):
        parse_policy({"floor": -1, "ratio": 0})


@given(
    raw=st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda more: st.lists(more) | st.dictionaries(st.text(), more),
    )
)
def test_any_other_value_is_refused_with_a_value_error(raw: Any) -> None:
    with suppress(ValueError):
        assert next_wait(100, policy=parse_policy(raw)) >= 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("egain: default", {"egain": DEFAULT_POLICY}),
        ("egain:floor=10,ratio=0.2", {"egain": Policy(floor=10, ratio=0.2)}),
        ('egain: {"floor": "10"}', {"egain": Policy(floor=10)}),
        ("egain:", {"egain": DEFAULT_POLICY}),
        (
            "egain: default; voyado: floor=10, ceiling=120",
            {"egain": DEFAULT_POLICY, "voyado": Policy(floor=10, ceiling=120)},
        ),
    ],
)
def test_the_parameter_names_policies_by_vendor(text: str, expected: dict[str, Policy]) -> None:
    assert parse_policies(text) == expected


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("default", "<vendor>: <policy>"),
        ("egain: default; egain: default", "each vendor once"),
        ("egain: floor=ten", "egain: policy.floor must be a number"),
        ("egain: often", "egain: policy.preset"),
    ],
)
def test_an_invalid_template_parameter_is_refused(text: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        parse_policies(text)


def test_a_function_gets_the_policy_of_its_vendor() -> None:
    environment = {"POLLING_POLICIES": "voyado: floor=10"}
    assert settings.policy("voyado", environment) == Policy(floor=10)
    assert settings.policy("egain", environment) == DEFAULT_POLICY
    assert settings.policy("egain", {}) == DEFAULT_POLICY


def test_an_invalid_policy_is_logged_and_the_default_is_used(
    caplog: pytest.LogCaptureFixture,
) -> None:
    environment = {"POLLING_POLICIES": "egain: frugle; voyado: floor=10"}
    assert settings.policy("egain", environment) == settings.policy("voyado", environment) == DEFAULT_POLICY
    assert "egain: policy.preset must be one of" in str(caplog.records[0].__dict__)


@pytest.mark.parametrize(
    ("text", "unknown"), [("egian: frugal; voyado: floor=10", ["egian"]), ("egain: frugal", None), ("", None)]
)
def test_a_policy_of_an_unknown_vendor_is_logged(
    text: str, unknown: list[str] | None, caplog: pytest.LogCaptureFixture
) -> None:
    settings.log_unknown_policies(("egain", "voyado"), {"POLLING_POLICIES": text})
    assert [record.__dict__["unknown"] for record in caplog.records] == ([unknown] if unknown else [])
