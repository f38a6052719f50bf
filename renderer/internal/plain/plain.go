// Package plain renders a directory of manifests, with Argo CD's directory semantics
// (https://argo-cd.readthedocs.io/en/stable/user-guide/directory/).
package plain

import (
	"path"
	"slices"
	"strings"

	"github.com/gobwas/glob"

	"trimtab.dev/renderer/internal/failure"
	"trimtab.dev/renderer/internal/objects"
	"trimtab.dev/renderer/internal/tree"
)

// Parameters narrow or widen what is taken. Globs are matched against the path
// below the directory; "*" crosses "/", "{a,b}" is a choice, "" takes the default.
type Parameters struct {
	Recurse bool   `json:"recurse"`
	Include string `json:"include"`
	Exclude string `json:"exclude"`
}

// kustomizations never count as manifests.
var kustomizations = []string{"kustomization.yaml", "kustomization.yml", "Kustomization"}

// manifest is one file that was chosen: its path in the tree and its entry.
type manifest struct {
	path  string
	entry tree.Entry
}

// Render adds the objects of the directory's manifests to the set, in path order.
func Render(view *tree.View, directory string, parameters Parameters, set *objects.Set) error {
	chosen, err := newFilter(parameters)
	if err != nil {
		return err
	}
	manifests, err := list(view, directory, "", chosen, parameters.Recurse)
	if err != nil {
		return err
	}
	if err := prefetch(view, manifests); err != nil {
		return err
	}
	for _, found := range manifests {
		if err := add(view, found, set); err != nil {
			return err
		}
	}
	return nil
}

func list(view *tree.View, directory, below string, chosen filter, recurse bool) ([]manifest, error) {
	entries, real, err := view.ReadDir(path.Join(directory, below))
	if err != nil {
		return nil, err
	}
	if recurse {
		if err := view.Prefetch(directories(entries)); err != nil {
			return nil, err
		}
	}
	var manifests []manifest
	for _, entry := range entries {
		relative := path.Join(below, entry.Name)
		switch {
		case entry.Class == tree.Directory && recurse:
			inner, err := list(view, directory, relative, chosen, recurse)
			if err != nil {
				return nil, err
			}
			manifests = append(manifests, inner...)
		case (entry.IsFile() || entry.Class == tree.Link) && chosen.takes(relative):
			manifests = append(manifests, manifest{path.Join(real, entry.Name), entry})
		}
	}
	return manifests, nil
}

func directories(entries []tree.Entry) []tree.Entry {
	return slices.DeleteFunc(slices.Clone(entries), func(entry tree.Entry) bool { return entry.Class != tree.Directory })
}

func prefetch(view *tree.View, manifests []manifest) error {
	entries := make([]tree.Entry, len(manifests))
	for index, found := range manifests {
		entries[index] = found.entry
	}
	return view.Prefetch(entries)
}

func add(view *tree.View, found manifest, set *objects.Set) error {
	if found.entry.Class == tree.Link {
		node, err := view.Stat(found.path)
		if err == tree.ErrAbsent {
			return failure.New(failure.Source, found.path, "is a symbolic link to nothing")
		}
		if err != nil || node.Class == tree.Directory {
			return err
		}
	}
	text, err := view.ReadPlain(found.path)
	if err != nil {
		return err
	}
	return set.AddYAML(text, objects.Origin{Path: found.path})
}

// filter decides by name and globs which files are manifests.
type filter struct{ include, exclude glob.Glob }

func newFilter(parameters Parameters) (filter, error) {
	include, err := compile("include", parameters.Include)
	if err != nil {
		return filter{}, err
	}
	exclude, err := compile("exclude", parameters.Exclude)
	return filter{include, exclude}, err
}

func compile(field, pattern string) (glob.Glob, error) {
	if pattern == "" {
		return nil, nil
	}
	compiled, err := glob.Compile(pattern)
	if err != nil {
		return nil, failure.New(failure.Render, "", "the %s pattern %q is not a glob: %s", field, pattern, err)
	}
	return compiled, nil
}

func (f filter) takes(relative string) bool {
	name := path.Base(relative)
	if !slices.Contains([]string{".yaml", ".yml", ".json"}, path.Ext(name)) || slices.Contains(kustomizations, name) || strings.HasPrefix(name, ".") {
		return false
	}
	if f.include != nil && !f.include.Match(relative) {
		return false
	}
	return f.exclude == nil || !f.exclude.Match(relative)
}
