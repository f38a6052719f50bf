"""The demo's acts: what converged and how fast, what to try, and the end."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import signal
import subprocess  # ruff: ignore[suspicious-subprocess-import] -- asks git for the user's name
import sys
from pathlib import Path

from trimtab.cli.demo.fleet import REPLICAS
from trimtab.cli.demo.place import place
from trimtab.cli.demo.prepare import FORMATS
from trimtab.cli.demo.screen import Screen
from trimtab.cli.demo.stage import Stage, client_of, declare, stage
from trimtab.cli.demo.tour import delete_deployment, tour
from trimtab.cli.demo.wish import Wish
from trimtab.cli.demo.witness import Witness
from trimtab.cli.follow import in_time
from trimtab.cli.scope import background

_WHY_LATER = "(podinfo's own Deployment asks for 3 s of readiness: minReadySeconds.)"


def show(wish: Wish, *, with_tour: bool) -> bool:
    """The whole demo; whether all held. Runs until it is interrupted, or until the tour is over."""
    with place(wish.home) as run:
        try:
            return asyncio.run(_show(wish, run, with_tour=with_tour))
        except (KeyboardInterrupt, asyncio.CancelledError):
            return True


async def _show(wish: Wish, run: Path, *, with_tour: bool) -> bool:
    _end_on(signal.SIGTERM, signal.SIGHUP)
    screen = Screen()
    async with stage(wish, run, screen) as playing:
        await _converge(playing, screen)
        if with_tour:
            held = await tour(playing, screen)
            screen.line("All held." if held else f"Not all held; {wish.home / 'controller.log'} says more.")
            return held
        _offer(playing, screen)
        await asyncio.Event().wait()
    return True


def _end_on(*numbers: signal.Signals) -> None:
    """End as Ctrl-C does, in order."""
    main = asyncio.current_task()
    assert main is not None
    for number in numbers:
        asyncio.get_running_loop().add_signal_handler(number, main.cancel)


async def _converge(playing: Stage, screen: Screen) -> None:
    """Declare everything, and print each Application as soon as all its objects were seen healthy."""
    screen.say("syncing", f"fleet@{playing.commit[:7]}")
    with screen.doing("syncing", "four applications"):
        declared = await declare(playing)
        times = await asyncio.gather(*(_converged(playing, screen, name, declared) for name in FORMATS))
    equal, healthy = (max(column) - declared for column in zip(*times, strict=True))
    screen.line(f"Four applications equal to Git {equal:.1f} s after they were declared, healthy after {healthy:.1f} s. {_WHY_LATER}")


async def _converged(playing: Stage, screen: Screen, name: str, declared: float) -> tuple[float, float]:
    """The moments of the events by which the last of its objects lived, and was healthy. How many there are, the status says."""
    follower, witness, where = playing.follower, playing.witness, f"{playing.wish.namespace}/{name}"

    def count() -> int:
        application = follower.application(name)
        settled = application is not None and (application.status.synced, application.status.health) == ("Equal", "Healthy")
        return application.status.counts.objects if application is not None and settled else 0

    def seen() -> bool:
        return len(witness.healthy_since(where)) >= count()

    await in_time(follower.signal.expect(lambda: count() > 0), playing.wish.patience, f"A healthy {name}")
    await in_time(witness.signal.expect(seen), playing.wish.patience, f"All of {name}")
    equal, healthy = max(witness.there_since(where)), max(witness.healthy_since(where))
    times = f"live after {equal - declared:.2f} s, healthy after {healthy - declared:.2f} s"
    screen.good(f"{name:<19} {FORMATS[name]:<10} {count():>2} objects   {times}")
    return equal, healthy


def _offer(playing: Stage, screen: Screen) -> None:
    """Three things to try, each a line to paste."""
    clone = shlex.quote(str(playing.wish.home / "fleet"))
    edit = f"sed -i.orig 's/replicas: 2/replicas: 3/' {REPLICAS} && git {_identity()}commit -qam 'Three replicas' && git push -q"
    screen.line("Try:")
    screen.paste(f"git clone -q {playing.url} {clone} && (cd {clone} && {edit})")
    screen.paste(by_hand(playing.wish, playing.kubeconfig), "and watch it come back")
    screen.paste(f"git -C {clone} {_identity()}revert --no-edit HEAD && git -C {clone} push -q")
    screen.line("and beside it:")
    screen.paste(f"{program()} get -w {_flags(playing.wish, playing.kubeconfig)}")
    screen.line("Ctrl-C stops everything.")


def by_hand(wish: Wish, kubeconfig: Path) -> str:
    """The command that deletes the Deployment: kubectl's where there is one, else our own."""
    context = f" --context {wish.context}" if wish.context else ""
    if shutil.which("kubectl"):
        return f"kubectl --kubeconfig {shlex.quote(str(kubeconfig))}{context} -n podinfo delete deployment podinfo"
    return f"{program()} demo --by-hand --kubeconfig {shlex.quote(str(kubeconfig))}{context}"


def program() -> str:
    """How to call this very program from here."""
    called = Path(sys.argv[0])
    found = shutil.which("trimtab")
    if os.environ.get("MAKELEVEL") is None and found is not None and Path(found).resolve() == called.resolve():
        return "trimtab"
    return os.path.relpath(called) if called.name == "trimtab" else "trimtab"


def _flags(wish: Wish, kubeconfig: Path) -> str:
    context = f" --context {wish.context}" if wish.context else ""
    namespace = f" -n {wish.namespace}" if wish.namespace != "trimtab" else ""
    return f"--kubeconfig {shlex.quote(str(kubeconfig))}{context}{namespace}"


def _identity() -> str:
    """What git needs to be told where it does not know who commits."""
    known = subprocess.run(["git", "config", "user.email"], capture_output=True, check=False).returncode == 0
    return "" if known else "-c user.name=You -c user.email=you@example.com "


def change_by_hand(kubeconfig: Path, context: str) -> None:
    """Delete the Deployment of a demo that runs, and say how fast it came back."""
    Screen().good(asyncio.run(_change(kubeconfig, context)))


async def _change(kubeconfig: Path, context: str) -> str:
    async with client_of(kubeconfig, context) as client, background() as scope:
        witness = Witness(client, scope)
        await witness.watch()
        return await delete_deployment(client, witness)
