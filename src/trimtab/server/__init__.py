"""The HTTP face of the controller: webhooks, probes, metrics. It runs in the controller's own loop and decides nothing."""
