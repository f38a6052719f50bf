package jsonnet

import (
	"fmt"
	"path"
	"strings"

	"github.com/google/go-jsonnet"

	"trimtab.dev/renderer/internal/failure"
	"trimtab.dev/renderer/internal/tree"
)

// root marks paths of the tree: an import that begins with any other "/" is absolute, and refused.
const root = "/tree/"

// importer finds imports beside the importing file, then in the library paths, the last one first (as the jsonnet command does).
// Jsonnet wants the very same Contents for the same place, so they are kept.
type importer struct {
	view      *tree.View
	libraries []string
	contents  map[string]jsonnet.Contents
	failed    *failure.Failure
}

func newImporter(view *tree.View, directory string, libraries []string) *importer {
	made := &importer{view: view, contents: map[string]jsonnet.Contents{}}
	for index := len(libraries) - 1; index >= 0; index-- {
		library := path.Join(directory, libraries[index])
		if strings.HasPrefix(libraries[index], "/") {
			library = strings.TrimPrefix(path.Clean(libraries[index]), "/")
		}
		made.libraries = append(made.libraries, library)
	}
	return made
}

// Import serves go-jsonnet.
func (i *importer) Import(from, imported string) (jsonnet.Contents, string, error) {
	for _, candidate := range i.candidates(from, imported) {
		name, inside := tree.Clean(candidate)
		if !inside {
			continue
		}
		if contents, known := i.contents[name]; known {
			return contents, root + name, nil
		}
		text, err := i.view.ReadFile(name)
		if err == tree.ErrAbsent {
			continue
		}
		if err != nil {
			i.failed = failure.From(err)
			return jsonnet.Contents{}, "", err
		}
		contents := jsonnet.MakeContentsRaw(text)
		i.contents[name] = contents
		return contents, root + name, nil
	}
	return jsonnet.Contents{}, "", fmt.Errorf("%q is neither beside the importing file nor in the library paths, inside the repository", strings.TrimPrefix(imported, root))
}

func (i *importer) candidates(from, imported string) []string {
	if name, entry := strings.CutPrefix(imported, root); entry {
		return []string{name}
	}
	if strings.HasPrefix(imported, "/") {
		return nil
	}
	candidates := []string{path.Join(path.Dir(strings.TrimPrefix(from, root)), imported)}
	for _, library := range i.libraries {
		candidates = append(candidates, path.Join(library, imported))
	}
	return candidates
}
