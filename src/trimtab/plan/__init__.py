"""The spine: what would change, in which order, why, and the digest that names it. Pure."""
