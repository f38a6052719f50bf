// Package orphan ends a worker whose parent has gone.
//
// An idle worker notices the end of its input. One that is deep in an endless template does not, and nobody is left to kill it.
// The kernel's own signal for this (PR_SET_PDEATHSIG) goes off when the *thread* that started us ends, so the parent's id is asked instead.
package orphan

import (
	"os"
	"time"
)

// Interval is how often the parent is looked for.
const Interval = time.Second

// Watch ends the process, with status 3, soon after its parent has ended. It returns at once.
func Watch() {
	parent := os.Getppid()
	go func() {
		for range time.Tick(Interval) {
			if os.Getppid() != parent {
				os.Exit(3)
			}
		}
	}()
}
