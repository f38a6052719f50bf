"""One scenario a file; each takes a stage that is set and gives rows."""
