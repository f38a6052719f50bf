// Package sandbox shuts the process in: afterwards it can compute, and read and
// write the streams that it already has, and nothing else. There is no way back.
package sandbox

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

// Enter shuts every thread of the process in and says how: "landlock+seccomp",
// "seccomp", or "none: <why>" where the system has no such lock.
func Enter() string {
	how, err := enter()
	if err != nil {
		return "none: " + err.Error()
	}
	return how
}

// attempt is the outcome of one thing that must not be possible.
type attempt struct {
	Probe  string `json:"probe"`
	Denied bool   `json:"denied"`
	Error  string `json:"error,omitempty"`
}

// Probe enters the sandbox, tries what is forbidden, and writes the outcomes as
// a JSON list. The exit status is 0 if all was denied.
func Probe(output io.Writer) int {
	how := Enter()
	attempts := try()
	encoded, err := json.Marshal(attempts)
	if err != nil {
		return 2
	}
	fmt.Fprintln(output, string(encoded))
	if strings.HasPrefix(how, "none") {
		fmt.Fprintln(os.Stderr, "no sandbox:", strings.TrimPrefix(how, "none: "))
		return 1
	}
	for _, tried := range attempts {
		if !tried.Denied {
			return 1
		}
	}
	return 0
}
