package decrypt

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"trimtab.dev/renderer/internal/failure"
	"trimtab.dev/renderer/internal/frame"
	"trimtab.dev/renderer/internal/protocol"
)

// Serve says hello and answers decrypt requests until the parent closes the stream.
func Serve(connection *frame.Connection, hello protocol.Hello) error {
	if err := connection.Write(hello, nil); err != nil {
		return err
	}
	for {
		request, err := connection.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := answer(connection, request); err != nil {
			return err
		}
	}
}

func answer(connection *frame.Connection, request frame.Frame) error {
	var envelope protocol.Envelope
	if json.Unmarshal(request.Header, &envelope) != nil || envelope.Type != "decrypt" {
		return errors.New("a frame came that is no decrypt request")
	}
	result := protocol.Result{Type: "result", ID: envelope.ID}
	plaintext, err := guarded(request)
	if result.OK = err == nil; err != nil {
		result.Error = failure.From(err)
	}
	defer Zero(plaintext)
	return connection.Write(result, plaintext)
}

// guarded turns a panic of the library into a failure; its text may hold content, and is dropped.
func guarded(request frame.Frame) (plaintext []byte, err error) {
	defer func() {
		if recover() != nil {
			plaintext, err = nil, failure.New(failure.Render, "", "this file is so damaged that the SOPS library gave up on it")
		}
	}()
	var wanted protocol.DecryptRequest
	if json.Unmarshal(request.Header, &wanted) != nil {
		return nil, failure.New(failure.Unsupported, "", "the decrypt request cannot be read")
	}
	switch wanted.Format {
	case "yaml", "json", "dotenv", "ini", "binary":
		return Open(request.Body, wanted.Format, wanted.Keys)
	default:
		return nil, fmt.Errorf("format %q is not one of yaml, json, dotenv, ini and binary", wanted.Format)
	}
}
