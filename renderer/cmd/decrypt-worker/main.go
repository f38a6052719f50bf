// trimtab-decrypt-worker opens files that SOPS encrypted for age keys (docs/designs/002-render-worker.md).
// It is a process of its own, so that keys never meet templates.
package main

import (
	"fmt"
	"io"
	"log"
	"os"
	"strings"

	"github.com/getsops/sops/v3/logging"
	"github.com/sirupsen/logrus"

	"trimtab.dev/renderer/internal/decrypt"
	"trimtab.dev/renderer/internal/frame"
	"trimtab.dev/renderer/internal/orphan"
	"trimtab.dev/renderer/internal/protocol"
	"trimtab.dev/renderer/internal/sandbox"
	"trimtab.dev/renderer/internal/version"
)

func main() {
	orphan.Watch()
	isolate()
	hello := protocol.Hello{Type: "hello", Protocol: protocol.Version, Version: version.String(), Sandbox: sandbox.Enter()}
	if err := decrypt.Serve(frame.NewConnection(os.Stdin, os.Stdout), hello); err != nil {
		fmt.Fprintln(os.Stderr, "trimtab-decrypt-worker:", err)
		os.Exit(2)
	}
}

// isolate keeps the library from finding keys of its own and from logging anything.
func isolate() {
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); !strings.HasPrefix(name, "GO") {
			_ = os.Unsetenv(name)
		}
	}
	log.SetOutput(io.Discard)
	logging.SetLevel(logrus.PanicLevel)
}
