"""Repositories without a checkout: mirrors, trees read by object id, changes between trees, and who is concerned by them."""
