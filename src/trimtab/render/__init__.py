"""Sources become objects: the pool of render workers and the cache keyed by what a render read."""
