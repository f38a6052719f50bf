// Package worker answers the frames of design 002, one request at a time.
//
// There is one goroutine: it reads a request, renders, and while it renders
// asks the parent for objects and reads their answers from the same stream. So
// nothing needs a lock, and Kustomize's process globals are safe.
package worker

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime/debug"

	"trimtab.dev/renderer/internal/cel"
	"trimtab.dev/renderer/internal/failure"
	"trimtab.dev/renderer/internal/frame"
	"trimtab.dev/renderer/internal/protocol"
	"trimtab.dev/renderer/internal/tree"
)

const (
	cacheBytes = 64 << 20
	// largeOutput is after how many rendered bytes memory is handed back to the system at once.
	largeOutput = 4 << 20
)

// Worker is one resident process' state: objects, capability lists and compiled expressions.
type Worker struct {
	connection   *frame.Connection
	cache        *tree.Cache
	capabilities *capabilityLists
	evaluator    *cel.Evaluator
	log          io.Writer
}

// New makes a worker on a connection; log gets stack traces of our own defects, and nothing else.
func New(connection *frame.Connection, log io.Writer) *Worker {
	return &Worker{
		connection: connection, cache: tree.NewCache(cacheBytes),
		capabilities: newCapabilityLists(), evaluator: cel.NewEvaluator(), log: log,
	}
}

// Run says hello and serves until the parent closes the stream (nil) or breaks the protocol.
func (w *Worker) Run(hello protocol.Hello) error {
	if err := w.connection.Write(hello, nil); err != nil {
		return err
	}
	for {
		request, err := w.connection.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := w.serve(request); err != nil {
			return err
		}
	}
}

func (w *Worker) serve(request frame.Frame) error {
	var envelope protocol.Envelope
	if err := json.Unmarshal(request.Header, &envelope); err != nil {
		return fmt.Errorf("a header is not JSON: %w", err)
	}
	switch envelope.Type {
	case "render":
		return w.answer(envelope.ID, request, w.render)
	case "yaml":
		return w.answer(envelope.ID, request, w.yaml)
	case "cel":
		return w.answer(envelope.ID, request, w.cel)
	case "cel-compile":
		return w.answer(envelope.ID, request, w.celCompile)
	case "capabilities":
		return w.capabilities.keep(request)
	default:
		return fmt.Errorf("a frame of type %q was not expected here", envelope.Type)
	}
}

// handler fills a result; the body goes with it. An error becomes the result's.
type handler func(request frame.Frame, result *protocol.Result) (body []byte, err error)

// answer runs a handler, and whatever happens in it, writes exactly one result.
func (w *Worker) answer(id int64, request frame.Frame, handle handler) error {
	result := &protocol.Result{Type: "result", ID: id}
	body, err := w.guarded(request, result, handle)
	var broken *protocolError
	if errors.As(err, &broken) {
		return broken
	}
	if err != nil {
		result.Error, result.Objects, body = failure.From(err), nil, nil
	}
	result.OK = err == nil
	if err := w.connection.Write(result, body); err != nil {
		return err
	}
	if len(body) > largeOutput {
		debug.FreeOSMemory()
	}
	return nil
}

// guarded turns a panic of a library into a failure of this one request.
func (w *Worker) guarded(request frame.Frame, result *protocol.Result, handle handler) (body []byte, err error) {
	defer func() {
		if thrown := recover(); thrown != nil {
			fmt.Fprintf(w.log, "panic while serving request %d:\n%s\n", result.ID, debug.Stack())
			err = failure.New(failure.Render, "", "rendering stopped at a defect of the renderer; please report it with the manifests that caused it")
		}
	}()
	return handle(request, result)
}

// protocolError ends the worker: the stream is no longer in step.
type protocolError struct{ cause error }

func (p *protocolError) Error() string { return "the parent broke the protocol: " + p.cause.Error() }
func (p *protocolError) Unwrap() error { return p.cause }
