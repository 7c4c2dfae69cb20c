"""Installing a list in a company network: from its own index, behind TLS that only pip is configured to trust."""

from __future__ import annotations

import base64
import datetime
import hashlib
import io
import ipaddress
import os
import re
import shutil
import ssl
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from local.paths import ROOT
from locks import install
from tests.loopback_server import Exchange, Server, respond_with, servers

UV = ROOT / ".venv" / "bin" / "uv"
USER, PASSWORD = "reader", "p%40ss-word"
SECONDS = 120
OTHERS = ("PIP_", "UV_", "SSL_", "AWS_")
PROXIES = {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"}
BUNDLES = {"REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}


def write_authority(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """Write the certificate of an authority of our own; it, and what a server needs that it has signed for."""
    now = datetime.datetime.now(datetime.UTC)
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    subjects = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in ("Authority", "127.0.0.1")]
    certificates = [
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subjects[0])
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=key is keys[0], path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(keys[0], hashes.SHA256())
        for subject, key in zip(subjects, keys, strict=True)
    ]
    authority, chain = folder / "authority.pem", folder / "server.pem"
    pem = serialization.Encoding.PEM
    authority.write_bytes(certificates[0].public_bytes(pem))
    key_bytes = keys[1].private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    chain.write_bytes(certificates[1].public_bytes(pem) + key_bytes)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return authority, context


def wheel_of(name: str) -> tuple[str, bytes]:
    """The file name and the content of a wheel with one module."""
    written = io.BytesIO()
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": "",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(written, "w") as archive:
        for path, text in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(path, text)
    return f"{name}-1.0-py3-none-any.whl", written.getvalue()


@dataclass
class Index:
    """Two package indexes on one server, `/simple` and `/further`, for those who have the password."""

    server: Server
    authority: Path
    files: dict[str, bytes] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.server.url.replace("://", f"://{USER}:{PASSWORD}@")

    def publish(self, name: str, index: str = "simple") -> str:
        """Publish a package; its line for a list."""
        file, content = wheel_of(name)
        digest = hashlib.sha256(content).hexdigest()
        self.files[f"/files/{file}"] = content
        self.files[f"/{index}/{name}/"] = f'<a href="/files/{file}#sha256={digest}">{file}</a>'.encode()
        return f"{name}==1.0 --hash=sha256:{digest}\n"

    def respond(self, exchange: Exchange) -> None:
        path, headers = exchange.request_seen.path, exchange.request_seen.headers
        login = base64.b64encode(f"{USER}:p@ss-word".encode()).decode()
        if headers.get("authorization") != f"Basic {login}":
            exchange.response(401, b"", WWW_Authenticate='Basic realm="packages"')
        elif path not in self.files:
            exchange.response(404)
        else:
            exchange.response(200, self.files[path], Content_Type="text/html" if path.endswith("/") else "binary/zip")


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    authority, context = write_authority(tmp_path_factory.mktemp("authority"))
    with servers() as serve:
        server = serve(respond_with(404), context)
        found = Index(server, authority)
        server.behave = found.respond
        yield found


@dataclass(frozen=True)
class Project:
    """A copy of what installs, with a virtual environment of its own.

    Parameters
    ----------
    folder : Path
    environment : dict
        In which it is run: nothing of this machine's configuration of pip and uv.
    """

    folder: Path
    environment: dict[str, str]

    @property
    def venv(self) -> Path:
        return self.folder / ".venv"

    def install(self, entry: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Install a list of one entry."""
        (self.folder / "locks" / "some.txt").write_text(entry)
        command = [sys.executable, "locks/install.py", ".venv", "locks/some.txt"]
        done = self.run(command, **environment)
        assert "ss-word" not in done.stdout
        return done

    def run(self, command: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def installer_of(self, name: str) -> str:
        """What has installed a package; empty where it is not installed."""
        found = list(self.venv.glob(f"lib/python*/site-packages/{name}-1.0.dist-info/INSTALLER"))
        return found[0].read_text().strip() if found else ""


@pytest.fixture(scope="module")
def made_project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("project")
    (folder / "locks").mkdir()
    for name in ("install.py", "uv.txt"):
        shutil.copy(ROOT / "locks" / name, folder / "locks" / name)
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(OTHERS) and name.upper() not in PROXIES | BUNDLES
    }
    environment |= {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "UV_CACHE_DIR": str(folder / "cache")}
    subprocess.run([sys.executable, "-m", "venv", folder / ".venv"], check=True, timeout=SECONDS)
    return Project(folder, environment)


@pytest.fixture
def project(made_project: Project) -> Iterator[Project]:
    """The project without uv."""
    yield made_project
    (made_project.venv / "bin" / "uv").unlink(missing_ok=True)


@pytest.fixture
def with_uv(project: Project) -> Project:
    """The project with the real uv."""
    if not UV.exists():
        pytest.skip("uv is not installed here: pip has installed what these tests need")
    (project.venv / "bin" / "uv").symlink_to(UV)
    return project


def configure(project: Project, **settings: str) -> dict[str, str]:
    """Write pip's configuration; the variable that leads to it."""
    path = project.folder / "pip.conf"
    lines = [f"{name.replace('_', '-')} = {value}" for name, value in settings.items()]
    path.write_text("\n".join(["[global]", "retries = 0", *lines, ""]))
    return {"PIP_CONFIG_FILE": str(path)}


def test_uv_is_handed_the_index_and_the_certificate_of_pip(with_uv: Project, index: Index) -> None:
    entry = index.publish("handed")
    configured = configure(with_uv, index_url=f"{index.url}/simple", cert=str(index.authority))
    done = with_uv.install(entry, **configured)
    assert (done.returncode, with_uv.installer_of("handed")) == (0, "uv"), done.stdout
    # It is the handing over that does it: uv itself does not trust the index.
    (with_uv.folder / "locks" / "again.txt").write_text(index.publish("refused"))
    command = [str(UV), "pip", "install", "--python", str(install.python_of(with_uv.venv)), "-r", "locks/again.txt"]
    bare = with_uv.run(command, UV_DEFAULT_INDEX=f"{index.url}/simple", UV_HTTP_RETRIES="0")
    assert bare.returncode != 0
    assert "certificate" in bare.stdout


@pytest.mark.parametrize("variable", ["PIP_CERT", "REQUESTS_CA_BUNDLE"])
def test_uv_is_handed_what_pip_has_from_the_environment(with_uv: Project, index: Index, variable: str) -> None:
    name = variable.lower().replace("_", "")
    settings = {"PIP_INDEX_URL": f"{index.url}/simple", variable: str(index.authority)}
    done = with_uv.install(index.publish(name), **settings)
    assert (done.returncode, with_uv.installer_of(name)) == (0, "uv"), done.stdout


def test_an_extra_index_is_used_for_what_the_index_lacks(with_uv: Project, index: Index) -> None:
    entry = index.publish("further", "further")
    urls = {"index_url": f"{index.url}/simple", "extra_index_url": f"{index.url}/further"}
    done = with_uv.install(entry, **configure(with_uv, cert=str(index.authority), **urls))
    assert (done.returncode, with_uv.installer_of("further")) == (0, "uv"), done.stdout


def test_pip_installs_where_uv_fails(project: Project, index: Index) -> None:
    pin = re.search(r"^uv==(\S+)", (ROOT / "locks" / "uv.txt").read_text(), re.MULTILINE)
    assert pin is not None
    fake = project.venv / "bin" / "uv"
    failure = f"error: {index.url}/simple did not respond"
    fake.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo "uv {pin[1]}" && exit\necho "{failure}" >&2\nexit 2\n')
    fake.chmod(0o755)
    entry = index.publish("fallback")
    configured = configure(project, index_url=f"{index.url}/simple", cert=str(index.authority))
    done = project.install(entry, **configured)
    assert (done.returncode, project.installer_of("fallback")) == (0, "pip"), done.stdout
    assert "did not respond), so pip does" in done.stdout


def test_pip_installs_where_uv_cannot_be_had(project: Project, index: Index) -> None:
    entry = index.publish("unavailable")
    configured = configure(project, index_url=f"{index.url}/simple", cert=str(index.authority))
    done = project.install(entry, **configured)
    assert (done.returncode, project.installer_of("unavailable")) == (0, "pip"), done.stdout
    assert "uv could not install it" in done.stdout


def test_a_file_with_another_hash_is_refused_by_both(with_uv: Project, index: Index) -> None:
    entry = re.sub(r"sha256:....", "sha256:0000", index.publish("tampered"))
    configured = configure(with_uv, index_url=f"{index.url}/simple", cert=str(index.authority))
    done = with_uv.install(entry, **configured)
    assert (done.returncode, with_uv.installer_of("tampered")) == (1, "")
    assert "uv could not install it" in done.stdout
    assert "DO NOT MATCH THE HASHES" in done.stdout


def test_a_missing_list_fails_without_naming_the_password(with_uv: Project, index: Index) -> None:
    entry = f"nowhere==1.0 --hash=sha256:{'0' * 64}\n"
    configured = configure(with_uv, index_url=f"{index.url}/simple", cert=str(index.authority))
    done = with_uv.install(entry, **configured)
    assert done.returncode == 1
    assert "nowhere" in done.stdout


def test_the_settings_are_read_from_pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    file = tmp_path / "pip.conf"
    file.write_text("[global]\nindex-url = https://a.invalid\ncert = a.pem\nretries = 1\n[install]\nretries = 2\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(file))
    monkeypatch.setenv("PIP_CERT", "b.pem")
    monkeypatch.setenv("PIP_DEFAULT_TIMEOUT", "7")
    found = install.pip_settings(sys.executable)
    expected = {"index-url": "https://a.invalid", "cert": "b.pem", "retries": "2", "timeout": "7"}
    assert expected.items() <= found.items()


@pytest.mark.parametrize(
    ("settings", "environment", "expected"),
    [
        ({"index-url": "https://a"}, {}, {"UV_DEFAULT_INDEX": "https://a", "UV_SYSTEM_CERTS": "true"}),
        ({"index-url": "https://a"}, {"UV_INDEX_URL": "https://b", "SSL_CERT_FILE": "c"}, {}),
        ({"index-url": "https://a"}, {"UV_DEFAULT_INDEX": "https://b", "UV_SYSTEM_CERTS": "false"}, {}),
        (
            {"extra-index-url": "\nhttps://a\nhttps://b", "find-links": "c d", "cert": "e.pem"},
            {"SSL_CERT_FILE": "f.pem"},
            {"UV_INDEX": "https://a https://b", "UV_FIND_LINKS": "c,d", "SSL_CERT_FILE": "e.pem"},
        ),
        (
            {"trusted-host": "a b:8443", "client-cert": "c.pem", "timeout": "7", "cert": "/"},
            {},
            {
                "UV_INSECURE_HOST": "a b:8443",
                "SSL_CLIENT_CERT": "c.pem",
                "UV_HTTP_TIMEOUT": "7",
                "SSL_CERT_DIR": "/",
            },
        ),
        ({"cert": "a.pem"}, {"CURL_CA_BUNDLE": "b.pem"}, {"SSL_CERT_FILE": "b.pem"}),
        (
            {"proxy": "user:password@a:3128", "cert": "b.pem"},
            {"HTTPS_PROXY": "http://c"},
            {
                "SSL_CERT_FILE": "b.pem",
                **dict.fromkeys(
                    ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://user:password@a:3128"
                ),
            },
        ),
    ],
)
def test_settings_of_pip_become_variables_of_uv(
    settings: Mapping[str, str], environment: Mapping[str, str], expected: Mapping[str, str]
) -> None:
    assert install.uv_variables(settings, environment) == {"UV_INDEX_STRATEGY": "unsafe-best-match", **expected}


def test_the_index_is_tried_alone_before_further_sources() -> None:
    settings = {"index-url": "https://a", "find-links": "b"}
    assert install.attempts(settings) == [{"index-url": "https://a"}, settings]
    assert install.attempts({"index-url": "https://a"}) == [{"index-url": "https://a"}]
    offline = {"no-index": "true", "find-links": "b"}
    assert install.attempts(offline) == [offline]
    assert install.uv_flags(offline) == ["--no-index"]


def test_credentials_are_removed_however_they_are_written() -> None:
    values = ["https://user:p%40ss@a.invalid/simple", "https://t0ken@b.invalid", "user2:s3cret@c.invalid:3128"]
    text = "https://user:p%40ss@a.invalid/x, p@ss, https://t0ken@b.invalid, t0ken, s3cret at https://d.invalid"
    cleaned = install.without_credentials(text, values)
    assert cleaned == "https://****@a.invalid/x, ****, https://****@b.invalid, ****, **** at https://d.invalid"


def test_the_cause_is_the_last_that_is_named() -> None:
    text = "error: Failed to fetch\n  Caused by: request failed\n  Caused by: UnknownIssuer\n"
    assert install.cause_in(text) == "UnknownIssuer"
    assert install.cause_in("one\ntwo\n") == "one"
