"""Git trees in memory, and the requests and pools that tests render them with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from trimtab.render.pool import Pool
from trimtab.render.request import Capabilities, Kind, Limits, Release, RenderRequest
from trimtab.render.result import Rendered

SEED = bytes(range(32))
NOW = "2026-01-02T03:04:05Z"
CAPABILITIES = Capabilities.of("1.35.0", ["v1", "apps/v1", "apps/v1/Deployment", "batch/v1", "networking.k8s.io/v1"])


class Link(Struct, frozen=True):
    """A symbolic link."""

    target: str


Content = bytes | str | Link
Files = Mapping[str, Content]


class Objects:
    """An object source in memory; counts what it was asked for."""

    def __init__(self) -> None:
        self._objects: dict[str, tuple[str, bytes]] = {}
        self.asked: list[str] = []

    async def read_many(self, oids: Sequence[str]) -> list[tuple[str, bytes] | None]:
        """The objects, None for those not there."""
        self.asked += oids
        return [self._objects.get(oid) for oid in oids]

    def put(self, kind: str, content: bytes) -> str:
        """Store one object; its id."""
        oid = hashlib.sha1(f"{kind} {len(content)}\0".encode() + content, usedforsecurity=False).hexdigest()
        self._objects[oid] = (kind, content)
        return oid

    def forget(self, oid: str) -> None:
        """Lose an object."""
        del self._objects[oid]

    def tree(self, files: Files) -> str:
        """Store a tree of files by path; its id."""
        folders: dict[str, dict[str, Content]] = {}
        entries: list[tuple[str, str, str]] = []
        for path, content in files.items():
            head, _, rest = path.partition("/")
            if rest:
                folders.setdefault(head, {})[rest] = content
            else:
                entries.append(("120000" if isinstance(content, Link) else "100644", head, self.put("blob", raw(content))))
        entries += [("40000", name, self.tree(inside)) for name, inside in folders.items()]
        return self.entries(entries)

    def entries(self, entries: Sequence[tuple[str, str, str]]) -> str:
        """Store a tree of (mode, name, oid), in Git's order and otherwise as it is, however wrong; its id."""
        ordered = sorted(entries, key=lambda entry: (entry[1] + "/" * (entry[0] == "40000")).encode())
        return self.put("tree", b"".join(f"{mode} {name}\0".encode() + bytes.fromhex(oid) for mode, name, oid in ordered))


def raw(content: Content) -> bytes:
    """The bytes of a file."""
    match content:
        case bytes():
            return content
        case Link():
            return content.target.encode()
        case _:
            return content.encode()


def ask(
    tree: str,
    path: str = "app",
    *,
    kind: Kind = "Auto",
    parameters: Mapping[str, Any] | None = None,
    limits: Limits | None = None,
    name: str = "demo",
) -> RenderRequest:
    """A request for a folder of a tree."""
    return RenderRequest(
        tree=tree,
        path=path,
        kind=kind,
        parameters=dict(parameters or {}),
        release=Release(name, "space"),
        capabilities=CAPABILITIES,
        seed=SEED,
        now=NOW,
        limits=limits or Limits(),
    )


async def render(pool: Pool, files: Files, path: str = "app", *, who: str = "team/demo", **asked: Any) -> Rendered:
    """Render a folder of files with `pool`."""
    objects = Objects()
    return await pool.render(ask(objects.tree(files), path, **asked), objects, who=who)


def bodies(result: Rendered) -> list[Any]:
    """The objects as data."""
    return [msgspec.json.decode(one.body) for one in result.objects]


def from_disk(root: Path) -> Iterator[tuple[str, Content]]:
    """A folder's files by path, links as links."""
    for path in root.rglob("*"):
        name = str(path.relative_to(root))
        if path.is_symlink():
            yield name, Link(str(path.readlink()))
        elif path.is_file():
            yield name, path.read_bytes()


def config_map(name: str = "settings", value: str = "yes") -> str:
    """A small manifest."""
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  key: '{value}'\n"


def chart(templates: Mapping[str, str], *, values: str = "", more: Files | None = None, name: str = "app") -> dict[str, Content]:
    """A Helm chart's files in the folder `name`."""
    return {
        f"{name}/Chart.yaml": f"apiVersion: v2\nname: {name}\nversion: 1.0.0\n",
        f"{name}/values.yaml": values,
        **{f"{name}/templates/{file}": content for file, content in templates.items()},
        **{f"{name}/{file}": content for file, content in (more or {}).items()},
    }


def holding(value: str, name: str = "settings") -> str:
    """A template that holds the outcome of a template expression as a string."""
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  key: {{{{ {value} | quote }}}}\n"


ENDLESS = chart({"a.yaml": "{{ range until 100000 }}{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}{{ end }}"})
"""A chart whose template does not end."""
