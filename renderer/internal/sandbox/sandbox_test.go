package sandbox

import (
	"encoding/json"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
)

// TestMain lets the test binary be the process that shuts itself in: the sandbox has no way back.
func TestMain(m *testing.M) {
	switch os.Getenv("TRIMTAB_SANDBOX_TEST") {
	case "probe":
		os.Exit(Probe(os.Stdout))
	case "work":
		os.Exit(work())
	}
	os.Exit(m.Run())
}

// work does what a render does to the runtime: threads, memory, garbage, sleep.
func work() int {
	Enter()
	done := make(chan int)
	for range 50 {
		go func() {
			runtime.LockOSThread()
			kept := make([][]byte, 0, 100)
			for range 100 {
				kept = append(kept, make([]byte, 64<<10))
			}
			runtime.GC()
			done <- len(kept)
		}()
	}
	total := 0
	for range 50 {
		total += <-done
	}
	if total != 5000 {
		return 1
	}
	return 0
}

func again(t *testing.T, what string) ([]byte, error) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has this lock")
	}
	command := exec.Command(os.Args[0])
	command.Env = []string{"TRIMTAB_SANDBOX_TEST=" + what}
	command.Stderr = os.Stderr
	return command.Output()
}

// TestEveryWayOutIsShut: each probe tries in earnest, inside the sandbox.
func TestEveryWayOutIsShut(t *testing.T) {
	output, err := again(t, "probe")
	var attempts []attempt
	if json.Unmarshal(output, &attempts) != nil || len(attempts) < 17 {
		t.Fatalf("%v: %s", err, output)
	}
	for _, tried := range attempts {
		if !tried.Denied {
			t.Errorf("%s was possible: %s", tried.Probe, tried.Error)
		}
	}
}

// TestProbesMeanSomething: outside the sandbox most of the same attempts do not fail with "not permitted".
func TestProbesMeanSomething(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has this lock")
	}
	allowed := 0
	for _, tried := range try() {
		if !tried.Denied {
			allowed++
		}
	}
	if allowed < 10 {
		t.Errorf("only %d probes pass outside the sandbox", allowed)
	}
}

// TestTheRuntimeStillWorks inside: threads, garbage collection, memory.
func TestTheRuntimeStillWorks(t *testing.T) {
	if output, err := again(t, "work"); err != nil {
		t.Errorf("%v: %s", err, output)
	}
}

// TestTheReasonIsNamed where there is no lock.
func TestTheReasonIsNamed(t *testing.T) {
	if runtime.GOOS != "linux" && !strings.HasPrefix(Enter(), "none: ") {
		t.Error(Enter())
	}
}
