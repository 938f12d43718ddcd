"""Where models are published in the tests: one face for every kind of registry."""

import json
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from tests.hub_registry import NAMESPACE, TOKEN, HubRegistryServer

from tunesmith.server.publishing.embedded import EmbeddedRegistry
from tunesmith.server.publishing.hub import HubRegistry
from tunesmith.server.publishing.registry import README, Edition, Registry, Version
from tunesmith.storage.files import Files

JOB = UUID(int=7)
VERSION = Version("net", f"train_{JOB}_3")


class Shelf(Protocol):
    """A registry, and what lies in it as others see it."""

    def open(self) -> Registry:
        """The registry, as a server opens it."""
        ...

    def content(self) -> dict[str, dict[str, bytes]]:
        """The files of each published version, by `<name>/<label>` and name."""
        ...

    def damage(self, name: str) -> None:
        """Let the registry keep other bytes of the next files called so than it is given."""
        ...


@dataclass
class Embedded:
    """`published/` in the workspace."""

    workspace: Files

    def open(self) -> Registry:
        return EmbeddedRegistry(self.workspace)

    def content(self) -> dict[str, dict[str, bytes]]:
        found: dict[str, dict[str, bytes]] = {}
        for info in self.workspace.list("published"):
            _, name, label, file = info.key.split("/", 3)
            found.setdefault(f"{name}/{label}", {})[file] = self.workspace.read(info.key)
        return {place: files for place, files in found.items() if "card.json" in files}

    def damage(self, name: str) -> None:
        honest = self.workspace.copy

        def copy(source: str, target: str) -> None:
            honest(source, target)
            if target.endswith(f"/{name}"):
                self.workspace.delete(target)
                self.workspace.write(target, b"damaged")

        self.workspace.copy = copy  # type: ignore[method-assign]


@dataclass
class OnHub:
    """A hub."""

    server: HubRegistryServer

    @property
    def settings(self) -> dict[str, Any]:
        """What a server needs to publish there."""
        return {
            "registry": "huggingface",
            "registry_url": self.server.url,
            "registry_namespace": NAMESPACE,
            "registry_token": TOKEN,
        }

    def open(self) -> Registry:
        return HubRegistry(self.server.url, NAMESPACE, TOKEN)

    def content(self) -> dict[str, dict[str, bytes]]:
        return {
            f"{repo.partition('/')[2]}/{branch}": {
                path: blob.content for path, blob in files.items() if path != ".gitattributes"
            }
            for repo, found in self.server.repos.items()
            for branch in found.branches
            if "card.json" in (files := found.files(branch) or {})
        }

    def damage(self, name: str) -> None:
        self.server.damages.add(name)


def card_of(files: dict[str, bytes]) -> dict[str, Any]:
    """The facts of a version."""
    card: dict[str, Any] = json.loads(files["card.json"])
    return card


def edition_of(workspace: Files, models: dict[str, int], **card: Any) -> Edition:
    """What is to be published: files of results/j there, which are made, so large, where they are not."""
    found = {info.key: info for info in workspace.list("results/j")}
    for name, size in models.items():
        if f"results/j/{name}" not in found:
            workspace.write(f"results/j/{name}", bytes(range(256)) * (size // 256))
    found = {info.key.removeprefix("results/j/"): info for info in workspace.list("results/j")}
    documents = {README: b"---\ntags:\n- tunesmith\n---\n", "metrics.json": b"{}", "spec.yaml": b"{}\n"}
    return Edition(workspace, {name: found[name] for name in models}, documents, {"name": "net", **card})
