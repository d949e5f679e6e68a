"""The digest of a tag, asked of the image registry itself (OCI distribution 1.1).

Container engines do not agree: podman has no endpoint for the question, names no digest after a
push, and its own digests of what it built differ from those of the registry, which gets other
bytes.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass

import httpx2

from smallscale_ci.containers.remedies import remedy
from smallscale_ci.errors import ContainerError

Login = tuple[str, str]  # user name, password
Credentials = Callable[[str], Login | None]  # login for a registry's host, if any

_TIMEOUT_S = 30.0
_HUB, _HUB_HOST = ("docker.io", "index.docker.io"), "registry-1.docker.io"
_MANIFESTS = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
_LOCAL = re.compile(
    r"(?:localhost|127(?:\.\d+){3}|\[::1\])(?::\d+)?$"
)  # without TLS, as engines do
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}$")
_FIELD = re.compile(r'(\w+)="([^"]*)"')
_CAUSES = {401: "unauthorized", 403: "denied", 404: "manifest unknown", 429: "toomanyrequests"}


class UnreachableError(ContainerError):
    """The registry did not answer at all; an engine on another machine may still reach it."""


@dataclass(frozen=True, slots=True)
class Reference:
    """``host/repository:tag``, complete."""

    host: str
    repository: str
    tag: str

    @classmethod
    def of(cls, text: str) -> Reference:
        """Parse ``text`` as engines do: without a host, it is on Docker Hub."""
        name, _, tag = text.rpartition(":")
        if not name or "/" in tag:
            name, tag = text, "latest"
        host, slash, rest = name.partition("/")
        if not slash or not ("." in host or ":" in host or host == "localhost"):
            host, rest = _HUB[0], name
        if host in _HUB:
            host, rest = _HUB_HOST, rest if "/" in rest else f"library/{rest}"
        return cls(host, rest, tag)

    @property
    def url(self) -> str:
        """Of the manifest."""
        scheme = "http" if _LOCAL.match(self.host) else "https"
        return f"{scheme}://{self.host}/v2/{self.repository}/manifests/{self.tag}"


def digest(reference: str, credentials: Credentials) -> str:
    """The current digest of the manifest, or manifest list, that ``reference`` points to.

    Raises ``UnreachableError`` if nothing answers, and ``ContainerError`` for any other failure.
    """
    meant = Reference.of(reference)
    what = f"{reference} cannot be resolved in its registry"
    login = credentials(meant.host)
    try:
        with httpx2.Client(timeout=_TIMEOUT_S, follow_redirects=True) as client:
            return _digest(client, meant, login, what)
    except httpx2.HTTPError as error:
        cause = str(error) or type(error).__name__
        raise UnreachableError(f"{what}: {cause}.", remedy("connection refused")) from error


def _digest(client: httpx2.Client, meant: Reference, login: Login | None, what: str) -> str:
    headers = {"Accept": _MANIFESTS}
    answer = client.head(meant.url, headers=headers)
    if answer.status_code == httpx2.codes.UNAUTHORIZED:
        headers["Authorization"] = _authorization(client, answer, meant, login, what)
        answer = client.head(meant.url, headers=headers)
    _refuse(answer, what)
    found = answer.headers.get("docker-content-digest", "")
    if not _DIGEST.match(found):  # a registry may leave it out
        body = client.get(meant.url, headers=headers)
        _refuse(body, what)
        found = f"sha256:{hashlib.sha256(body.content).hexdigest()}"
    return found


def _authorization(
    client: httpx2.Client, asked: httpx2.Response, meant: Reference, login: Login | None, what: str
) -> str:
    """The header that a registry asks for: the login itself, or a token in exchange for it."""
    kind, _, rest = asked.headers.get("www-authenticate", "").partition(" ")
    fields = dict(_FIELD.findall(rest))
    if kind.lower() == "basic" and login is not None:
        return f"Basic {b64encode(':'.join(login).encode()).decode()}"
    if kind.lower() != "bearer" or "realm" not in fields:
        _refuse(asked, what)
    realm = fields.pop("realm")
    if realm.startswith("http://") and not _LOCAL.match(httpx2.URL(realm).netloc.decode()):
        raise ContainerError(
            f"{what}: it asks for a login over plain HTTP ({realm}).",
            "Use a registry whose tokens are given over HTTPS.",
        )
    fields.setdefault("scope", f"repository:{meant.repository}:pull")
    token = client.get(realm, params=fields, auth=login)
    _refuse(token, what)
    try:
        value = token.json()
        return f"Bearer {value.get('token') or value['access_token']}"
    except (ValueError, KeyError, AttributeError) as error:
        raise ContainerError(f"{what}: it gave no token.", remedy("unauthorized")) from error


def _refuse(answer: httpx2.Response, what: str) -> None:
    if answer.is_success:
        return
    cause = _CAUSES.get(answer.status_code, f"status {answer.status_code}")
    raise ContainerError(f"{what}: {cause}.", remedy(cause))
