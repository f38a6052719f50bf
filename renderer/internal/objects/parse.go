package objects

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"regexp"
	"strconv"
	"strings"

	yamlv3 "go.yaml.in/yaml/v3"
	"sigs.k8s.io/yaml"

	"trimtab.dev/renderer/internal/failure"
	"trimtab.dev/renderer/internal/protocol"
)

// Document is one document of a stream, as it was read.
type Document struct {
	Value    any
	Line     int // of its first content, 1-based
	Warnings []protocol.Warning
}

// Read gives the documents of a YAML stream one by one, without those that are empty, until the first error.
func Read(stream []byte, path string) iter.Seq2[Document, error] {
	return func(yield func(Document, error) bool) {
		for _, doc := range split(stream) {
			value, warnings, err := parse(doc, path)
			if err == nil && value == nil {
				continue
			}
			if !yield(Document{value, doc.line, warnings}, err) || err != nil {
				return
			}
		}
	}
}

// parse reads one document as Kubernetes does (sigs.k8s.io/yaml), integers exact.
// A key that stands twice is a warning: the last one wins, as in kubectl.
func parse(doc document, path string) (any, []protocol.Warning, error) {
	var warnings []protocol.Warning
	encoded, err := yaml.YAMLToJSONStrict(doc.text)
	if err != nil && strings.Contains(err.Error(), "already set in map") {
		warnings = duplicates(doc, path)
		encoded, err = yaml.YAMLToJSON(doc.text)
	}
	if err != nil {
		if value, jsonErr := DecodeJSON(doc.text); jsonErr == nil {
			return value, warnings, nil // JSON that YAML cannot read, such as surrogate pairs
		}
		return nil, nil, explain(err, doc, path)
	}
	value, err := DecodeJSON(encoded)
	if err != nil {
		return nil, nil, explain(err, doc, path)
	}
	return value, warnings, nil
}

// DecodeJSON reads one JSON value; numbers stay as they are written.
func DecodeJSON(text []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	if decoder.More() {
		return nil, fmt.Errorf("more than one JSON value")
	}
	return value, nil
}

var lineNumber = regexp.MustCompile(`line (\d+)`)

// explain turns a library's error into one sentence with the line in the file.
func explain(err error, doc document, path string) *failure.Failure {
	text := err.Error()
	line, message := doc.line, strings.TrimPrefix(strings.TrimPrefix(text, "error converting YAML to JSON: "), "yaml: ")
	switch {
	case strings.Contains(text, "excessive aliasing"):
		message = "this document's aliases (*name) expand beyond all measure; write the values out"
	case strings.Contains(text, "exceeded max depth"):
		message = "this document is nested too deep to be a Kubernetes object"
	case strings.Contains(text, "unsupported value"):
		line, message = lineOfUnsupported(doc), "infinity and not-a-number do not exist in Kubernetes objects; quote the value if a string is meant"
	default:
		if match := lineNumber.FindStringSubmatch(text); match != nil {
			number, _ := strconv.Atoi(match[1])
			line = lineOfText(doc) + number - 1
			message = "is not valid YAML: " + strings.TrimPrefix(message, match[0]+": ")
		} else {
			message = "is not valid YAML: " + message
		}
	}
	return failure.New(failure.Render, path, "%s", message).At(line, 0).WithDetail(text)
}

// lineOfText is the line of the document's first byte: its content may begin later.
func lineOfText(doc document) int {
	skipped, _ := firstContent(doc.text)
	return doc.line - skipped
}

func lineOfUnsupported(doc document) int {
	line := doc.line
	visit(doc, func(node *yamlv3.Node) {
		lowered := strings.TrimLeft(strings.ToLower(node.Value), "+-")
		if node.Kind == yamlv3.ScalarNode && node.Tag == "!!float" && (lowered == ".nan" || lowered == ".inf" || strings.Contains(lowered, "e")) {
			line = lineOfText(doc) + node.Line - 1
		}
	})
	return line
}

// duplicates finds the keys that stand twice in one mapping. Keys that override a merged one (<<) are not among them.
func duplicates(doc document, path string) []protocol.Warning {
	var warnings []protocol.Warning
	visit(doc, func(node *yamlv3.Node) {
		if node.Kind != yamlv3.MappingNode {
			return
		}
		seen := map[string]int{}
		for index := 0; index+1 < len(node.Content); index += 2 {
			key := node.Content[index]
			line := lineOfText(doc) + key.Line - 1
			if first, found := seen[key.Value]; found && key.Value != "<<" {
				warnings = append(warnings, protocol.Warning{Path: path, Line: line, Message: fmt.Sprintf("key %q already stands in line %d; the last one wins", key.Value, first)})
			}
			seen[key.Value] = line
		}
	})
	return warnings
}

// visit calls a function on every node as written; aliases are not followed.
func visit(doc document, see func(*yamlv3.Node)) {
	var root yamlv3.Node
	if yamlv3.Unmarshal(doc.text, &root) != nil {
		return
	}
	pending := []*yamlv3.Node{&root}
	for len(pending) > 0 {
		node := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		see(node)
		for index := len(node.Content) - 1; index >= 0; index-- {
			pending = append(pending, node.Content[index])
		}
	}
}
