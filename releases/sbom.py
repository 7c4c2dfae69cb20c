"""Writes the software bill of materials of a layer that was built, in CycloneDX's format: `make build` calls it.

It is made of the metadata of the packages in the layer, and is the same for the same layer: it has no time, and its
serial number follows from its content.
"""

from __future__ import annotations

import json
import sys
import uuid
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component as Part
from cyclonedx.model.component import ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from releases.components import ROOT, Component, NotShippable, check, digests, of_layer
from releases.release import version_of

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_OID, "import-watch bill of materials")


def bill_of_materials(folder: Path) -> str:
    """Bill of materials of a layer, as JSON.

    Parameters
    ----------
    folder : Path
        The layer's folder `python`.

    Raises
    ------
    NotShippable
        If a package has no accepted licence.
    """
    components = of_layer(folder)
    check(components)
    version = version_of((ROOT / "template.yaml").read_text("utf-8"))
    own = Part(
        name="import-watch-layer",
        version=version,
        type=ComponentType.APPLICATION,
        bom_ref=f"import-watch-layer@{version}",
        licenses=[LicenseFactory().make_from_string("MIT")],
    )
    parts = {one.name: _part(one) for one in components}
    content = "\n".join(f"{one.name}=={one.version} {one.licence}" for one in components)
    bom = Bom(components=parts.values(), serial_number=uuid.uuid5(NAMESPACE, f"{version}\n{content}"))
    bom.metadata.component = own
    needed = {name for one in components for name in one.requires}
    # What no other package needs is what the product itself needs.
    bom.register_dependency(own, [part for name, part in parts.items() if name not in needed])
    for one in components:
        bom.register_dependency(parts[one.name], [parts[name] for name in one.requires if name in parts])
    written = json.loads(JsonV1Dot6(bom).output_as_string())
    del written["metadata"]["timestamp"]
    return json.dumps(written, indent=2, sort_keys=True) + "\n"


def _part(one: Component) -> Part:
    known = digests().get(one.name, ())
    return Part(
        name=one.name,
        version=one.version,
        type=ComponentType.LIBRARY,
        bom_ref=f"{one.name}@{one.version}",
        purl=PackageURL("pypi", name=one.name, version=one.version),
        licenses=[LicenseFactory().make_from_string(one.licence)],
        # Of the file that it is installed from; of several, which one is not known.
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=known[0])] if len(known) == 1 else [],
    )


if __name__ == "__main__":
    try:
        Path(sys.argv[2]).write_text(bill_of_materials(Path(sys.argv[1])), "utf-8")
    except NotShippable as error:
        sys.exit(f"The layer may not be shipped: {error}.")
    sys.stdout.write(f"Bill of materials: {sys.argv[2]}\n")
