from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.render import scripted, sops
from tests.render.trees import Files, bodies, render

from trimtab.core.clock import SystemClock
from trimtab.core.errors import InputError, UnavailableError
from trimtab.render.decrypt import Decrypter, file_format
from trimtab.render.errors import RenderFailedError
from trimtab.render.find import DECRYPT, find_worker
from trimtab.render.pool import Pool

KEY = "AGE-SECRET-KEY-1NOTAKEY"


async def _keys() -> list[str]:
    return [KEY]


async def _none() -> list[str]:
    return []


async def _rendered(files: Files, key: str) -> Any:
    """The only object of a render that decrypts with `key`."""

    async def keys() -> list[str]:
        return [key]

    async with (
        Decrypter(find_worker(DECRYPT), keys) as decrypter,
        Pool(find_worker(), clock=SystemClock(), decrypt=decrypter.decrypt) as pool,
    ):
        return bodies(await render(pool, files))[0]


async def test_without_keys_no_worker_is_started() -> None:
    """The sentence names the file and what is missing."""
    async with Decrypter(Path("/nonexistent"), _none) as decrypter:
        with pytest.raises(InputError, match=r"secret\.yaml: it is encrypted, and no key"):
            await decrypter.decrypt("secret.yaml", b"sops: {}")


async def test_neither_keys_nor_content_are_shown() -> None:
    """Not in the error of a file that cannot be opened, not in a repr."""
    async with Decrypter(find_worker(DECRYPT), _keys) as decrypter:
        with pytest.raises(InputError) as caught:
            await decrypter.decrypt("secret.yaml", b"password: hunter2\nsops: {age: [{recipient: x}]}\n")
    shown = f"{caught.value!r} {caught.value} {caught.value.detail} {decrypter!r}"
    assert KEY not in shown
    assert "hunter2" not in shown
    assert "secret.yaml" in shown


async def test_an_encrypted_manifest_is_rendered_with_the_right_key_alone() -> None:
    """The plaintext comes out of the render; with another key the application gets an error that names the file."""
    (mine, recipient), (other, _) = sops.identity(), sops.identity()
    files = {"app/secret.yaml": sops.secret("db", {"password": "hunter2", "user": "ada"}, recipient)}
    assert (await _rendered(files, mine))["stringData"] == {"password": "hunter2", "user": "ada"}
    with pytest.raises(RenderFailedError, match=r"app/secret\.yaml"):
        await _rendered(files, other)


async def test_an_encrypted_manifest_without_any_decrypter_is_an_error(pool: Pool) -> None:
    """Ciphertext never reaches the cluster."""
    files = {"app/secret.yaml": sops.secret("db", {"password": "hunter2"}, sops.identity()[1])}
    with pytest.raises(RenderFailedError, match="no key to decrypt it is configured"):
        await render(pool, files)


async def test_an_idle_decrypt_worker_is_ended(tmp_path: Path) -> None:
    """It is large, and needed rarely; the next file starts another."""
    async with Decrypter(scripted.make(tmp_path), _keys, idle_seconds=0.05) as decrypter:
        for _ in range(2):
            with pytest.raises(InputError, match="nothing to do"):
                await decrypter.decrypt("a.yaml", b"")
            await asyncio.sleep(0.2)
            assert decrypter._worker is None


async def test_a_decrypt_worker_that_does_not_start_is_an_outage(tmp_path: Path) -> None:
    """Nothing is said about the file."""
    async with Decrypter(tmp_path / "absent", _keys) as decrypter:
        with pytest.raises(UnavailableError, match="cannot be started"):
            await decrypter.decrypt("a.yaml", b"")


@pytest.mark.parametrize(
    ("path", "expected"),
    [("a.yaml", "yaml"), ("b/c.yml", "yaml"), ("a.json", "json"), (".env", "dotenv"), ("x.env", "dotenv"), ("k", "binary")],
)
def test_the_ending_decides_the_format(path: str, expected: str) -> None:
    """As with sops itself."""
    assert file_format(path) == expected
