"""Finds the checkout of the project, which some commands need, and the folder of the vendors' adapters."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from import_watch_cli.errors import CommandError

if TYPE_CHECKING:
    from import_watch.services.vendor_registry import VendorRegistry

PACKAGE = Path(__file__).resolve().parent
STATE_VARIABLE = "IMPORT_WATCH_STATE"
"""Names another folder than `.local` for the state of the local stack."""


def own_checkout() -> Path | None:
    """Checkout that this package is part of; None where it is installed as a package."""
    root = PACKAGE.parents[1]
    return root if _is_checkout(root) else None


def checkout() -> Path | None:
    """Checkout that this package is part of, else the one around the working directory."""
    here = Path.cwd()
    return own_checkout() or next((folder for folder in (here, *here.parents) if _is_checkout(folder)), None)


def require_checkout(command: str) -> Path:
    """Checkout that this package is part of.

    Parameters
    ----------
    command : str
        The command that needs it.

    Raises
    ------
    CommandError
        If there is none.
    """
    root = own_checkout()
    if root is not None:
        return root
    found = checkout()
    where = f": in {found}" if found else " of Import Watch: clone the repository, and there"
    raise CommandError(f"`import-watch {command}` needs a checkout{where} run `make {command}`.")


def stack_file() -> Path | None:
    """File that describes the local stack; None where there is none."""
    state = os.environ.get(STATE_VARIABLE)
    if state:
        folders = [Path(state)]
    else:
        root, here = own_checkout(), Path.cwd()
        folders = [folder / ".local" for folder in (*([root] if root else ()), here, *here.parents)]
    return next((path for folder in folders if (path := folder / "stack.json").is_file()), None)


def vendor_registry() -> VendorRegistry:
    """The vendors whose adapters are part of this installation."""
    from import_watch.services.vendor_registry import VendorRegistry

    folder = PACKAGE / "functions"
    if not folder.is_dir():
        folder = PACKAGE.parents[1] / "functions"
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    return VendorRegistry(folder)


def _is_checkout(folder: Path) -> bool:
    return all((folder / part).exists() for part in ("template.yaml", "local/stack.py", "layers/import_watch"))
