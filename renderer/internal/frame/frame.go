// Package frame reads and writes the length-prefixed frames of design 002.
package frame

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
)

// Limits of one frame, in bytes.
const (
	MaxHeader = 64 << 20
	MaxBody   = 256 << 20
)

// Frame is a JSON header and a raw body.
type Frame struct {
	Header json.RawMessage
	Body   []byte
}

// Connection is a pair of streams that carry frames. It is not safe for
// concurrent use: a worker does one thing at a time.
type Connection struct {
	reader *bufio.Reader
	writer *bufio.Writer
}

// NewConnection wraps two streams.
func NewConnection(reader io.Reader, writer io.Writer) *Connection {
	return &Connection{
		reader: bufio.NewReaderSize(reader, 64<<10),
		writer: bufio.NewWriterSize(writer, 64<<10),
	}
}

// Read gives the next frame. io.EOF means the other side ended between two
// frames; io.ErrUnexpectedEOF that it ended inside one.
func (c *Connection) Read() (Frame, error) {
	var lengths [8]byte
	if _, err := io.ReadFull(c.reader, lengths[:]); err != nil {
		return Frame{}, err
	}
	header := binary.BigEndian.Uint32(lengths[:4])
	body := binary.BigEndian.Uint32(lengths[4:])
	if header > MaxHeader || body > MaxBody {
		return Frame{}, fmt.Errorf("a frame of %d + %d bytes is over the limit of %d + %d", header, body, MaxHeader, MaxBody)
	}
	content := make([]byte, int(header)+int(body))
	if _, err := io.ReadFull(c.reader, content); err != nil {
		return Frame{}, io.ErrUnexpectedEOF
	}
	return Frame{Header: content[:header:header], Body: content[header:]}, nil
}

// Write sends a frame at once.
func (c *Connection) Write(header any, body []byte) error {
	encoded, err := json.Marshal(header)
	if err != nil {
		return fmt.Errorf("encoding a frame's header: %w", err)
	}
	var lengths [8]byte
	binary.BigEndian.PutUint32(lengths[:4], uint32(len(encoded)))
	binary.BigEndian.PutUint32(lengths[4:], uint32(len(body)))
	for _, part := range [][]byte{lengths[:], encoded, body} {
		if _, err := c.writer.Write(part); err != nil {
			return err
		}
	}
	return c.writer.Flush()
}
