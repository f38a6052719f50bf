// Package objects reads manifests as Kubernetes reads them and gathers them as
// canonical JSON: keys sorted, compact, integers exact.
package objects

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"trimtab.dev/renderer/internal/failure"
	"trimtab.dev/renderer/internal/protocol"
)

// Origin is where an object was written. Line 0 is unknown.
type Origin struct {
	Path string
	Line int
	CRD  bool // from a chart's crds/ directory
}

// Set gathers the objects of one render, inside its limits.
type Set struct {
	limits   protocol.Limits
	objects  []protocol.Object
	warnings []protocol.Warning
	body     bytes.Buffer
}

// NewSet makes an empty set.
func NewSet(limits protocol.Limits) *Set { return &Set{limits: limits.OrDefault()} }

// Objects describes what was gathered, in order.
func (s *Set) Objects() []protocol.Object { return s.objects }

// Body is the joined JSON of all objects.
func (s *Set) Body() []byte { return s.body.Bytes() }

// Warnings are what a person should look at.
func (s *Set) Warnings() []protocol.Warning { return s.warnings }

// Warn adds a warning.
func (s *Set) Warn(path string, line int, message string) {
	s.warnings = append(s.warnings, protocol.Warning{Path: path, Line: line, Message: message})
}

// AddYAML reads a stream of documents.
func (s *Set) AddYAML(stream []byte, origin Origin) error {
	for document, err := range Read(stream, origin.Path) {
		if err != nil {
			return err
		}
		s.warnings = append(s.warnings, document.Warnings...)
		origin.Line = document.Line
		if err := s.AddValue(document.Value, origin); err != nil {
			return err
		}
	}
	return nil
}

// AddValue adds one object, or each item of a list. The value is changed in place.
func (s *Set) AddValue(value any, origin Origin) error {
	if deeperThan(value, s.limits.Depth) {
		return failure.New(failure.Limit, origin.Path, "is nested deeper than %d levels", s.limits.Depth).At(origin.Line, 0)
	}
	object, isMap := value.(map[string]any)
	if !isMap {
		return failure.New(failure.Render, origin.Path, "holds %s where a Kubernetes object (a mapping with apiVersion and kind) was expected", Describe(value)).At(origin.Line, 0)
	}
	if items, isList := listItems(object); isList {
		return s.addItems(object, items, origin)
	}
	return s.add(object, origin)
}

func (s *Set) addItems(list map[string]any, items []any, origin Origin) error {
	for _, item := range items {
		if object, isMap := item.(map[string]any); isMap {
			inherit(object, list)
		}
		if err := s.AddValue(item, origin); err != nil {
			return err
		}
	}
	return nil
}

func (s *Set) add(object map[string]any, origin Origin) error {
	if len(s.objects) == s.limits.Objects {
		return failure.New(failure.Limit, origin.Path, "renders to more than %d objects; split it, or raise the limit", s.limits.Objects)
	}
	described := describeObject(object)
	s.dropServerFields(object, described, origin)
	start := s.body.Len()
	if err := s.encode(object); err != nil {
		return failure.New(failure.Render, origin.Path, "cannot be written as JSON: %s", err).At(origin.Line, 0)
	}
	if s.body.Len() > s.limits.OutputBytes {
		return failure.New(failure.Limit, origin.Path, "renders to more than %d MiB; split it, or raise the limit", s.limits.OutputBytes>>20)
	}
	digest := sha256.Sum256(s.body.Bytes()[start:])
	described.Path, described.Line, described.CRD = origin.Path, origin.Line, origin.CRD
	described.Offset, described.Length = start, s.body.Len()-start
	described.Digest = hex.EncodeToString(digest[:])
	s.objects = append(s.objects, described)
	return nil
}

func (s *Set) encode(object map[string]any) error {
	encoder := json.NewEncoder(&s.body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(object); err != nil {
		return err
	}
	s.body.Truncate(s.body.Len() - 1) // the encoder's newline
	return nil
}
