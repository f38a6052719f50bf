"""Write down what a plain cluster serves, from the development control plane's own discovery.

    .venv/bin/python tools/record_kubernetes.py

`trimtab render` answers a chart's questions (`.Capabilities`) from this file where no cluster is at hand.
Run it again when the control plane moves to another Kubernetes version.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path

from trimtab.cli.devcluster import start_devcluster
from trimtab.cluster.client import Client
from trimtab.cluster.connection import load_kubeconfig
from trimtab.cluster.discovery import Discovery

TARGET = Path(__file__).resolve().parents[1] / "src" / "trimtab" / "sync" / "kubernetes.json"


async def discovered(kubeconfig: Path) -> dict[str, object]:
    """The version, and for each kind at each version whether it is namespaced."""
    async with Client(load_kubeconfig(kubeconfig)) as client:
        discovery = Discovery(client)
        await discovery.refresh()
        kinds = {f"{resource.api_version}/{resource.kind}": resource.namespaced for resource in discovery.resources()}
        return {"version": discovery.kube_version, "kinds": dict(sorted(kinds.items()))}


def main() -> None:
    """Start a control plane, ask it, write the file."""
    with tempfile.TemporaryDirectory() as folder, start_devcluster(Path(folder)) as cluster:
        found = asyncio.run(discovered(cluster.kubeconfig))
    TARGET.write_text(json.dumps(found, indent=0) + "\n")
    print(f"{TARGET.name}: {found['version']}")


if __name__ == "__main__":
    main()
