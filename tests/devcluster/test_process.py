"""The process: its one line, its data folder, its end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from tests.devcluster.rawapi import PODS, RawApi, StatusError, pod, ready
from tests.support.devcluster import start_devcluster

from trimtab.cli.devcluster import devcluster_binary
from trimtab.core.errors import UnavailableError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.devcluster import DevCluster

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"


def _run(*arguments: str) -> tuple[int, list[str]]:
    """Run the program to its end: exit code and lines of standard output."""
    done = subprocess.run([devcluster_binary(), *arguments], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout.splitlines()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_ready_line_says_what_is_needed(cluster: DevCluster, api: RawApi) -> None:
    """Server on loopback, kubeconfig, version, nodes, seconds, pid; and the server is what it says."""
    said = cluster.ready
    assert said.server.startswith("https://127.0.0.1:")
    assert said.kubeconfig == str(cluster.data_dir / "kubeconfig")
    assert (said.version, said.nodes, said.pid) == ("v1.34.4", 1, cluster.pid)
    assert 0 < said.seconds < 60
    assert api.get("/version")["gitVersion"] == "v1.34.4"


def test_it_is_usable_when_it_says_ready(api: RawApi) -> None:
    """The default service account is there and every node is Ready and free of taints."""
    assert api.get("/api/v1/namespaces/default/serviceaccounts/default")
    nodes = api.get("/api/v1/nodes")["items"]
    assert [node["metadata"]["name"] for node in nodes] == ["node-1"]
    assert all(ready(node) and not node["spec"].get("taints") for node in nodes)


def test_the_audit_log_tells_user_agents(cluster: DevCluster, api: RawApi) -> None:
    """With --audit-log each request is a line of JSON with verb, user agent and code."""
    with pytest.raises(StatusError):
        api.get(f"{CONFIG_MAPS}/not-there")
    lines = [json.loads(line) for line in (cluster.data_dir / "audit.jsonl").read_text(encoding="utf-8").splitlines()]
    mine = [line for line in lines if line["userAgent"] == "devcluster-tests" and line["requestURI"].endswith("not-there")]
    assert [(line["verb"], line["responseStatus"]["code"], line["level"]) for line in mine] == [("get", 404, "Metadata")]


def test_a_folder_in_use_is_refused(cluster: DevCluster) -> None:
    """A second process on the same data says so, names the first, and leaves it alone."""
    code, (line,) = _run(f"--data-dir={cluster.data_dir}")
    said = json.loads(line)
    assert (code, said["ready"]) == (1, False)
    assert f"is in use by devcluster process {cluster.pid}" in said["error"]
    assert cluster.running


def test_another_instance_runs_beside(cluster: DevCluster, tmp_path: Path, api: RawApi) -> None:
    """Two instances share nothing: ports, objects, keys."""
    with start_devcluster(tmp_path, nodes=3) as other:
        beside = RawApi(other.kubeconfig)
        beside.create(CONFIG_MAPS, {"metadata": {"name": "only-here"}})
        assert len(beside.get("/api/v1/nodes")["items"]) == 3
        with pytest.raises(StatusError, match="404"):
            api.get(f"{CONFIG_MAPS}/only-here")
        assert other.server != cluster.server


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "--data-dir is missing: name a folder for the cluster's state"),
        (["--data-dir=x", "--nodes=-1"], "--nodes is -1, it must be 0 or more"),
        (["--data-dir=x", "more"], 'unexpected argument "more": devcluster takes flags alone, see --help'),
        (["--data-dir=x", "--no-such-flag"], "unknown flag: --no-such-flag"),
    ],
)
def test_wrong_flags_are_one_clear_sentence(arguments: list[str], sentence: str) -> None:
    """A mistake on the command line is one line of JSON and exit code 1."""
    code, (line,) = _run(*arguments)
    assert (code, json.loads(line)) == (1, {"ready": False, "error": sentence})


def test_a_flag_that_the_api_server_refuses_is_told(tmp_path: Path) -> None:
    """--apiserver-arg reaches the API server; one that it does not know ends the start, with a sentence, in the starter too."""
    with pytest.raises(UnavailableError, match="kube-apiserver does not take its flags: unknown flag: --no-such-flag"):
        start_devcluster(tmp_path, extra=["--apiserver-arg=--no-such-flag=1"])


def test_a_port_in_use_is_told(cluster: DevCluster, tmp_path: Path) -> None:
    """A taken port ends the start at once, with the port in the sentence."""
    port = cluster.server.rpartition(":")[2]
    code, (line,) = _run(f"--data-dir={tmp_path}", f"--port={port}")
    assert code == 1
    assert f"port {port} on 127.0.0.1 cannot be used" in json.loads(line)["error"]


def test_too_little_time_is_told(tmp_path: Path) -> None:
    """--start-timeout ends a start that takes too long, and names the log."""
    code, (line,) = _run(f"--data-dir={tmp_path}", "--start-timeout=300ms")
    assert code == 1
    assert "was not ready within 300ms" in json.loads(line)["error"]
    assert str(tmp_path / "devcluster.log") in json.loads(line)["error"]


def test_it_stops_in_seconds_and_leaves_nothing(tmp_path: Path) -> None:
    """SIGTERM: the process is gone within seconds, its socket too, though others have watches open; these end."""
    cluster = start_devcluster(tmp_path)
    with RawApi(cluster.kubeconfig).watch(CONFIG_MAPS) as events:
        began = time.monotonic()
        cluster.stop()
        assert time.monotonic() - began < 8
        assert events.read().endswith(b"\n")
    assert not _alive(cluster.pid)
    assert not list(tmp_path.rglob("*.sock"))


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_objects_survive_a_stop_and_a_crash(tmp_path: Path, end: str) -> None:
    """The same folder and port give the same cluster: old kubeconfigs, objects, running pods with their addresses, new pods."""
    with start_devcluster(tmp_path) as cluster:
        api, server = RawApi(cluster.kubeconfig), cluster.server
        api.create(CONFIG_MAPS, {"metadata": {"name": "kept"}, "data": {"key": "value"}})
        api.create(PODS, pod("before"))
        address = api.until(f"{PODS}/before", ready)["status"]["podIP"]
        getattr(cluster, end)()
        cluster.restart()
        assert cluster.server == server
        assert api.get(f"{CONFIG_MAPS}/kept")["data"] == {"key": "value"}
        assert ready(api.get(f"{PODS}/before"))
        api.create(PODS, pod("after"))
        assert api.until(f"{PODS}/after", ready)["status"]["podIP"] != address


def test_fewer_nodes_than_before_are_fewer_nodes(tmp_path: Path) -> None:
    """A start with fewer nodes on the same data removes the others, or their pods would hang for minutes."""
    with start_devcluster(tmp_path, nodes=2) as cluster:
        assert len(RawApi(cluster.kubeconfig).get("/api/v1/nodes")["items"]) == 2
    with start_devcluster(tmp_path, nodes=1) as cluster:
        assert len(RawApi(cluster.kubeconfig).get("/api/v1/nodes")["items"]) == 1


def test_a_long_path_is_no_obstacle(tmp_path: Path) -> None:
    """A data folder whose path is longer than a socket's may be works all the same."""
    folder = tmp_path / ("a-rather-long-name-" * 6)
    with start_devcluster(folder) as cluster:
        assert RawApi(cluster.kubeconfig).get("/version")["major"] == "1"


STARTER = """
import sys
from pathlib import Path
from trimtab.cli.devcluster import start_devcluster
print(start_devcluster(Path(sys.argv[1])).pid, flush=True)
input()
"""


def test_it_ends_when_its_starter_is_killed(tmp_path: Path) -> None:
    """A starter that dies without a word takes the control plane with it."""
    with subprocess.Popen([sys.executable, "-c", STARTER, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout
        pid = int(starter.stdout.readline())
        assert _alive(pid)
        starter.kill()
    deadline = time.monotonic() + 10
    while _alive(pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not _alive(pid)
