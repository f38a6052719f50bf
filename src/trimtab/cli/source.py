"""The flags that say how a folder is rendered, shared by `render`, `plan` and `apply`."""

from __future__ import annotations

import shlex
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Group, Parameter

from trimtab.api.application import Directory, Helm, Jsonnet
from trimtab.core.errors import InputError
from trimtab.render.request import Parameters
from trimtab.sync.folder import Folder, open_folder

HELM, JSONNET, PLAIN = Group("Helm", sort_key=1), Group("Jsonnet", sort_key=2), Group("Plain manifests", sort_key=3)

Many = list[str]


@dataclass(frozen=True, kw_only=True)
class SourceFlags:
    """How the folder is rendered."""

    name: Annotated[str, Parameter(help="The application's name, and the Helm release's. Default: the folder's name.")] = ""
    namespace: Annotated[str, Parameter(name=["--namespace", "-n"], help="For objects that name none. Default: the context's.")] = ""
    kind: Annotated[
        Literal["Auto", "Plain", "Kustomize", "Helm", "Jsonnet"], Parameter(help="How it is rendered. Auto looks into the folder.")
    ] = "Auto"
    values: Annotated[
        list[Path], Parameter(name=["--values", "-f"], group=HELM, negative="", help="A values file, anywhere on disk; repeatable.")
    ] = field(default_factory=list)
    set: Annotated[Many, Parameter(group=HELM, negative="", help="A value, as `a.b=1,c[0]=x`; repeatable.")] = field(default_factory=list)
    set_string: Annotated[Many, Parameter(group=HELM, negative="", help="The same, always as text.")] = field(default_factory=list)
    kube_version: Annotated[str, Parameter(group=HELM, help="What `.Capabilities.KubeVersion` says.")] = ""
    api_versions: Annotated[Many, Parameter(group=HELM, negative="", help="API versions that `.Capabilities` has besides; repeatable.")] = (
        field(default_factory=list)
    )
    include_crds: Annotated[bool, Parameter(group=HELM, help="Whether the chart's crds/ folder is rendered.")] = True
    ext_str: Annotated[Many, Parameter(group=JSONNET, negative="", help="NAME=TEXT, an external variable.")] = field(default_factory=list)
    ext_code: Annotated[Many, Parameter(group=JSONNET, negative="", help="NAME=CODE.")] = field(default_factory=list)
    tla_str: Annotated[Many, Parameter(group=JSONNET, negative="", help="NAME=TEXT, a top-level argument.")] = field(default_factory=list)
    tla_code: Annotated[Many, Parameter(group=JSONNET, negative="", help="NAME=CODE.")] = field(default_factory=list)
    jpath: Annotated[
        Many, Parameter(name=["--jpath", "-J"], group=JSONNET, negative="", help="A library folder, from the entry file's.")
    ] = field(default_factory=list)
    recurse: Annotated[bool, Parameter(group=PLAIN, negative="", help="Read subfolders, too.")] = False
    include: Annotated[str, Parameter(group=PLAIN, help="Only files that match this glob.")] = ""
    exclude: Annotated[str, Parameter(group=PLAIN, help="No files that match this glob.")] = ""


def folder_of(path: Path, flags: SourceFlags) -> Folder:
    """The folder as the flags describe it. Raises InputError when they are for two renderers, or for another than `--kind`."""
    given = {name: block for name, block in _blocks(flags).items() if block is not None}
    if len(given) > 1:
        raise InputError(f"The flags are for {' and '.join(given)}; one renderer renders a folder.")
    renderer = next(iter(given), "Auto")
    if flags.kind not in {"Auto", renderer} and renderer != "Auto":
        raise InputError(f"The flags are for {renderer}, but --kind is {flags.kind}.")
    field_name = {"Plain": "directory"}.get(renderer, renderer.lower())
    block = {field_name: given[renderer]} if given else {}
    return open_folder(path, flags.name, kind=flags.kind if flags.kind != "Auto" else renderer, **block)


def _blocks(flags: SourceFlags) -> dict[str, Any]:
    """The parameters of each renderer; None where no flag of its was given."""
    helm = flags.values or flags.set or flags.set_string or not flags.include_crds
    jsonnet = flags.ext_str or flags.ext_code or flags.tla_str or flags.tla_code or flags.jpath
    plain = flags.recurse or flags.include or flags.exclude
    return {
        "Helm": Helm(crds="Include" if flags.include_crds else "Skip") if helm else None,
        "Jsonnet": _jsonnet(flags) if jsonnet else None,
        "Plain": Directory(flags.recurse, flags.include, flags.exclude) if plain else None,
    }


def _jsonnet(flags: SourceFlags) -> Jsonnet:
    return Jsonnet(
        ext_str=_pairs("--ext-str", flags.ext_str),
        ext_code=_pairs("--ext-code", flags.ext_code),
        tla_str=_pairs("--tla-str", flags.tla_str),
        tla_code=_pairs("--tla-code", flags.tla_code),
        library_paths=flags.jpath,
    )


def _pairs(flag: str, given: Many) -> dict[str, str]:
    """NAME=VALUE, each."""
    pairs = [text.partition("=") for text in given]
    wrong = next((name for name, sign, _ in pairs if not (name and sign)), None)
    if wrong is not None:
        raise InputError(f"{flag} takes NAME=VALUE, found {wrong!r}.")
    return {name: held for name, _, held in pairs}


def given_parameters(flags: SourceFlags) -> Parameters:
    """What no Application can say: values files from anywhere and the `--set` family, as the render protocol has them."""
    files = [{"name": str(path), "content": _content(path)} for path in flags.values]
    given: dict[str, Any] = {"valuesFrom": files, "set": flags.set, "setString": flags.set_string}
    return {name: held for name, held in given.items() if held}


def _content(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: the values file cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: the values file is not UTF-8 text.") from error


def typed(*flags: Any) -> str:
    """Flags as one has to type them again, with a space before each; nothing for those that are at their defaults."""
    return "".join(f" {word}" for group in flags for field in fields(group) for word in _words(field, getattr(group, field.name)))


def _words(flag: Field[Any], held: Any) -> list[str]:
    if not held and flag.default is not True:
        return []
    name = flag.name.replace("_", "-")
    match held:
        case bool():
            return [f"--{'' if held else 'no-'}{name}"] if held is not flag.default else []
        case list():
            return [word for one in held for word in (f"--{name}", shlex.quote(str(one)))]
        case _:
            return [f"--{name}", shlex.quote(str(held))] if held != flag.default else []
