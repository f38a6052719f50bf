package kustomize

import (
	"bytes"
	"strings"

	"trimtab.dev/renderer/internal/objects"
)

// places remembers where objects were written. Kustomize forgets it, and its
// origin annotations would change what JSON patches see; so the files that it
// read are skimmed, and results are matched by kind and name.
type places struct{ known []placed }

type placed struct {
	kind, name string
	origin     objects.Origin
}

// learn skims a file: the top-level kind and the name inside metadata of each document.
func (p *places) learn(path string, content []byte) {
	current := placed{}
	inMetadata, number := false, 0
	for line := range bytes.SplitSeq(content, []byte("\n")) {
		number++
		text := strings.TrimRight(string(line), " \r")
		switch {
		case strings.HasPrefix(text, "---"):
			p.keep(current)
			current, inMetadata = placed{}, false
		case strings.HasPrefix(text, "kind:"):
			current.kind = scalar(text[len("kind:"):])
		case inMetadata && current.name == "" && strings.HasPrefix(text, "  name:"):
			current.name = scalar(text[len("  name:"):])
		case text != "" && text[0] != ' ' && text[0] != '#':
			inMetadata = text == "metadata:"
		}
		if current.origin.Line == 0 && text != "" && text[0] != '#' && !strings.HasPrefix(text, "---") {
			current.origin = objects.Origin{Path: path, Line: number}
		}
	}
	p.keep(current)
}

func (p *places) keep(found placed) {
	if found.kind != "" && found.name != "" {
		p.known = append(p.known, found)
	}
}

func scalar(text string) string {
	text, _, _ = strings.Cut(text, " #")
	return strings.Trim(strings.TrimSpace(text), `"'`)
}

// of gives the place of a result: that of the same kind whose name is the longest part of the result's
// (prefixes and suffixes were added around it), the first read among equals; else the kustomization itself.
func (p *places) of(kind, name, otherwise string) objects.Origin {
	best := placed{origin: objects.Origin{Path: otherwise}}
	for _, candidate := range p.known {
		if candidate.kind == kind && len(candidate.name) > len(best.name) && strings.Contains(name, candidate.name) {
			best = candidate
		}
	}
	return best.origin
}
