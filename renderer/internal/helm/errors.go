package helm

import (
	"errors"
	"regexp"
	"strconv"
	"strings"

	"trimtab.dev/renderer/internal/failure"
)

// The places that Go templates and YAML name in their errors.
var (
	templatePlace = regexp.MustCompile(`([^\s():"]+/[^\s():"]+):(\d+)(?::(\d+))?`)
	yamlLine      = regexp.MustCompile(`line (\d+)`)
	yamlPrefix    = regexp.MustCompile(`^line \d+: `)
	errorPrefix   = regexp.MustCompile(`^(execution|parse) error (at|in) \([^)]*\): `)
)

// explain turns a template error into one sentence at the innermost place that it names.
func (l *loadedChart) explain(err error) error {
	var known *failure.Failure
	if errors.As(err, &known) {
		return known
	}
	text := err.Error()
	message := errorPrefix.ReplaceAllString(text, "")
	if message == text {
		message = lastLine(text)
	} else {
		message, _, _ = strings.Cut(message, "\n")
	}
	result := failure.New(failure.Render, l.location, "%s", "the chart does not render: "+message).WithDetail(text)
	places := templatePlace.FindAllStringSubmatch(text, -1)
	if len(places) == 0 {
		return result
	}
	innermost := places[len(places)-1]
	result.Path = l.source(innermost[1])
	line, _ := strconv.Atoi(innermost[2])
	column, _ := strconv.Atoi(innermost[3])
	return result.At(line, column)
}

// explainLoading is for charts that Helm cannot read.
func (l *loadedChart) explainLoading(err error) error {
	text := err.Error()
	for _, name := range []string{"Chart.yaml", "values.yaml", "requirements.yaml", "Chart.lock"} {
		if strings.HasPrefix(text, "cannot load "+name+":") {
			return failure.New(failure.Render, l.file(name), "is not valid: %s", lastPart(text)).At(lineIn(text), 0).WithDetail(text)
		}
	}
	if strings.Contains(text, "Chart.yaml file is missing") {
		return failure.New(failure.Source, l.location, "this chart, or one in its charts/ folder, has no Chart.yaml").WithDetail(text)
	}
	return failure.New(failure.Render, l.location, "the chart cannot be read: %s", text)
}

func explainValues(err error, text valuesText) error {
	return failure.New(failure.Render, text.path, "is not a valid values file: %s", lastPart(err.Error())).At(lineIn(err.Error()), 0).WithDetail(err.Error())
}

// explainSet names the key alone: the value may be a secret.
func explainSet(err error, parameter, expression string) error {
	var known *failure.Failure
	if errors.As(err, &known) {
		return known
	}
	key, _, _ := strings.Cut(expression, "=")
	return failure.New(failure.Render, "", "helm.%s of %q cannot be read; it must be key=value", parameter, key)
}

func lineIn(text string) int {
	match := yamlLine.FindStringSubmatch(text)
	if match == nil {
		return 0
	}
	line, _ := strconv.Atoi(match[1])
	return line
}

func lastPart(text string) string {
	index := strings.LastIndex(text, "yaml: ") // the first may be that of "values.yaml: "
	if index < 0 {
		return text
	}
	return yamlPrefix.ReplaceAllString(text[index+len("yaml: "):], "")
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
