"""The benchmarks: what the program promises, measured beside the floor of the same machine. `make bench`; see README.md."""
