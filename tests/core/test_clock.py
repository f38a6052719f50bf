"""Timestamps as the Kubernetes API writes them, and the machine's clock."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.core.clock import SystemClock, parse_rfc3339, rfc3339, rfc3339_micro

pytestmark = pytest.mark.fast

ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(datetime(1970, 1, 2), datetime(9990, 1, 1), timezones=ZONES)  # ruff: ignore[call-datetime-without-tzinfo]  hypothesis adds the zone


@given(MOMENTS)
def test_a_moment_survives_being_written(moment: datetime) -> None:
    """To the microsecond as MicroTime, to the second as Time."""
    assert parse_rfc3339(rfc3339_micro(moment)) == moment
    assert parse_rfc3339(rfc3339(moment)) == moment.replace(microsecond=0)


def test_timestamps_are_written_in_utc() -> None:
    """metav1.Time and metav1.MicroTime, whatever the zone of the moment."""
    moment = datetime(2026, 1, 31, 10, 0, 0, 5, tzinfo=timezone(timedelta(hours=1)))
    assert (rfc3339(moment), rfc3339_micro(moment)) == ("2026-01-31T09:00:00Z", "2026-01-31T09:00:00.000005Z")


@pytest.mark.parametrize("text", ["2026-01-31T10:00:00+01:00", "2026-01-31T09:00:00Z", "2026-01-31T09:00:00.000000Z"])
def test_each_way_of_writing_a_moment_is_read(text: str) -> None:
    """Zones are turned into UTC."""
    assert parse_rfc3339(text) == datetime(2026, 1, 31, 9, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "tomorrow", "2026-01-31T09:00:00", "2026-13-01T00:00:00Z"])
def test_what_is_no_timestamp_is_an_error(text: str) -> None:
    """A time without a zone is none: nobody knows which moment it means."""
    with pytest.raises(ValueError, match=r".+"):
        parse_rfc3339(text)


async def test_the_machines_clock_is_aware_and_never_steps_back() -> None:
    """Wall time has its zone; monotonic time grows by at least what was slept."""
    clock = SystemClock()
    before = clock.monotonic()
    await clock.sleep(0.01)
    assert clock.monotonic() - before >= 0.009
    assert clock.now().utcoffset() == timedelta(0)
    await asyncio.sleep(0)
