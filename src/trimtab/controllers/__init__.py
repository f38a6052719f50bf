"""One reconciler a kind; each reads as one page of calls."""
