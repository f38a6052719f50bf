// Package jsonnet evaluates Jsonnet from a Git tree into Kubernetes objects.
package jsonnet

import (
	"errors"
	"io"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/google/go-jsonnet"

	"trimtab.dev/renderer/internal/failure"
	"trimtab.dev/renderer/internal/objects"
	"trimtab.dev/renderer/internal/tree"
)

// Parameters are the application's, as in design 002. LibraryPaths are relative
// to the application's directory, or to the tree's root when they begin with "/".
type Parameters struct {
	File         string            `json:"file"`
	ExtStr       map[string]string `json:"extStr"`
	ExtCode      map[string]string `json:"extCode"`
	TLAStr       map[string]string `json:"tlaStr"`
	TLACode      map[string]string `json:"tlaCode"`
	LibraryPaths []string          `json:"libraryPaths"`
}

// maxStack is go-jsonnet's own default; named, since recursion must end in an error and not in the worker's death.
const maxStack = 500

// Render adds the objects of the entry file's value to the set.
func Render(view *tree.View, directory string, parameters Parameters, set *objects.Set) error {
	file, err := EntryFile(view, directory, parameters.File)
	if err != nil {
		return err
	}
	importer := newImporter(view, directory, parameters.LibraryPaths)
	text, err := evaluate(importer, file, parameters)
	if err != nil {
		return importer.explain(err, file)
	}
	value, err := objects.DecodeJSON([]byte(text))
	if err != nil {
		return failure.New(failure.Render, file, "evaluates to text that is not JSON: %s", err)
	}
	return collect(value, file, "", set)
}

func evaluate(importer *importer, file string, parameters Parameters) (string, error) {
	vm := jsonnet.MakeVM()
	vm.MaxStack = maxStack
	vm.SetTraceOut(io.Discard) // std.trace may print secrets
	vm.Importer(importer)
	for name, value := range parameters.ExtStr {
		vm.ExtVar(name, value)
	}
	for name, value := range parameters.ExtCode {
		vm.ExtCode(name, value)
	}
	for name, value := range parameters.TLAStr {
		vm.TLAVar(name, value)
	}
	for name, value := range parameters.TLACode {
		vm.TLACode(name, value)
	}
	return vm.EvaluateFile(root + file)
}

// EntryFile chooses what to evaluate: the named file, else main.jsonnet, else the only *.jsonnet.
func EntryFile(view *tree.View, directory, named string) (string, error) {
	if named != "" {
		file, inside := tree.Clean(path.Join(directory, named))
		if !inside {
			return "", failure.New(failure.Source, named, "this path leaves the repository; jsonnet.file must lie in it")
		}
		return file, nil
	}
	entries, real, err := view.ReadDir(directory)
	if err != nil {
		return "", err
	}
	candidates := Candidates(entries)
	if len(candidates) != 1 {
		return "", failure.New(failure.Source, directory, "has no main.jsonnet and %d other *.jsonnet files; name the one to evaluate with jsonnet.file", len(candidates))
	}
	return path.Join(real, candidates[0]), nil
}

// Candidates gives the entry files of a listing: main.jsonnet alone, or every *.jsonnet.
func Candidates(entries []tree.Entry) []string {
	var found []string
	for _, entry := range entries {
		if entry.Class == tree.Directory || path.Ext(entry.Name) != ".jsonnet" {
			continue
		}
		if entry.Name == "main.jsonnet" {
			return []string{entry.Name}
		}
		found = append(found, entry.Name)
	}
	return found
}

// collect walks the value: an object with kind and apiVersion is one of Kubernetes', anything else is walked
// through, lists in their order and maps in the order of their keys (as Tanka and kubecfg do).
func collect(value any, file, where string, set *objects.Set) error {
	switch typed := value.(type) {
	case nil:
		return nil
	case []any:
		for index, item := range typed {
			if err := collect(item, file, where+"["+strconv.Itoa(index)+"]", set); err != nil {
				return err
			}
		}
		return nil
	case map[string]any:
		if typed["kind"] != nil || typed["apiVersion"] != nil {
			return set.AddValue(typed, objects.Origin{Path: file})
		}
		for _, key := range objects.SortedKeys(typed) {
			if err := collect(typed[key], file, strings.TrimPrefix(where+"."+key, "."), set); err != nil {
				return err
			}
		}
		return nil
	default:
		return failure.New(failure.Render, file, "evaluates to %s at %q; only Kubernetes objects, and lists and maps of them, can be applied", objects.Describe(value), where)
	}
}

var jsonnetPlace = regexp.MustCompile(`([^\s:()]+):\(?(\d+):(\d+)`)

// explain gives the first line of Jsonnet's error and the first place in it that is not its standard library.
func (i *importer) explain(err error, file string) error {
	var known *failure.Failure
	if errors.As(err, &known) {
		return known
	}
	if i.failed != nil {
		return i.failed
	}
	text := strings.ReplaceAll(err.Error(), root, "")
	message, _, _ := strings.Cut(strings.TrimPrefix(text, "RUNTIME ERROR: "), "\n")
	result := failure.New(failure.Render, file, "%s", message).WithDetail(text)
	for _, match := range jsonnetPlace.FindAllStringSubmatch(text, -1) {
		if strings.HasPrefix(match[1], "<") {
			continue
		}
		result.Path = match[1]
		result.Line, _ = strconv.Atoi(match[2])
		result.Column, _ = strconv.Atoi(match[3])
		result.Message = strings.TrimPrefix(message, match[0]+" ")
		break
	}
	return result
}
