"""Reports known vulnerabilities of the pinned packages; reports too where the registry has no data about them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PIP_AUDIT = ROOT / ".venv" / "checks" / "bin" / "pip-audit"
SECONDS = 300
LEFT_OUT = "left out"


def main(*, fail_if_unknown: bool) -> int:
    """Audit every lock file; return the exit status.

    Parameters
    ----------
    fail_if_unknown : bool
        Whether a lock file without any data is a failure.
    """
    locks = [*ROOT.glob("locks/*.txt"), *filter(_ours, ROOT.glob("*/**/requirements.txt"))]
    results = {lock: of_python(_report_of_python(lock)) for lock in sorted(locks)}
    for lock in sorted(ROOT.glob("**/package-lock.json")):
        if _ours(lock):
            results[lock] = of_node(_report_of_node(lock))
    for lock, result in results.items():
        sys.stdout.write(f"{lock.relative_to(ROOT)}: {result or 'no known vulnerability'}\n")
    bad = [result for result in results.values() if result and (fail_if_unknown or not result.startswith(LEFT_OUT))]
    return 1 if bad else 0


def of_python(report: Mapping[str, Any]) -> str:
    """Findings of pip-audit's report; empty where there are none."""
    found = [
        f"{package['name']} {package['version']}: {vulnerability['id']}"
        for package in report["dependencies"]
        for vulnerability in package.get("vulns", [])
    ]
    unknown = [package["name"] for package in report["dependencies"] if "skip_reason" in package]
    if found:
        return ", ".join(found)
    return f"{LEFT_OUT}, because the registry has no data about {len(unknown)} packages" if unknown else ""


def of_node(report: Mapping[str, Any]) -> str:
    """Findings of npm's report; empty where there are none."""
    if "vulnerabilities" not in report:
        return f"{LEFT_OUT}, because the registry has no data"
    return ", ".join(f"{name}: {one['severity']}" for name, one in report["vulnerabilities"].items())


def _ours(path: Path) -> bool:
    return not {".venv", "node_modules", ".aws-sam", ".local"} & set(path.relative_to(ROOT).parts)


def _report_of_python(lock: Path) -> dict[str, Any]:
    # Pinned and hashed, so nothing is resolved or installed.
    command = [PIP_AUDIT, "--disable-pip", "--require-hashes", "--progress-spinner", "off", "--format", "json"]
    return _report([*map(str, command), "--requirement", str(lock)], lock.parent)


def _report_of_node(lock: Path) -> dict[str, Any]:
    npm = shutil.which("npm")
    return _report([npm, "audit", "--json"], lock.parent) if npm else {}


def _report(command: list[str], folder: Path) -> dict[str, Any]:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False)
    try:
        found: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise SystemExit(f"{command[0]} failed:\n{done.stderr}") from None
    return found


if __name__ == "__main__":
    sys.exit(main(fail_if_unknown="--fail-if-unknown" in sys.argv))
