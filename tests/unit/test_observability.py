"""What a function says of itself: a metric is one line of the embedded metric format."""

from __future__ import annotations

import json

import pytest
from import_watch.observability import count


def test_an_occurrence_is_counted_by_vendor(capsys: pytest.CaptureFixture[str]) -> None:
    count("UnrecognisedStatus", "voyado")
    told = json.loads(capsys.readouterr().out)
    (metrics,) = told["_aws"]["CloudWatchMetrics"]
    assert (metrics["Namespace"], [one["Name"] for one in metrics["Metrics"]]) == (
        "ImportWatch",
        ["UnrecognisedStatus"],
    )
    assert "vendor" in metrics["Dimensions"][0]
    assert (told["vendor"], told["UnrecognisedStatus"]) == ("voyado", [1.0])
