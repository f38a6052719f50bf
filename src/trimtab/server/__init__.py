"""HTTP: webhooks, probes, metrics."""
