package objects

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"trimtab.dev/renderer/internal/protocol"
)

// TestStreamsAreCutAtMarkers: lines are those of each document's first content.
func TestStreamsAreCutAtMarkers(t *testing.T) {
	for stream, want := range map[string]string{
		"a: 1":                               "1 a: 1",
		"---\na: 1\n---\nb: 1":               "2 a: 1|4 b: 1",
		"# c\n\n--- # why\n# d\na: 1\n---\n": "5 a: 1",
		"--- {a: 1}\n--- {b: 1}\n":           "1 {a: 1}|2 {b: 1}",
		"a: 1\n...\nb: 1\n":                  "1 a: 1|3 b: 1",
		"a: |\n  ---\n  x\nb: 1\n":           "1 a: |\n  ---\n  x\nb: 1",
		"a: 1\r\n---\r\nb: 1\r\n":            "1 a: 1|3 b: 1",
		"----\na: 1":                         "1 ----\na: 1",
		"\xef\xbb\xbfa: 1":                   "1 a: 1",
		"---\n---\n# nothing\n":              "",
	} {
		var got []string
		for _, document := range split([]byte(stream)) {
			text := strings.TrimSpace(string(document.text))
			for strings.HasPrefix(text, "#") {
				_, text, _ = strings.Cut(text, "\n")
			}
			got = append(got, fmt.Sprintf("%d %s", document.line, text))
		}
		if joined := strings.Join(got, "|"); joined != want {
			t.Errorf("%q was cut to %q, wanted %q", stream, joined, want)
		}
	}
}

// FuzzRead: whatever the text, reading ends in documents or an error, never in a panic.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{"a: 1", "a: &a [*a]", "---\n...\n", "{a: {b: .nan}}", "- 1", "a: 1\na: 2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for document, err := range Read([]byte(text), "x.yaml") {
			if err == nil && (document.Line < 1 || document.Line > strings.Count(text, "\n")+1) {
				t.Errorf("line %d of %q", document.Line, text)
			}
		}
	})
}

// TestAFloodOfDocumentsEndsAtTheLimit: before all of a million are read.
func TestAFloodOfDocumentsEndsAtTheLimit(t *testing.T) {
	flood := []byte(strings.Repeat("---\na: 1\n", 1_000_000))
	start := time.Now()
	err := NewSet(protocol.Limits{Objects: 100}).AddYAML(flood, Origin{Path: "x.yaml"})
	if err == nil || !strings.Contains(err.Error(), "more than 100 objects") || time.Since(start) > 5*time.Second {
		t.Errorf("%v after %s", err, time.Since(start))
	}
}
