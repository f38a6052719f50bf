package tree

import (
	"path"
	"strings"

	"trimtab.dev/renderer/internal/failure"
)

// Glob gives the paths that match a pattern (path.Match for each segment), sorted, and records the
// listings it looked at. A pattern without wildcards is given back as it is.
func (v *View) Glob(pattern string) ([]string, error) {
	if !strings.ContainsAny(pattern, `*?[\`) {
		return []string{pattern}, nil
	}
	if _, err := path.Match(pattern, ""); err != nil {
		return nil, failure.New(failure.Render, "", "%q is not a glob pattern: %s", pattern, err)
	}
	matches := []string{""}
	for segment := range strings.SplitSeq(pattern, "/") {
		var next []string
		for _, directory := range matches {
			found, err := v.globSegment(directory, segment)
			if err != nil {
				return nil, err
			}
			next = append(next, found...)
		}
		matches = next
	}
	return matches, nil
}

func (v *View) globSegment(directory, segment string) ([]string, error) {
	if !strings.ContainsAny(segment, `*?[\`) {
		return []string{path.Join(directory, segment)}, nil
	}
	node, err := v.Stat(directory)
	if err == ErrAbsent || (err == nil && node.Class != Directory) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	entries, _, err := v.ReadDir(directory)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, entry := range entries {
		if matched, _ := path.Match(segment, entry.Name); matched {
			found = append(found, path.Join(directory, entry.Name))
		}
	}
	return found, nil
}
