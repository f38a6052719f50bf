// Package protocol holds the messages of docs/designs/002-render-worker.md, as data.
package protocol

import (
	"encoding/json"

	"trimtab.dev/renderer/internal/failure"
)

// Version is the protocol's number in the hello frame.
const Version = 1

// Hello is the first frame of a worker.
type Hello struct {
	Type     string `json:"type"`
	Protocol int    `json:"protocol"`
	Version  string `json:"version"`
	Sandbox  string `json:"sandbox"`
}

// Envelope is what every frame from the parent has.
type Envelope struct {
	Type string `json:"type"`
	ID   int64  `json:"id"`
}

// RenderRequest asks for one render.
type RenderRequest struct {
	ID           int64             `json:"id"`
	Tree         string            `json:"tree"`
	Hints        map[string]string `json:"hints"`
	Path         string            `json:"path"`
	Kind         string            `json:"kind"`
	Parameters   json.RawMessage   `json:"parameters"`
	Capabilities Capabilities      `json:"capabilities"`
	Seed         string            `json:"seed"`
	Now          string            `json:"now"`
	Release      Release           `json:"release"`
	Limits       Limits            `json:"limits"`
}

// Capabilities describes the cluster: its version, and its API versions or
// the digest under which they were sent before.
type Capabilities struct {
	KubeVersion string   `json:"kubeVersion"`
	APIVersions []string `json:"apiVersions"`
	Digest      string   `json:"digest"`
}

// CapabilitiesFrame announces a list of API versions (its body) under a digest.
type CapabilitiesFrame struct {
	Digest string `json:"digest"`
}

// Release is what Helm templates see as .Release, and names the render for its seed.
type Release struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
	Revision  int    `json:"revision"`
	IsInstall bool   `json:"isInstall"`
}

// Limits bound the result. Zero means the default.
type Limits struct {
	OutputBytes int `json:"outputBytes"`
	Objects     int `json:"objects"`
	Depth       int `json:"depth"`
}

// OrDefault fills what was not given.
func (l Limits) OrDefault() Limits {
	return Limits{
		OutputBytes: positive(l.OutputBytes, 64<<20),
		Objects:     positive(l.Objects, 20_000),
		Depth:       positive(l.Depth, 200),
	}
}

func positive(given, otherwise int) int {
	if given > 0 {
		return given
	}
	return otherwise
}

// YAMLRequest asks to read the body as a stream of manifests.
type YAMLRequest struct {
	ID     int64  `json:"id"`
	Path   string `json:"path"`
	Limits Limits `json:"limits"`
}

// CELRequest asks to evaluate expressions, or only to check them.
type CELRequest struct {
	ID          int64           `json:"id"`
	Expressions []CELExpression `json:"expressions"`
	Variables   json.RawMessage `json:"variables"`
	Names       []string        `json:"names"`
}

// CELExpression is one expression.
type CELExpression struct {
	Expression string `json:"expression"`
}

// CELValue is the outcome of one expression: a value, or an error with its kind.
type CELValue struct {
	Value any    `json:"value"`
	Error string `json:"error,omitempty"`
	Kind  string `json:"kind,omitempty"`
}

// Want asks the parent for Git objects: pairs of kind and oid.
type Want struct {
	Type string      `json:"type"`
	ID   int64       `json:"id"`
	OIDs [][2]string `json:"oids"`
}

// WantDecrypted asks the parent for the plaintext of a file.
type WantDecrypted struct {
	Type string `json:"type"`
	ID   int64  `json:"id"`
	Path string `json:"path"`
	OID  string `json:"oid"`
}

// Answer is the parent's header for either want.
type Answer struct {
	Type    string `json:"type"`
	ID      int64  `json:"id"`
	OID     string `json:"oid"`
	Kind    string `json:"kind"`
	Error   string `json:"error"`
	Missing bool   `json:"missing"`
}

// DecryptRequest asks the decrypt worker to open its body.
type DecryptRequest struct {
	ID     int64    `json:"id"`
	Format string   `json:"format"`
	Keys   []string `json:"keys"`
}

// Read is one thing that a render depended on: kind, path, id.
type Read [3]string

// Warning is something that deserves a person's eye but fails nothing.
type Warning struct {
	Path    string `json:"path"`
	Line    int    `json:"line,omitempty"`
	Message string `json:"message"`
}

// Object describes one rendered object; its JSON is body[Offset : Offset+Length].
type Object struct {
	APIVersion   string `json:"apiVersion"`
	Kind         string `json:"kind"`
	Namespace    string `json:"namespace"`
	Name         string `json:"name"`
	GenerateName string `json:"generateName,omitempty"`
	Path         string `json:"path"`
	Line         int    `json:"line"`
	Hook         string `json:"hook"`
	CRD          bool   `json:"crd,omitempty"`
	Offset       int    `json:"offset"`
	Length       int    `json:"length"`
	Digest       string `json:"digest"`
	Problem      string `json:"problem"`
}

// Random counts the uses of chance and time, by function.
type Random struct {
	Seeded   map[string]int `json:"seeded"`
	Unseeded map[string]int `json:"unseeded"`
	Time     map[string]int `json:"time"`
}

// Statistics of one request.
type Statistics struct {
	Milliseconds float64 `json:"milliseconds"`
	Bytes        int     `json:"bytes"`
	Callbacks    int     `json:"callbacks"`
}

// Result answers render, yaml, cel, cel-compile and decrypt.
type Result struct {
	Type            string           `json:"type"`
	ID              int64            `json:"id"`
	OK              bool             `json:"ok"`
	Kind            string           `json:"kind,omitempty"`
	Reads           []Read           `json:"reads,omitempty"`
	CapabilityReads []Read           `json:"capabilityReads,omitempty"`
	Random          *Random          `json:"random,omitempty"`
	Warnings        []Warning        `json:"warnings,omitempty"`
	Objects         []Object         `json:"objects,omitempty"`
	Values          []CELValue       `json:"values,omitempty"`
	Error           *failure.Failure `json:"error,omitempty"`
	Statistics      *Statistics      `json:"stats,omitempty"`
}
