// trimtab-render-worker renders Helm, Kustomize, Jsonnet and plain manifests, reads YAML as Kubernetes does,
// and evaluates CEL, shut off from everything but its parent's pipe (docs/designs/002-render-worker.md).
package main

import (
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"time"
	_ "time/tzdata" // templates may name time zones, and the sandbox has no files

	"trimtab.dev/renderer/internal/frame"
	"trimtab.dev/renderer/internal/kustomize"
	"trimtab.dev/renderer/internal/orphan"
	"trimtab.dev/renderer/internal/protocol"
	"trimtab.dev/renderer/internal/sandbox"
	"trimtab.dev/renderer/internal/version"
	"trimtab.dev/renderer/internal/worker"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "--probe" {
		os.Exit(sandbox.Probe(os.Stdout))
	}
	orphan.Watch()
	isolate()
	if os.Getenv("TRIMTAB_WARM") == "1" {
		kustomize.Warm()
	}
	hello := protocol.Hello{Type: "hello", Protocol: protocol.Version, Version: version.String(), Sandbox: sandbox.Enter()}
	connection := frame.NewConnection(os.Stdin, os.Stdout)
	if err := worker.New(connection, os.Stderr).Run(hello); err != nil {
		fmt.Fprintln(os.Stderr, "trimtab-render-worker:", err)
		os.Exit(2)
	}
}

// isolate makes the process the same wherever it runs: UTC, no search path, no home, no network client.
// The libraries' own logging may print values, and so secrets: it is thrown away.
func isolate() {
	time.Local = time.UTC
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "XDG_CONFIG_HOME", "KUSTOMIZE_PLUGIN_HOME"} {
		_ = os.Setenv(name, "/nonexistent")
	}
	log.SetOutput(io.Discard)
	slog.SetDefault(slog.New(slog.DiscardHandler))
	kustomize.Disarm()
}
