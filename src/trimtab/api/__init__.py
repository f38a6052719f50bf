"""The custom resources: one module a kind, msgspec Structs from which the CRD schemas are generated."""
