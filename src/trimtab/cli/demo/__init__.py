"""`trimtab demo`: a real Kubernetes API server follows a real Git repository, on this machine, with one command."""

from trimtab.cli.demo.command import demo as demo
