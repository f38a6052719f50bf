package frame

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

// TestAFrameComesBackAsItWasSent: header and body, empty body too, several in a row.
func TestAFrameComesBackAsItWasSent(t *testing.T) {
	var stream bytes.Buffer
	connection := NewConnection(&stream, &stream)
	for _, body := range []string{"", "one\x00two", strings.Repeat("x", 200_000)} {
		if err := connection.Write(map[string]string{"type": "t"}, []byte(body)); err != nil {
			t.Fatal(err)
		}
		got, err := connection.Read()
		if err != nil || string(got.Header) != `{"type":"t"}` || string(got.Body) != body {
			t.Errorf("got %.40q %.40q %v", got.Header, got.Body, err)
		}
	}
}

// TestEndings: between frames is an end, inside one is an error, and so is a frame over the limit (before it is allocated).
func TestEndings(t *testing.T) {
	for input, want := range map[string]error{
		"":                                  io.EOF,
		"\x00\x00\x00\x02":                  io.ErrUnexpectedEOF,
		"\x00\x00\x00\x02\x00\x00\x00\x01{": io.ErrUnexpectedEOF,
	} {
		if _, err := NewConnection(strings.NewReader(input), nil).Read(); !errors.Is(err, want) {
			t.Errorf("%q ended with %v, wanted %v", input, err, want)
		}
	}
	if _, err := NewConnection(strings.NewReader("\x00\x00\x00\x02\xff\xff\xff\xff"), nil).Read(); err == nil || !strings.Contains(err.Error(), "over the limit") {
		t.Error(err)
	}
}

// FuzzRead: no input makes the reader panic.
func FuzzRead(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x02\x00\x00\x00\x00{}"))
	f.Fuzz(func(_ *testing.T, input []byte) {
		_, _ = NewConnection(bytes.NewReader(input), nil).Read()
	})
}
