package helm

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	yamlv3 "go.yaml.in/yaml/v3"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"helm.sh/helm/v4/pkg/chart/common"
	chart "helm.sh/helm/v4/pkg/chart/v2"

	"trimtab.dev/renderer/internal/failure"
)

// validate checks the values against values.schema.json of the chart and of its subcharts,
// as Helm does, but for references that lead out of the schema: they are refused.
func (l *loadedChart) validate(values common.Values, given *given) error {
	table, err := values.Table("Values")
	if err != nil {
		return nil // no values at all
	}
	return l.validateChart(l.chart, table, nil, given)
}

func (l *loadedChart) validateChart(checked *chart.Chart, values map[string]any, prefix []string, given *given) error {
	if checked.Schema != nil {
		if err := l.validateOne(checked, values, prefix, given); err != nil {
			return err
		}
	}
	for _, dependency := range checked.Dependencies() {
		inner, isMap := values[dependency.Name()].(map[string]any)
		if !isMap {
			continue
		}
		if err := l.validateChart(dependency, inner, append(prefix, dependency.Name()), given); err != nil {
			return err
		}
	}
	return nil
}

func (l *loadedChart) validateOne(checked *chart.Chart, values map[string]any, prefix []string, given *given) error {
	compiled, err := compileSchema(checked.Schema)
	if err != nil {
		return failure.New(failure.Render, l.file("values.schema.json"), "the schema of chart %s cannot be used: %s", checked.Name(), err)
	}
	err = compiled.Validate(map[string]any(values))
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return err
	}
	return l.explainInvalid(checked, deepest(invalid), prefix, values, given)
}

// refusingLoader knows no other documents: a schema that wants one would read files or the network.
type refusingLoader struct{}

func (refusingLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("it refers to %s, and only references inside the schema are followed", url)
}

// maxSchema bounds the schema's text, and with it each of its patterns.
const maxSchema = 5 << 20

func compileSchema(text []byte) (*jsonschema.Schema, error) {
	if len(text) > maxSchema {
		return nil, fmt.Errorf("it is larger than %d MiB", maxSchema>>20)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	const name = "mem:///values.schema.json"
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(refusingLoader{})
	if err := compiler.AddResource(name, document); err != nil {
		return nil, err
	}
	return compiler.Compile(name)
}

// deepest goes down to the first cause that has no causes of its own.
func deepest(invalid *jsonschema.ValidationError) *jsonschema.ValidationError {
	for len(invalid.Causes) > 0 {
		invalid = invalid.Causes[0]
	}
	return invalid
}

func (l *loadedChart) explainInvalid(checked *chart.Chart, invalid *jsonschema.ValidationError, prefix []string, values map[string]any, given *given) error {
	location := append(append([]string{}, prefix...), invalid.InstanceLocation...)
	sentence := fmt.Sprintf("%s (schema of chart %s %s)", invalidSentence(location, invalid, values), checked.Name(), checked.Metadata.Version)
	name, line, column := l.locate(location, given)
	return failure.New(failure.Render, name, "%s", sentence).At(line, column)
}

// secretName guesses that a value must not be shown.
var secretName = regexp.MustCompile(`(?i)pass|secret|token|key|cred|cert`)

func invalidSentence(location []string, invalid *jsonschema.ValidationError, values map[string]any) string {
	name := strings.Join(location, ".")
	if name == "" {
		name = "the values"
	}
	typed, isType := invalid.ErrorKind.(*kind.Type)
	if !isType {
		return name + ": " + hideGot(invalid.ErrorKind).LocalizedString(message.NewPrinter(language.English))
	}
	found := typed.Got
	if text, isString := valueAt(values, invalid.InstanceLocation).(string); isString && len(text) <= 40 && !secretName.MatchString(name) {
		found = strconv.Quote(text)
	}
	return fmt.Sprintf("%s must be %s, found %s", name, strings.Join(withArticles(typed.Want), " or "), found)
}

// hideGot takes the offending value out of the library's message: it may be a secret.
func hideGot(errorKind jsonschema.ErrorKind) jsonschema.ErrorKind {
	switch typed := errorKind.(type) {
	case *kind.Pattern:
		return &kind.Pattern{Got: "…", Want: typed.Want}
	case *kind.Format:
		return &kind.Format{Got: "…", Want: typed.Want, Err: errors.New("it does not fit")}
	default:
		return errorKind
	}
}

func withArticles(types []string) []string {
	named := make([]string, len(types))
	for index, name := range types {
		named[index] = "a " + name
		if strings.ContainsAny(name[:1], "aeiou") {
			named[index] = "an " + name
		}
	}
	return named
}

func valueAt(value any, location []string) any {
	for _, part := range location {
		switch typed := value.(type) {
		case map[string]any:
			value = typed[part]
		case []any:
			index, err := strconv.Atoi(part)
			if err != nil || index >= len(typed) {
				return nil
			}
			value = typed[index]
		default:
			return nil
		}
	}
	return value
}

// locate finds the text that a value came from: inline values win over files, later files over
// earlier ones, all over the chart's own. Line 0 means that the place is not known.
func (l *loadedChart) locate(location []string, given *given) (name string, line, column int) {
	if node := nodeAt(given.inline, location); node != nil {
		return "", 0, 0
	}
	texts := given.texts
	for _, file := range l.files {
		if file.Name == "values.yaml" {
			texts = append([]valuesText{{path: l.file("values.yaml"), content: file.Data}}, texts...)
		}
	}
	for index := len(texts) - 1; index >= 0; index-- {
		if node := nodeAt(texts[index].content, location); node != nil {
			return texts[index].path, node.Line, node.Column
		}
	}
	return l.file("values.yaml"), 0, 0
}

// nodeAt finds the node at a path of keys and indexes in a YAML text; nil if it is not there.
func nodeAt(text []byte, location []string) *yamlv3.Node {
	var document yamlv3.Node
	if len(text) == 0 || yamlv3.Unmarshal(text, &document) != nil || len(document.Content) == 0 {
		return nil
	}
	node := document.Content[0]
	for _, part := range location {
		if node = child(node, part); node == nil {
			return nil
		}
	}
	return node
}

func child(node *yamlv3.Node, part string) *yamlv3.Node {
	switch node.Kind {
	case yamlv3.MappingNode:
		for index := 0; index+1 < len(node.Content); index += 2 {
			if node.Content[index].Value == part {
				return node.Content[index+1]
			}
		}
	case yamlv3.SequenceNode:
		if index, err := strconv.Atoi(part); err == nil && index < len(node.Content) {
			return node.Content[index]
		}
	}
	return nil
}
