"""The few metrics that matter, in one registry: labels are few, so that 10,000 applications do not mean 10,000 series."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()

RECONCILES = Counter("trimtab_reconciles", "Reconciles by kind and outcome", ["kind", "outcome"], registry=REGISTRY)
RECONCILE_SECONDS = Histogram(
    "trimtab_reconcile_seconds",
    "Seconds of one reconcile",
    ["kind"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 300),
    registry=REGISTRY,
)
RENDERS = Counter(
    "trimtab_renders",
    "Renders carried out (cache hits excluded) by renderer and outcome",
    ["renderer", "outcome"],
    registry=REGISTRY,
)
WRITES = Counter("trimtab_object_writes", "Writes of managed objects by verb and outcome", ["verb", "outcome"], registry=REGISTRY)
DRIFTS = Counter("trimtab_drifts", "Objects found to differ, by who changed them", ["by"], registry=REGISTRY)
APPLICATIONS = Gauge("trimtab_applications", "Applications by sync state and health", ["synced", "health"], registry=REGISTRY)
FETCHES = Counter("trimtab_fetches", "Asks of a Git server by kind and outcome", ["kind", "outcome"], registry=REGISTRY)
LEADER = Gauge("trimtab_leader", "1 while this process holds the lease", registry=REGISTRY)
WEBHOOKS = Counter("trimtab_webhooks", "Webhooks received by provider and outcome", ["provider", "outcome"], registry=REGISTRY)
