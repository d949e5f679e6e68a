"""A container engine that keeps images and containers in memory: DOCKER_HOST=memory:NAME.

It handles names, digests, labels, logs, signals and exits as an engine does, but isolates
nothing: a container's program is a Python function, which runs in a thread. For tests of code that
uses the interface, and for trying an image pipeline on a machine without an engine.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from functools import cache
from typing import IO, Any

from smallscale_ci.containers.box import EXITED, RUNNING, Box, Inside, Program, is_over, nothing
from smallscale_ci.containers.interface import About, Container, Ended, LocalImage
from smallscale_ci.containers.spec import Spec
from smallscale_ci.errors import ContainerError

SCHEME = "memory:"
_SIGNALS = {"SIGTERM": 143, "SIGKILL": 137, "SIGINT": 130}


class MemoryEngine:
    """See ``interface.Engine``. Every container runs ``program``; ``registry`` may be filled."""

    def __init__(
        self,
        name: str = "",
        program: Program = nothing,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.program = program
        self.registry: dict[str, str] = {}  # repository:tag → digest
        self.described = About(
            name="docker",
            version="29.0.0",
            api="1.52",
            memory=16 << 30,
            cpus=4,
            rootless=False,
            nvidia=False,
            socket=f"{SCHEME}{name}",
        )
        self._clock = clock
        self._images: dict[str, LocalImage] = {}  # by id
        self._boxes: dict[str, Box] = {}
        self._changed = threading.Condition()

    def about(self) -> About:
        """See ``interface.Engine``."""
        return self.described

    # -- images -----------------------------------------------------------------------------------

    def add(self, tagged: str, content: bytes = b"", **labels: str) -> LocalImage:
        """Add an image that was built elsewhere under its name; its id is that of ``content``."""
        digest = _digest(content or tagged.encode())
        image = LocalImage(digest, (), (tagged,), labels, len(content), digest)
        with self._changed:
            self._images[digest] = image
        return image

    def image(self, reference: str) -> LocalImage | None:
        """See ``interface.Engine``."""
        with self._changed:
            for image in self._images.values():
                if reference in {image.id, *image.tags, *image.digests}:
                    return image
        return None

    def resolve(self, reference: str) -> str:
        """See ``interface.Engine``."""
        if reference not in self.registry:
            raise ContainerError(
                f"{reference} cannot be resolved in its registry: not found.",
                "Check its name and tag.",
            )
        return self.registry[reference]

    def pull(self, reference: str, say: Callable[[str], None]) -> None:
        """See ``interface.Engine``."""
        repository, _, digest = reference.partition("@")
        held = {(name.rpartition(":")[0], value) for name, value in self.registry.items()}
        if (repository, digest) not in held:
            raise ContainerError(
                f"{reference} cannot be pulled: not found.", "Check its name and digest."
            )
        say("pulled layer 1 (memory)")
        with self._changed:
            self._images[digest] = LocalImage(digest, (reference,), (), {}, 0)

    def push(self, repository: str, tag: str) -> str:
        """See ``interface.Engine``."""
        image = self._present(f"{repository}:{tag}")
        reference = f"{repository}@{image.id}"
        with self._changed:
            self.registry[f"{repository}:{tag}"] = image.id
            self._images[image.id] = replace(image, digests=(*image.digests, reference))
        return image.id

    def tag(self, image: str, repository: str, tag: str) -> None:
        """See ``interface.Engine``."""
        meant, name = self._present(image), f"{repository}:{tag}"
        with self._changed:
            for key, other in self._images.items():  # a name refers to one image
                self._images[key] = replace(other, tags=tuple(t for t in other.tags if t != name))
            kept = self._images[meant.id]
            self._images[meant.id] = replace(kept, tags=(*kept.tags, name))

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
        """See ``interface.Engine``. Nothing is run: the id is that of context and arguments."""
        del network
        say(f"Step 1/1 : {dockerfile}")
        content = context.read() + json.dumps(dict(arguments), sort_keys=True).encode()
        built = _digest(content)
        with self._changed:
            self._images.setdefault(built, LocalImage(built, (), (), {}, len(content), built))
        self.tag(built, *_name_and_tag(tagged))
        return built

    # -- containers -------------------------------------------------------------------------------

    def create(self, spec: Spec) -> str:
        """See ``interface.Engine``."""
        self._present(spec.image)
        with self._changed:
            if any(box.spec.name == spec.name for box in self._boxes.values()):
                raise ContainerError(
                    f"The container {spec.name} cannot be created: the name is in use.",
                    "Remove the other one.",
                )
            box = Box(_digest(f"{spec.name} {len(self._boxes)}".encode())[7:], spec)
            self._boxes[box.id] = box
        return box.id

    def start(self, container: str) -> None:
        """See ``interface.Engine``."""
        box = self._box(container)
        with self._changed:
            box.status, box.began = RUNNING, self._clock()
        threading.Thread(target=self._run, args=(box,), daemon=True).start()

    def inspect(self, container: str) -> dict[str, Any]:
        """See ``interface.Engine``: the words of docker for what is known here."""
        box = self._box(container)
        state = {"Status": box.status, "ExitCode": box.code}
        return {"Id": box.id, "Name": f"/{box.spec.name}", "State": state, "Spec": asdict(box.spec)}

    def follow(self, container: str, sink: Callable[[bytes], object]) -> Ended:
        """See ``interface.Engine``."""
        box = self._box(container)
        given = 0
        while new := self._printed_after(box, given):
            for chunk in new:
                sink(chunk)
            given += len(new)
        return self._ended(box)

    def wait(self, container: str, seconds: float) -> Ended | None:
        """See ``interface.Engine``."""
        box = self._box(container)
        with self._changed:
            over = self._changed.wait_for(lambda: is_over(box), seconds)
        return self._ended(box) if over else None

    def signal(self, container: str, name: str) -> None:
        """See ``interface.Engine``."""
        box = self._boxes.get(container)
        if box is not None:
            self._end(box, _SIGNALS.get(name, 137))

    def remove(self, container: str) -> None:
        """See ``interface.Engine``."""
        box = self._boxes.get(container)
        if box is not None:
            box.gone = not is_over(box)
            self._end(box, 137)
            with self._changed:
                self._boxes.pop(container, None)
                self._changed.notify_all()

    def labelled(self, **labels: str | None) -> list[Container]:
        """See ``interface.Engine``."""
        with self._changed:
            boxes = [*self._boxes.values()]
        return [
            Container(box.id, box.spec.name, box.spec.labels, box.status == RUNNING)
            for box in boxes
            if all(
                key in box.spec.labels and value in {None, box.spec.labels[key]}
                for key, value in labels.items()
            )
        ]

    def close(self) -> None:
        """See ``interface.Engine``. What is in memory stays."""

    def _printed_after(self, box: Box, given: int) -> list[bytes]:
        """What was printed after ``given`` chunks, waited for; nothing at its end."""
        with self._changed:
            self._changed.wait_for(lambda: len(box.printed) > given or is_over(box))
            return box.printed[given:]

    def _run(self, box: Box) -> None:
        def write(chunk: bytes) -> None:
            with self._changed:
                box.printed.append(chunk)
                self._changed.notify_all()

        try:
            code = self.program(Inside(box.spec, write, box.stop))
        except Exception as error:  # noqa: BLE001 - as a program that fails: its engine goes on
            write(f"{type(error).__name__}: {error}\n".encode())
            code = 1
        self._end(box, code)

    def _end(self, box: Box, code: int) -> None:
        """The first end counts."""
        with self._changed:
            if box.status == RUNNING:
                box.seconds = self._clock() - box.began
            if not is_over(box):
                box.status, box.code = EXITED, code
            box.stop.set()
            self._changed.notify_all()

    @staticmethod
    def _ended(box: Box) -> Ended:
        if box.gone:
            return Ended(137, out_of_memory=False, error="removed")
        return Ended(box.code, out_of_memory=False, error="", seconds=box.seconds)

    def _present(self, reference: str) -> LocalImage:
        found = self.image(reference)
        if found is None:
            raise ContainerError(
                f"There is no image {reference}.", "Pull or build it: smallscale image."
            )
        return found

    def _box(self, container: str) -> Box:
        if container not in self._boxes:
            raise ContainerError(
                f"There is no container {container}.", "It was removed: start the run again."
            )
        return self._boxes[container]


@cache
def engine(name: str) -> MemoryEngine:
    """The engine called ``name`` of this process."""
    return MemoryEngine(name)


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _name_and_tag(tagged: str) -> tuple[str, str]:
    repository, _, tag = tagged.rpartition(":")
    return repository, tag
