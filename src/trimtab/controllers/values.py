"""Values that stand in ConfigMaps and Secrets of the Application's namespace."""

from __future__ import annotations

import base64

from trimtab.api.application import ValuesFrom
from trimtab.cluster import objects
from trimtab.cluster.client import Client
from trimtab.cluster.errors import NotFoundError
from trimtab.cluster.resources import Resource
from trimtab.core.errors import InputError
from trimtab.sync.keeper import SECRETS
from trimtab.sync.produce import KeyOf

CONFIG_MAPS = Resource("", "v1", "ConfigMap", "configmaps", namespaced=True)


def key_reader(client: Client, namespace: str) -> KeyOf:
    """A function that reads one key's content."""

    async def read(wanted: ValuesFrom) -> str:
        ref = wanted.secret_key_ref or wanted.config_map_key_ref
        if ref is None:
            raise InputError("valuesFrom names neither a file, nor a ConfigMap, nor a Secret.")
        resource = SECRETS if wanted.secret_key_ref is not None else CONFIG_MAPS
        try:
            found = await objects.get_json(client, resource, namespace, ref.name)
        except NotFoundError as error:
            if ref.optional:
                return ""
            raise InputError(f"{resource.kind} {namespace}/{ref.name}, which valuesFrom names, does not exist.") from error
        text = (found.get("data") or {}).get(ref.key)
        if text is None and not ref.optional:
            raise InputError(f"{resource.kind} {namespace}/{ref.name} has no key {ref.key}.")
        return base64.b64decode(text).decode(errors="replace") if text and resource is SECRETS else text or ""

    return read
