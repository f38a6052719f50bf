"""A worker that misbehaves on purpose: a small Python program that speaks the protocol and does what the path of a request says."""

from __future__ import annotations

import sys
from pathlib import Path

_PROGRAM = r"""#!{python} -SE
import json, os, signal, struct, sys, time
def send(header, body=b""):
    text = json.dumps(header).encode()
    os.write(1, struct.pack(">II", len(text), len(body)) + text)
    while body:
        body = body[os.write(1, body):]
def receive():
    lengths = sys.stdin.buffer.read(8)
    if len(lengths) < 8:
        sys.exit(0)
    header, body = struct.unpack(">II", lengths)
    return json.loads(sys.stdin.buffer.read(header)), sys.stdin.buffer.read(body)
def say(text):
    send({{"type": "result", "id": request["id"], "ok": False, "error": {{"class": "Render", "message": text}}}})
send({{"type": "hello", "protocol": {protocol}, "version": "scripted", "sandbox": "none: a test"}})
while True:
    request, body = receive()
    if request["type"] == "capabilities":
        continue
    path, _, rest = request.get("path", "").partition(":")
    if path == "hang":
        time.sleep(3600)
    elif path == "flood":
        while True:
            os.write(1, b"\xff" * 65536)
    elif path == "chatter":
        while True:
            send({{"type": "hello", "protocol": 1}}, bytes(65536))
    elif path == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif path == "exit":
        sys.stderr.write("panic: scripted\n" + "noise\n" * 100000)
        sys.stderr.flush()
        os._exit(2)
    elif path == "once":  # killed from outside the first time, by the mark of the file that it makes
        if not os.path.exists(rest):
            open(rest, "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        say("well again")
    elif path == "children":
        for _ in range(3):
            if os.fork() == 0:
                time.sleep(3600)
        time.sleep(3600)
    elif path == "grab":
        hoard = []
        while True:
            hoard.append(bytearray(8 << 20))
    elif path == "greedy":
        while True:
            send({{"type": "want", "id": 1, "oids": [["blob", rest]]}})
            receive()
    elif path == "environment":
        say(json.dumps({{**os.environ, "fds": sorted(os.listdir("/proc/self/fd")), "session": os.getsid(0) == os.getpid()}}))
    elif path == "nonsense":
        send({{"type": "surprise"}})
    elif path == "stale":
        say("an answer to nothing")
        say("another's answer")
    else:
        say("nothing to do")
"""


def make(folder: Path, *, protocol: int = 1) -> Path:
    """Write the program into `folder`; its path."""
    path = folder / "scripted-worker"
    path.write_text(_PROGRAM.format(python=sys.executable, protocol=protocol))
    path.chmod(0o755)
    return path
