package objects

import "bytes"

// document is one YAML document of a stream and the line of its first content, 1-based.
type document struct {
	text []byte
	line int
}

// split cuts a stream at its "---" and "..." lines. Text after a marker ("--- # why", "--- {a: 1}")
// belongs to the document that it opens. Documents of blanks and comments alone are left out.
func split(stream []byte) []document {
	stream = bytes.TrimPrefix(stream, []byte("\xef\xbb\xbf"))
	var documents []document
	start, startLine, line := 0, 1, 1
	for position := 0; position < len(stream); line++ {
		end := len(stream)
		if newline := bytes.IndexByte(stream[position:], '\n'); newline >= 0 {
			end = position + newline + 1
		}
		if marker := stream[position:end]; isMarker(marker) {
			documents = appendDocument(documents, stream[start:position], startLine)
			start, startLine = position+3, line
		}
		position = end
	}
	return appendDocument(documents, stream[start:], startLine)
}

// isMarker knows the lines that begin or end a document (YAML 1.2, 9.1.2): the mark, then a blank or nothing.
func isMarker(line []byte) bool {
	if !bytes.HasPrefix(line, []byte("---")) && !bytes.HasPrefix(line, []byte("...")) {
		return false
	}
	return len(line) == 3 || bytes.IndexByte([]byte(" \t\r\n"), line[3]) >= 0
}

func appendDocument(documents []document, text []byte, line int) []document {
	skipped, found := firstContent(text)
	if !found {
		return documents
	}
	return append(documents, document{text: text, line: line + skipped})
}

// firstContent counts the lines before the first that is neither blank nor a comment.
func firstContent(text []byte) (lines int, found bool) {
	for len(text) > 0 {
		line, rest, _ := bytes.Cut(text, []byte("\n"))
		trimmed := bytes.TrimSpace(line)
		if len(trimmed) > 0 && trimmed[0] != '#' {
			return lines, true
		}
		lines++
		text = rest
	}
	return lines, false
}
