package helm

import (
	"bytes"
	"encoding/json"
	"path"
	"strings"

	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/strvals"

	"trimtab.dev/renderer/internal/failure"
	"trimtab.dev/renderer/internal/tree"
)

// Parameters are a release's, as in design 002.
type Parameters struct {
	ReleaseName          string          `json:"releaseName"`
	Namespace            string          `json:"namespace"`
	Values               json.RawMessage `json:"values"`
	ValuesFrom           []ValuesSource  `json:"valuesFrom"`
	Set                  []string        `json:"set"`
	SetString            []string        `json:"setString"`
	SetFile              []string        `json:"setFile"`
	SetJSON              []string        `json:"setJson"`
	SetLiteral           []string        `json:"setLiteral"`
	CRDs                 string          `json:"crds"`
	SkipTests            bool            `json:"skipTests"`
	SkipSchemaValidation bool            `json:"skipSchemaValidation"`
}

// ValuesSource is a values file of the tree, or values that came from elsewhere under a name.
type ValuesSource struct {
	Path     string  `json:"path"`
	Optional bool    `json:"optional"`
	Content  *string `json:"content"`
	Name     string  `json:"name"`
}

// given is what the user said, merged, and the texts it came from, in order.
type given struct {
	merged map[string]any
	texts  []valuesText
	inline []byte
}

// valuesText is one values file. Path is in the tree; Name is how people know it.
type valuesText struct {
	path    string
	content []byte
}

// collect merges values as Helm does: files in order, then inline values, then
// set-json, set, set-string, set-file and set-literal.
func collect(view *tree.View, loaded *loadedChart, parameters Parameters) (*given, error) {
	result := &given{merged: map[string]any{}, inline: parameters.Values}
	for _, source := range parameters.ValuesFrom {
		texts, err := read(view, loaded.directory(), source)
		if err != nil {
			return nil, err
		}
		result.texts = append(result.texts, texts...)
	}
	for _, text := range result.texts {
		values, err := loader.LoadValues(bytes.NewReader(text.content))
		if err != nil {
			return nil, explainValues(err, text)
		}
		result.merged = loader.MergeMaps(result.merged, values)
	}
	if len(parameters.Values) > 0 {
		inline := map[string]any{}
		if err := json.Unmarshal(parameters.Values, &inline); err != nil {
			return nil, failure.New(failure.Render, "", "the application's helm.values are no mapping: %s", err)
		}
		result.merged = loader.MergeMaps(result.merged, inline)
	}
	return result, set(view, loaded.directory(), parameters, result.merged)
}

// read gives the texts that one source stands for: several if it is a glob.
func read(view *tree.View, directory string, source ValuesSource) ([]valuesText, error) {
	if source.Content != nil {
		return []valuesText{{path: first(source.Name, "inline values"), content: []byte(*source.Content)}}, nil
	}
	name, err := place(directory, source.Path)
	if err != nil {
		return nil, err
	}
	names, err := view.Glob(name)
	if err != nil {
		return nil, err
	}
	var texts []valuesText
	for _, name := range names {
		content, err := view.ReadPlain(name)
		if err == tree.ErrAbsent {
			continue
		}
		if err != nil {
			return nil, err
		}
		texts = append(texts, valuesText{path: name, content: content})
	}
	if len(texts) == 0 && !source.Optional {
		return nil, failure.New(failure.Source, name, "there is no such values file; mend the path, or mark it optional")
	}
	return texts, nil
}

// place makes a path that is relative to the chart, or absolute in the tree, one of the tree.
func place(directory, raw string) (string, error) {
	if strings.Contains(raw, "://") {
		return "", failure.New(failure.Unsupported, "", "values file %q is a URL; only files of the repository are read", raw)
	}
	joined := path.Join(directory, raw)
	if strings.HasPrefix(raw, "/") {
		joined = strings.TrimPrefix(path.Clean(raw), "/")
	}
	name, inside := tree.Clean(joined)
	if !inside {
		return "", failure.New(failure.Source, raw, "this path leaves the repository; values files must lie in it")
	}
	return name, nil
}

// set applies the --set family, in Helm's order (pkg/cli/values of Helm 4).
func set(view *tree.View, directory string, parameters Parameters, into map[string]any) error {
	readFile := func(name []rune) (any, error) {
		resolved, err := place(directory, string(name))
		if err != nil {
			return nil, err
		}
		content, err := view.ReadPlain(resolved)
		if err == tree.ErrAbsent {
			return nil, failure.New(failure.Source, resolved, "there is no such file, and setFile names it")
		}
		return string(content), err
	}
	for _, step := range []struct {
		name        string
		expressions []string
		apply       func(string) error
	}{
		{"setJson", parameters.SetJSON, func(expression string) error { return strvals.ParseJSON(expression, into) }},
		{"set", parameters.Set, func(expression string) error { return strvals.ParseInto(expression, into) }},
		{"setString", parameters.SetString, func(expression string) error { return strvals.ParseIntoString(expression, into) }},
		{"setFile", parameters.SetFile, func(expression string) error { return strvals.ParseIntoFile(expression, into, readFile) }},
		{"setLiteral", parameters.SetLiteral, func(expression string) error { return strvals.ParseLiteralInto(expression, into) }},
	} {
		for _, expression := range step.expressions {
			if err := step.apply(expression); err != nil {
				return explainSet(err, step.name, expression)
			}
		}
	}
	return nil
}
