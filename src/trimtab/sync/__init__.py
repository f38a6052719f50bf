"""Carrying a plan out: apply, prune, health, drift."""
