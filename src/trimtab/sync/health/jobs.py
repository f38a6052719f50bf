"""Health of what runs to an end: Job and CronJob (kubernetes.io/docs/concepts/workloads/controllers/job)."""

from __future__ import annotations

from trimtab.sync.health.clocks import written_at
from trimtab.sync.health.fields import Object, conditions, holds, mapping, moment, number, objects, plural, quote, text
from trimtab.sync.health.model import RUNNING, Health


def job(live: Object) -> Health:
    """A Job: failed, complete, suspended, or still running. FailureTarget and SuccessCriteriaMet announce an end (KEP-3939, KEP-3998)."""
    known = conditions(live)
    for kind in ("Failed", "FailureTarget"):
        if holds(known.get(kind)):
            return _failed(live, known[kind])
    if holds(known.get("Complete")):
        return Health("Healthy", "Complete", _counts(live) or "is complete")
    if holds(known.get("Suspended")) or mapping(live, "spec").get("suspend") is True:
        return Health("Suspended", "Suspended", "is suspended")
    if holds(known.get("SuccessCriteriaMet")):
        return Health("Progressing", "Finishing", "has succeeded, its last pods are ending")
    return _running(live)


def _failed(live: Object, condition: Object) -> Health:
    counts = _counts(live)
    said = quote(text(condition, "message")) or "has failed"
    return Health("Degraded", text(condition, "reason") or "Failed", f"{said} ({counts})" if counts else said)


def _running(live: Object) -> Health:
    """A Job under way. It may take hours by design: while pods of it run no deadline of ours counts."""
    active, counts = number(mapping(live, "status"), "active"), _counts(live)
    if not active:
        return Health("Progressing", "NotStarted", counts or "no pod of it runs yet")
    return Health("Progressing", RUNNING, f"{plural(active, 'pod')} active" + (f", {counts}" if counts else ""))


def _counts(live: Object) -> str:
    """How many pods succeeded and failed and, of an Indexed Job, which indexes."""
    spec, status = mapping(live, "spec"), mapping(live, "status")
    succeeded, failed = number(status, "succeeded"), number(status, "failed")
    parts = [f"{succeeded} of {number(spec, 'completions', max(succeeded, 1))} succeeded"] if succeeded else []
    if failed:
        parts.append(f"{failed} failed")
    for field, word in (("completedIndexes", "done"), ("failedIndexes", "failed")):
        if text(spec, "completionMode") == "Indexed" and text(status, field):
            parts.append(f"indexes {quote(text(status, field))} {word}")
    return ", ".join(parts)


def cron_job(live: Object) -> Health:
    """A CronJob: suspended, or healthy unless the run that its present spec brought about did not succeed.

    A run from before the last change says nothing about what is written now: a fix must not be judged by the failure that it mends.
    """
    status, spec = mapping(live, "status"), mapping(live, "spec")
    active = len(objects(status, "active"))
    if spec.get("suspend") is True:
        return Health("Suspended", "Suspended", "is suspended")
    if active:
        return Health("Healthy", "Running", f"{plural(active, 'job')} active")
    started, succeeded, written = moment(status, "lastScheduleTime"), moment(status, "lastSuccessfulTime"), written_at(live)
    if started is None:
        return Health("Healthy", "Scheduled", f"runs at {quote(text(spec, 'schedule'))}, not run yet")
    if succeeded is not None and succeeded >= started:
        return Health("Healthy", "Scheduled", f"last succeeded at {text(status, 'lastSuccessfulTime')}")
    ran = f"its run of {text(status, 'lastScheduleTime')} did not succeed"
    if written is not None and written <= started:
        return Health("Degraded", "LastRunFailed", ran)
    return Health("Healthy", "Scheduled", f"{ran}, but it was changed since" if written else ran)
