"""What the audit of the lock files makes of the reports that it gets."""

from __future__ import annotations

from tests.static.audit_locks import LEFT_OUT, of_node, of_python

SOUND = {"name": "requests", "version": "2.34.2", "vulns": []}


def test_nothing_known() -> None:
    assert of_python({"dependencies": [SOUND]}) == ""
    assert of_node({"vulnerabilities": {}}) == ""


def test_a_vulnerability_is_named() -> None:
    bad = {"name": "urllib3", "version": "1.0", "vulns": [{"id": "PYSEC-2020-1"}]}
    unknown = {"name": "idna", "skip_reason": "not found"}
    assert of_python({"dependencies": [SOUND, unknown, bad]}) == "urllib3 1.0: PYSEC-2020-1"
    assert of_node({"vulnerabilities": {"ajv": {"severity": "high"}}}) == "ajv: high"


def test_a_missing_report_of_the_registry_is_no_good_result() -> None:
    report = {"dependencies": [SOUND, {"name": "idna", "skip_reason": "not found"}]}
    assert of_python(report).startswith(LEFT_OUT)
    assert of_node({"message": "405 Method Not Allowed"}).startswith(LEFT_OUT)
