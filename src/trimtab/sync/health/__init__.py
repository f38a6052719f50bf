"""Is an object healthy, and if not: why not. Pure: an object as JSON goes in, a `Health` comes out.

    health = assess(live, children=pods_and_replica_sets, now=now)
    worst(health.status for health in all_of_them)

Kinds whose health takes arithmetic are functions (`workloads`, `pods`, `jobs`, `scaling`), registered in `kinds`; those whose
health is conditions and plain fields are rows of data in `rules/`; every other kind is read by the convention of its conditions.
"""

from trimtab.sync.health.assessment import DEADLINE, assess
from trimtab.sync.health.causes import Kind, cause, children_of
from trimtab.sync.health.model import MISSING, Health, Status, worst

__all__ = ["DEADLINE", "MISSING", "Health", "Kind", "Status", "assess", "cause", "children_of", "worst"]
