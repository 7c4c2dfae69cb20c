"""CloudFormation makes one change of a table's indexes in an update, so no update that is allowed needs two."""

from __future__ import annotations

import zipfile
from itertools import combinations, pairwise
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from local.paths import ROOT, TEMPLATE
from releases.release import version_of
from releases.update_check import DeployedStack, NotUpdatable, check_update
from releases.versions import Version, released_bundles


def templates() -> dict[Version, str]:
    """Template of every release, and of this checkout."""
    found = {}
    for version, path in released_bundles(ROOT).items():
        with zipfile.ZipFile(path) as bundle:
            found[version] = bundle.read(TEMPLATE.name).decode()
    template = TEMPLATE.read_text()
    return {**found, Version.parse(version_of(template)): template}


def indexes(template: str) -> dict[str, Any]:
    """Definitions of the table's own key and of its indexes, by name, as far as an index cannot change them."""
    table = yaml_parse(template)["Resources"]["WatchTable"]["Properties"]
    types = {one["AttributeName"]: one["AttributeType"] for one in table["AttributeDefinitions"]}
    found = {"": table, **{index["IndexName"]: index for index in table["GlobalSecondaryIndexes"]}}
    assert "LocalSecondaryIndexes" not in table, "they cannot be changed at all"
    return {
        name: (
            [(key["AttributeName"], key["KeyType"], types[key["AttributeName"]]) for key in one["KeySchema"]],
            one.get("Projection"),
        )
        for name, one in found.items()
    }


TEMPLATES = templates()


def is_allowed(deployed: Version, version: Version) -> bool:
    try:
        check_update(DeployedStack("stack", "UPDATE_COMPLETE", str(deployed)), version, TEMPLATES)
    except NotUpdatable:
        return False
    return True


@pytest.mark.parametrize(
    ("deployed", "version"), [pair for pair in combinations(sorted(TEMPLATES), 2) if is_allowed(*pair)], ids=str
)
def test_an_update_creates_or_deletes_at_most_one_index(deployed: Version, version: Version) -> None:
    before, after = indexes(TEMPLATES[deployed]), indexes(TEMPLATES[version])
    assert len(before.keys() ^ after.keys()) <= 1
    kept = before.keys() & after.keys()
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}


def test_every_release_can_be_updated_to_the_next_one() -> None:
    versions = sorted(TEMPLATES)
    assert [str(version) for version in versions[:2]] == ["0.1.0", "0.2.0"]
    assert all(is_allowed(*pair) for pair in pairwise(versions))
