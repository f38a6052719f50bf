"""Git repositories: bare mirrors, revisions, trees read by object id; never a checkout."""
