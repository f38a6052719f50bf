"""What every room needs and nothing of the domain: errors, clock, tasks, work queue, digests, metrics, logging."""
