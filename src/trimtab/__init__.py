"""GitOps for Kubernetes: clusters, and what stands around them, kept equal to Git."""

__version__ = "0.1.0"
