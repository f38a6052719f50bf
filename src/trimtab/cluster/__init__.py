"""One Kubernetes API: client, discovery, watches, live index, leases."""
