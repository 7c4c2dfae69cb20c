"""Installs one of the lists into a virtual environment, which it makes first: `install.py .venv locks/demo.txt`.

uv does so in a fraction of pip's time, but reads none of pip's configuration: it is handed the indexes, certificates,
proxy and so on that pip is configured with. Where uv cannot be had or fails, pip installs the list.

It runs before anything is installed, so it needs the standard library alone.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parents[1]
UV_HOME = ROOT / ".venv"
UV_LIST = ROOT / "locks" / "uv.txt"
SECTIONS = ("global", "install", ":env:")
"""Where pip looks for the options of `pip install`; a later one counts."""
SETTING = re.compile(r"(?P<section>global|install|:env:)\.(?P<option>[\w-]+)=(?P<value>['\"].*['\"])")
SAME_OPTION = {"default-timeout": "timeout", "pypi-url": "index-url"}
VARIABLES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "keyring-provider": "UV_KEYRING_PROVIDER",
    "client-cert": "SSL_CLIENT_CERT",
    "timeout": "UV_HTTP_TIMEOUT",
    "retries": "UV_HTTP_RETRIES",
}
"""pip's options, and uv's variables that mean the same."""
SEPARATORS = {"find-links": ","}
FURTHER_SOURCES = frozenset({"extra-index-url", "find-links"})
CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "UV_SYSTEM_CERTS", "UV_NATIVE_TLS")
CREDENTIALS = re.compile(r"(?<=://)[^/\s@'\"]+@")
CONFIGURED_CREDENTIALS = re.compile(r"(?:(?<=://)|(?<!\S))([^/\s@:]+):?([^/\s@]*)@")
CAUSE = re.compile(r"(?:error:|Caused by:|╰─▶)\s*(\S.*)", re.IGNORECASE)


class NotInstalled(Exception):
    """A command that installs has failed; the message is what it printed, without credentials."""


def main(venv: Path, requirements: Path) -> int:
    """Install a list; the exit status.

    Parameters
    ----------
    venv : Path
        The virtual environment.
    requirements : Path
        The list, with hashes.
    """
    report(f"Installing {requirements} into {venv} (once) …")
    try:
        for folder in (UV_HOME, venv):
            # pip comes last: without it an environment is not whole.
            if not (folder / "bin" / "pip").exists():
                subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        settings = pip_settings(python_of(venv))
        try:
            install_with_uv(venv, requirements, settings)
        except NotInstalled as error:
            report(f"uv could not install it ({cause_in(str(error))}), so pip does, which takes longer …")
            install_with_pip(venv, requirements, settings)
    except NotInstalled as error:
        report(str(error))
        return 1
    except subprocess.CalledProcessError as error:
        report(f"{error} {error.stderr or ''}")
        return 1
    return 0


def install_with_uv(venv: Path, requirements: Path, settings: Mapping[str, str]) -> None:
    """Install a list with uv, which is installed first where it is missing.

    Raises
    ------
    NotInstalled
        If it cannot be had, or fails.
    """
    uv = provide_uv(settings)
    for attempt in attempts(settings):
        options = ["--python", str(python_of(venv)), *uv_flags(attempt), *options_for(requirements)]
        try:
            run([str(uv), "pip", "install", *options], settings, os.environ | uv_variables(attempt, os.environ))
        except NotInstalled as error:
            failure = error
        else:
            return
    raise failure


def install_with_pip(venv: Path, requirements: Path, settings: Mapping[str, str], *options: str) -> None:
    """Install a list with the pip of a virtual environment, which reads its configuration itself.

    Parameters
    ----------
    venv, requirements
        As in `main`.
    settings : mapping of str to str
        Of pip.
    options : str
        Further ones.

    Raises
    ------
    NotInstalled
        If it fails.
    """
    command = [str(python_of(venv)), "-m", "pip", "install", "--disable-pip-version-check"]
    run([*command, *options, *options_for(requirements)], settings, os.environ)


def provide_uv(settings: Mapping[str, str]) -> Path:
    """Install uv, in the version that is pinned, unless it is there; its path.

    Raises
    ------
    NotInstalled
        If pip cannot install it, or it does not run here.
    """
    uv = UV_HOME / "bin" / "uv"
    pin = re.search(r"^uv==([^\s;\\]+)", UV_LIST.read_text("utf-8"), re.MULTILINE)
    if pin is None:
        raise NotInstalled(f"error: {UV_LIST} does not pin uv")
    if version_of(uv) != pin[1]:
        # Not from source: to compile it takes longer than pip does for all lists.
        install_with_pip(UV_HOME, UV_LIST, settings, "--only-binary", ":all:")
    if version_of(uv) != pin[1]:
        raise NotInstalled(f"error: {uv} does not run")
    return uv


def version_of(uv: Path) -> str:
    """Version of the uv at a path; empty where there is none that runs."""
    try:
        printed = subprocess.run([uv, "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return ""
    found = re.match(r"uv (\S+)", printed)
    return found[1] if found else ""


def pip_settings(python: Path | str) -> dict[str, str]:
    """Options of `pip install` that the environment and the configuration files set.

    Parameters
    ----------
    python : Path or str
        The interpreter whose pip is used.
    """
    listed = subprocess.run([python, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True).stdout
    found = [one for one in map(SETTING.fullmatch, listed.splitlines()) if one]
    found.sort(key=lambda one: SECTIONS.index(one["section"]))
    return {SAME_OPTION.get(one["option"], one["option"]): str(ast.literal_eval(one["value"])) for one in found}


def attempts(settings: Mapping[str, str]) -> list[dict[str, str]]:
    """List the settings of pip to try uv with, one after the other.

    pip takes a file with the right hash from wherever it is. uv takes a version from one index, the further ones first,
    and fails if that has other files of it; so the index is tried alone before.
    """
    alone = {name: value for name, value in settings.items() if name not in FURTHER_SOURCES}
    return [dict(settings)] if len(alone) == len(settings) or uv_flags(settings) else [alone, dict(settings)]


def uv_variables(settings: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """Variables that have uv do as pip is configured to; what is set for uv itself is left as it is.

    Parameters
    ----------
    settings : mapping of str to str
        Of pip.
    environment : mapping of str to str
        In which uv will run.
    """
    found = {
        variable: SEPARATORS.get(option, " ").join(settings[option].split())
        for option, variable in VARIABLES.items()
        if option in settings
    }
    if "UV_INDEX_URL" in environment:  # the older name of UV_DEFAULT_INDEX
        found.pop("UV_DEFAULT_INDEX", None)
    # Every index is searched, as by pip: the hashes identify the right file.
    found["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    found = {name: value for name, value in found.items() if name not in environment}
    # pip, too, puts these variables before its own option.
    certificates = environment.get("REQUESTS_CA_BUNDLE") or environment.get("CURL_CA_BUNDLE") or settings.get("cert")
    if certificates:
        found["SSL_CERT_DIR" if Path(certificates).is_dir() else "SSL_CERT_FILE"] = certificates
    elif not any(name in environment for name in CERTIFICATE_VARIABLES):
        found["UV_SYSTEM_CERTS"] = "true"
    if "proxy" in settings:
        proxy = settings["proxy"] if "://" in settings["proxy"] else f"http://{settings['proxy']}"
        found |= dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), proxy)
    return found


def uv_flags(settings: Mapping[str, str]) -> list[str]:
    """Options for uv that no variable stands for."""
    return ["--no-index"] if settings.get("no-index", "").lower() in {"1", "true", "yes", "on", "y", "t"} else []


def options_for(requirements: Path) -> list[str]:
    """Options, of pip and uv alike, that install a list: it holds all that its packages need."""
    return ["--quiet", "--no-deps", "--require-hashes", "--requirement", str(requirements)]


def python_of(venv: Path) -> Path:
    """Path of the interpreter of a virtual environment."""
    return venv / "bin" / "python"


def run(command: list[str], settings: Mapping[str, str], environment: Mapping[str, str]) -> None:
    """Run a command; what it prints is kept back unless it fails.

    Raises
    ------
    NotInstalled
        If it fails.
    """
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode != 0:
        raise NotInstalled(without_credentials(done.stdout, settings.values()))


def without_credentials(text: str, values: Iterable[str]) -> str:
    """Text without the user names and passwords of its URLs, and without the passwords of pip's settings.

    Parameters
    ----------
    text : str
        What a command printed.
    values : iterable of str
        pip's settings.
    """
    text = CREDENTIALS.sub("****@", text)
    for user, password in CONFIGURED_CREDENTIALS.findall(" ".join(values)):
        secret = password or user
        for spelling in (secret, unquote(secret)):
            text = text.replace(spelling, "****")
    return text


def cause_in(text: str) -> str:
    """Name the cause that a failed command printed last."""
    return str((CAUSE.findall(text) or [text.strip().partition("\n")[0]])[-1])


def report(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if sys.version_info < (3, 11):  # noqa: UP036 - it is run by whatever Python there is
        sys.exit("Python 3.11 or later is needed; set PYTHON=…")
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
