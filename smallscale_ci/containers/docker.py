"""The container engine, through the ``docker`` package.

Docker, or podman through its docker-compatible socket. Everything that can go wrong is a
``ContainerError`` with a remedy.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import IO, Any

import docker
import requests

from smallscale_ci.containers import identity, podman, registry
from smallscale_ci.containers.client import numbers
from smallscale_ci.containers.faults import refuse, told
from smallscale_ci.containers.interface import About, Container, Ended, LocalImage
from smallscale_ci.containers.spec import Spec, api
from smallscale_ci.errors import ContainerError

_BUILD_LINES = 12  # lines shown of a build that failed


class DockerEngine:
    """See ``interface.Engine``."""

    def __init__(self, client: Any, patient: Any, socket: str) -> None:
        """Use ``connect``. ``patient`` has no timeout, for containers that print nothing."""
        self._clients, self._socket = (client, patient), socket
        self._api: Any = client.api
        self._patient: Any = patient.api
        self._about: About | None = None

    def about(self) -> About:
        """Version, size and abilities of the engine."""
        with told("The container engine does not describe itself"):
            version, info = self._api.version(), self._api.info()
        parts = [str(part.get("Name", "")) for part in version.get("Components") or ()]
        options = " ".join(map(str, info.get("SecurityOptions") or ()))
        devices = str(info.get("Runtimes") or "") + str(info.get("DiscoveredDevices") or "")
        return About(
            name="podman" if any("odman" in part for part in parts) else "docker",
            version=str(version.get("Version", "")),
            api=str(version.get("ApiVersion", "")),
            memory=int(info.get("MemTotal") or 0),
            cpus=int(info.get("NCPU") or 0),
            rootless="rootless" in options,
            nvidia="nvidia" in devices,
            socket=self._socket,
            remapped="name=userns" in options,
        )

    # -- images -----------------------------------------------------------------------------------

    def image(self, reference: str) -> LocalImage | None:
        """The image that is present under ``reference``, or ``None``."""
        with told(f"The image {reference} cannot be looked up"):
            try:
                value = self._api.inspect_image(reference)
            except docker.errors.NotFound:
                return None
        return LocalImage(
            id=value["Id"],
            digests=tuple(value.get("RepoDigests") or ()),
            tags=tuple(value.get("RepoTags") or ()),
            labels=(value.get("Config") or {}).get("Labels") or {},
            size=int(value.get("Size") or 0),
            content=identity.content(value),
        )

    def resolve(self, reference: str) -> str:
        """The digest that ``reference`` has in its registry now."""
        try:
            return registry.digest(reference, self._login)
        except registry.UnreachableError:
            if self._podman_version() is not None:
                raise  # it has no such endpoint
        with told(f"{reference} cannot be resolved in its registry"):
            value = self._api.inspect_distribution(reference)
        return str(value["Descriptor"]["digest"])

    def _login(self, host: str) -> registry.Login | None:
        """User name and password for the registry ``host``, as `docker login` stored them."""
        with suppress(docker.errors.DockerException):
            found = docker.auth.resolve_authconfig(docker.auth.load_config(), registry=host)
            if found and found.get("username"):
                return str(found["username"]), str(found.get("password") or "")
        return None

    def pull(self, reference: str, say: Callable[[str], None]) -> None:
        """Pull an image by digest, layer by layer."""
        what = f"{reference} cannot be pulled"
        done: set[str] = set()
        with told(what):
            for line in self._api.pull(reference, stream=True, decode=True):
                refuse(line, what)
                if line.get("status") == "Pull complete":
                    done.add(line.get("id", ""))
                    say(f"pulled layer {len(done)} ({line.get('id', '')})")

    def push(self, repository: str, tag: str) -> str:
        """Push ``repository:tag``; its digest in the registry."""
        what = f"{repository}:{tag} cannot be pushed"
        named = ""
        with told(what):
            # A registry may not respond for minutes while it takes in a large layer.
            for line in self._patient.push(repository, tag=tag, stream=True, decode=True):
                refuse(line, what)
                named = (line.get("aux") or {}).get("Digest") or named
        try:
            digest = self.resolve(f"{repository}:{tag}")
        except ContainerError:
            if not named:
                raise
            return named  # the registry cannot be reached from here
        if self.image(f"{repository}@{digest}") is None:
            # Podman repacks layers when it pushes them, and does not know the resulting digest.
            self.pull(f"{repository}@{digest}", lambda _: None)
        return digest

    def tag(self, image: str, repository: str, tag: str) -> None:
        """Give an image that is present another name."""
        with told(f"{image} cannot be named {repository}:{tag}"):
            self._api.tag(image, repository, tag, force=True)

    def build(
        self,
        context: IO[bytes],
        dockerfile: str,
        tagged: str,
        arguments: Mapping[str, str],
        *,
        network: str | None,
        say: Callable[[str], None],
    ) -> str:
        """Build a tar ``context``; the id of the image, which is also named ``tagged``."""
        what = f"{tagged} cannot be built"
        printed: deque[str] = deque(maxlen=_BUILD_LINES)
        with told(what):
            for line in self._api.build(
                fileobj=context,
                custom_context=True,
                dockerfile=dockerfile,
                tag=tagged,
                buildargs=dict(arguments),
                network_mode=network,
                rm=True,
                forcerm=True,
                decode=True,
            ):
                text = str(line.get("stream", "")).strip()
                if text.startswith("Step "):
                    say(" ".join(text.split())[:76])
                elif text and not text.startswith(("--->", "Removing intermediate")):
                    printed.append(text)
                if line.get("error"):
                    say("\n".join(printed))
                    refuse(line, what)
        found = self.image(tagged)
        if found is None:
            raise ContainerError(f"{what}: the engine reported no image.", "Build it again.")
        return found.id

    # -- containers -------------------------------------------------------------------------------

    def create(self, spec: Spec) -> str:
        """Create a container, not started; its id. Never pulls an image."""
        body = api(spec)
        if (version := self._podman_version()) is not None:
            config = body["HostConfig"]
            limits = config["Ulimits"]
            limits += podman.more_limits({limit["Name"] for limit in limits})
            config["DeviceRequests"] = podman.device_requests(config["DeviceRequests"], version)
        with told(f"The container {spec.name} cannot be created"):
            created = self._api.create_container_from_config(body, spec.name)
        return str(created["Id"])

    def _podman_version(self) -> tuple[int, ...] | None:
        """The version of podman; ``None``: it is docker."""
        if self._about is None:
            self._about = self.about()
        return numbers(self._about.version) if self._about.name == "podman" else None

    def start(self, container: str) -> None:
        """Start a container that was created."""
        with told("The container cannot be started"):
            self._api.start(container)

    def inspect(self, container: str) -> dict[str, Any]:
        """All that the engine knows of a container."""
        with told("The container cannot be inspected"):
            return dict(self._api.inspect_container(container))

    def follow(self, container: str, sink: Callable[[bytes], object]) -> Ended:
        """Give what a container prints to ``sink`` until it ends; how it ended."""
        with told("The container cannot be followed"):
            # Podman sends nothing, not even a header, before the container prints something.
            for chunk in self._patient.logs(
                container, stdout=True, stderr=True, stream=True, follow=True
            ):
                sink(chunk)
            try:
                # An engine closes the log of a frozen container early.
                self._patient.wait(container)
                return self._ended(container)
            except docker.errors.NotFound:  # somebody removed it, which kills it too
                return Ended(137, out_of_memory=False, error="removed")

    def wait(self, container: str, seconds: float) -> Ended | None:
        """How a container ended; ``None`` if it still runs after ``seconds``."""
        with told("The container cannot be waited for"):
            try:
                self._api.wait(container, timeout=seconds)
            except (requests.Timeout, requests.ConnectionError) as error:
                if "timed out" not in str(error):
                    raise
                return None
            return self._ended(container)

    def _ended(self, container: str) -> Ended:
        state = self._api.inspect_container(container)["State"]
        began, ended = (datetime.fromisoformat(state[key]) for key in ("StartedAt", "FinishedAt"))
        return Ended(
            code=int(state["ExitCode"]),
            out_of_memory=bool(state.get("OOMKilled")),
            error=state.get("Error") or "",
            seconds=(ended - began).total_seconds(),
        )

    def signal(self, container: str, name: str) -> None:
        """Send a signal; a container that ended already is left alone."""
        with told("The container cannot be signalled"), suppress(docker.errors.APIError):
            self._api.kill(container, signal=name)

    def remove(self, container: str) -> None:
        """End and remove a container and its anonymous volumes, if it is still there."""
        with told("The container cannot be removed"):
            try:
                self._api.remove_container(container, v=True, force=True)
            except docker.errors.NotFound:
                return
            except docker.errors.APIError as error:
                if "already in progress" not in str(error):
                    raise

    def labelled(self, **labels: str | None) -> list[Container]:
        """All containers with these labels (``None``: with any value), running or not."""
        wanted = [key if value is None else f"{key}={value}" for key, value in labels.items()]
        with told("The containers cannot be listed"):
            found = self._api.containers(all=True, filters={"label": wanted})
        return [
            Container(
                id=item["Id"],
                name=(item.get("Names") or ["?"])[0].lstrip("/"),
                labels=item.get("Labels") or {},
                running=item.get("State") in {"running", "paused", "restarting"},
            )
            for item in found
        ]

    def close(self) -> None:
        """Close the connection."""
        for client in self._clients:
            client.close()
