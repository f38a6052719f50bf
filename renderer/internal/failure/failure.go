// Package failure holds the one error type that leaves the worker: what went
// wrong, where, and how to mend it.
package failure

import (
	"errors"
	"fmt"
)

// Class says whose fault a failure is, and so what the parent does about it.
type Class string

// The classes of design 002.
const (
	Source      Class = "Source"
	Render      Class = "Render"
	Limit       Class = "Limit"
	Unsupported Class = "Unsupported"
)

// detailBytes bounds the library's own text that travels with a failure.
const detailBytes = 4096

// Failure is one sentence about one place. Line and Column are 1-based; 0 is unknown.
type Failure struct {
	Class   Class  `json:"class"`
	Message string `json:"message"`
	Path    string `json:"path,omitempty"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Detail  string `json:"detail,omitempty"`
}

// Error gives the sentence with its place in front.
func (f *Failure) Error() string {
	switch {
	case f.Path == "":
		return f.Message
	case f.Line == 0:
		return f.Path + ": " + f.Message
	default:
		return fmt.Sprintf("%s:%d: %s", f.Path, f.Line, f.Message)
	}
}

// New makes a failure of a class at a path ("" where there is none).
func New(class Class, path, format string, arguments ...any) *Failure {
	return &Failure{Class: class, Path: path, Message: fmt.Sprintf(format, arguments...)}
}

// At sets the line and column and returns the failure.
func (f *Failure) At(line, column int) *Failure {
	f.Line, f.Column = line, column
	return f
}

// WithDetail keeps the library's full text, trimmed.
func (f *Failure) WithDetail(text string) *Failure {
	if len(text) > detailBytes {
		text = text[:detailBytes] + "…"
	}
	f.Detail = text
	return f
}

// From finds the failure inside an error; any other error becomes one of class Render.
func From(err error) *Failure {
	var known *Failure
	if errors.As(err, &known) {
		return known
	}
	return New(Render, "", "%s", firstLine(err.Error())).WithDetail(err.Error())
}

func firstLine(text string) string {
	for index, letter := range text {
		if letter == '\n' {
			return text[:index]
		}
	}
	return text
}
