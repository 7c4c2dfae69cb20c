"""Asks for known vulnerabilities of what the lock files pin; says so, where the registry at hand tells of none."""

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


def main(*, must_be_told: bool) -> int:
    """Ask about every lock file; give the exit status.

    Parameters
    ----------
    must_be_told : bool
        Whether a lock file that nothing could be learned of is a fault.
    """
    locks = [*ROOT.glob("locks/*.txt"), *filter(_ours, ROOT.glob("*/**/requirements.txt"))]
    verdicts = {lock: of_python(_asked_python(lock)) for lock in sorted(locks)}
    for lock in sorted(ROOT.glob("**/package-lock.json")):
        if _ours(lock):
            verdicts[lock] = of_node(_asked_node(lock))
    for lock, verdict in verdicts.items():
        sys.stdout.write(f"{lock.relative_to(ROOT)}: {verdict or 'no known vulnerability'}\n")
    bad = [verdict for verdict in verdicts.values() if verdict and (must_be_told or not verdict.startswith(LEFT_OUT))]
    return 1 if bad else 0


def of_python(report: Mapping[str, Any]) -> str:
    """Give what pip-audit's report says; nothing where all is well."""
    found = [
        f"{package['name']} {package['version']}: {vulnerability['id']}"
        for package in report["dependencies"]
        for vulnerability in package.get("vulns", [])
    ]
    unknown = [package["name"] for package in report["dependencies"] if "skip_reason" in package]
    if found:
        return ", ".join(found)
    return f"{LEFT_OUT}, because the registry does not tell of {len(unknown)} packages" if unknown else ""


def of_node(report: Mapping[str, Any]) -> str:
    """Give what npm's report says; nothing where all is well."""
    if "vulnerabilities" not in report:
        return f"{LEFT_OUT}, because the registry does not tell"
    return ", ".join(f"{name}: {one['severity']}" for name, one in report["vulnerabilities"].items())


def _ours(path: Path) -> bool:
    return not {".venv", "node_modules", ".aws-sam", ".local"} & set(path.relative_to(ROOT).parts)


def _asked_python(lock: Path) -> dict[str, Any]:
    # Pinned and hashed, so nothing is resolved or installed.
    command = [PIP_AUDIT, "--disable-pip", "--require-hashes", "--progress-spinner", "off", "--format", "json"]
    return _report([*map(str, command), "--requirement", str(lock)], lock.parent)


def _asked_node(lock: Path) -> dict[str, Any]:
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
    sys.exit(main(must_be_told="--must-be-told" in sys.argv))
