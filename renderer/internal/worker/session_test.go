package worker

import (
	"encoding/json"
	"io"
	"os"
	"testing"

	"trimtab.dev/renderer/internal/frame"
	"trimtab.dev/renderer/internal/kustomize"
	"trimtab.dev/renderer/internal/protocol"
	"trimtab.dev/renderer/internal/treetest"
)

// session is a worker at the other end of two pipes, and a parent that serves a store of objects.
type session struct {
	t          testing.TB
	connection *frame.Connection
	store      treetest.Store
	plaintexts map[string]string // by path, for want-decrypted
	id         int64
	asked      [][2]string // what was wanted since the last request
	ended      chan error
}

// outcome is a result frame and its body.
type outcome struct {
	protocol.Result
	body string
}

// newSession starts a worker in a goroutine; it ends with the test.
func newSession(t testing.TB) *session {
	t.Helper()
	kustomize.Disarm()
	toWorker, fromParent := io.Pipe()
	fromWorker, toParent := io.Pipe()
	s := &session{t: t, connection: frame.NewConnection(fromWorker, fromParent), store: treetest.Store{}, ended: make(chan error, 1)}
	go func() {
		s.ended <- New(frame.NewConnection(toWorker, toParent), os.Stderr).Run(protocol.Hello{Type: "hello"})
		_ = toParent.Close()
	}()
	t.Cleanup(func() { _ = fromParent.Close() })
	if hello, err := s.connection.Read(); err != nil || len(hello.Body) != 0 {
		t.Fatalf("no hello: %v", err)
	}
	return s
}

// request asks for a render of one path of a tree.
type request struct {
	Path       string
	Kind       string
	Parameters string
	Changes    map[string]any // to the header
}

func (s *session) render(files treetest.Files, wanted request) outcome {
	s.t.Helper()
	header := map[string]any{
		"type": "render", "tree": s.store.Tree(files), "path": wanted.Path, "kind": wanted.Kind,
		"capabilities": map[string]any{"kubeVersion": "1.34.4", "apiVersions": []string{"v1", "apps/v1", "apps/v1/Deployment"}},
		"seed":         "0011", "now": "2026-01-02T03:04:05Z",
		"release": map[string]any{"name": "release", "namespace": "space", "revision": 1, "isInstall": true},
	}
	if wanted.Parameters != "" {
		header["parameters"] = json.RawMessage(wanted.Parameters)
	}
	for key, value := range wanted.Changes {
		header[key] = value
	}
	return s.ask(header, "")
}

// ask sends a request and serves what the worker wants until the result comes.
func (s *session) ask(header map[string]any, body string) outcome {
	s.t.Helper()
	s.id++
	header["id"] = s.id
	s.asked = nil
	s.send(header, []byte(body))
	for {
		received, err := s.connection.Read()
		if err != nil {
			s.t.Fatalf("the worker ended: %v", err)
		}
		var envelope protocol.Envelope
		s.read(received, &envelope)
		switch envelope.Type {
		case "want":
			s.serve(received)
		case "want-decrypted":
			s.decrypt(received)
		default:
			var result protocol.Result
			s.read(received, &result)
			return outcome{result, string(received.Body)}
		}
	}
}

func (s *session) send(header any, body []byte) {
	s.t.Helper()
	if err := s.connection.Write(header, body); err != nil {
		s.t.Fatalf("the worker does not listen: %v", err)
	}
}

func (s *session) read(received frame.Frame, into any) {
	s.t.Helper()
	if err := json.Unmarshal(received.Header, into); err != nil {
		s.t.Fatalf("a header that is not JSON: %s", received.Header)
	}
}

func (s *session) serve(received frame.Frame) {
	var want protocol.Want
	s.read(received, &want)
	s.asked = append(s.asked, want.OIDs...)
	for _, oid := range want.OIDs {
		found, known := s.store[oid[1]]
		answer := map[string]any{"type": "object", "id": want.ID, "oid": oid[1], "kind": found.Kind}
		if !known {
			answer["error"], answer["missing"] = "there is no such object", true
		}
		s.send(answer, found.Body)
	}
}

func (s *session) decrypt(received frame.Frame) {
	var want protocol.WantDecrypted
	s.read(received, &want)
	answer := map[string]any{"type": "decrypted", "id": want.ID}
	plaintext, known := s.plaintexts[want.Path]
	if !known {
		answer["error"] = "no key fits"
	}
	s.send(answer, []byte(plaintext))
}

// fingerprint is everything of a result that must not change while its reads hold.
func (o outcome) fingerprint() string {
	encoded, _ := json.Marshal([]any{o.OK, o.Kind, o.Objects, o.Warnings, o.Error, o.body})
	return string(encoded)
}
