package worker

import (
	"encoding/json"
	"fmt"

	"trimtab.dev/renderer/internal/failure"
	"trimtab.dev/renderer/internal/frame"
	"trimtab.dev/renderer/internal/protocol"
)

// parent is the other end of the stream as a tree.Source, for one request.
type parent struct {
	connection *frame.Connection
	id         int64
	callbacks  int
	decrypted  map[string][]byte
}

// Objects asks for Git objects and waits for all answers.
func (p *parent) Objects(wants [][2]string, keep func(protocol.Answer, []byte) error) error {
	p.callbacks++
	if err := p.connection.Write(protocol.Want{Type: "want", ID: p.id, OIDs: wants}, nil); err != nil {
		return &protocolError{err}
	}
	var first error
	for range wants {
		answer, body, err := p.read("object")
		if err != nil {
			return err
		}
		if err := keep(answer, body); err != nil && first == nil {
			first = err // the other answers are on their way and must be read
		}
	}
	return first
}

// Decrypted asks for a plaintext, once a request and blob.
func (p *parent) Decrypted(path, oid string) ([]byte, error) {
	if plaintext, known := p.decrypted[oid]; known {
		return plaintext, nil
	}
	p.callbacks++
	if err := p.connection.Write(protocol.WantDecrypted{Type: "want-decrypted", ID: p.id, Path: path, OID: oid}, nil); err != nil {
		return nil, &protocolError{err}
	}
	answer, body, err := p.read("decrypted")
	if err != nil {
		return nil, err
	}
	if answer.Error != "" {
		return nil, failure.New(failure.Source, path, "cannot be decrypted: %s", answer.Error)
	}
	p.decrypted[oid] = body
	return body, nil
}

func (p *parent) read(kind string) (protocol.Answer, []byte, error) {
	received, err := p.connection.Read()
	if err != nil {
		return protocol.Answer{}, nil, &protocolError{err}
	}
	var answer protocol.Answer
	if err := json.Unmarshal(received.Header, &answer); err != nil {
		return answer, nil, &protocolError{err}
	}
	if answer.Type != kind || answer.ID != p.id {
		return answer, nil, &protocolError{fmt.Errorf("frame %q of request %d came while request %d waited for %q", answer.Type, answer.ID, p.id, kind)}
	}
	return answer, received.Body, nil
}
