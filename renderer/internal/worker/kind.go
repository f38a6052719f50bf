package worker

import (
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/konfig"

	"trimtab.dev/renderer/internal/failure"
	"trimtab.dev/renderer/internal/jsonnet"
	"trimtab.dev/renderer/internal/tree"
)

// chooseKind looks at what the directory holds, where the application leaves it open.
func chooseKind(view *tree.View, location, asked string) (string, error) {
	if strings.HasSuffix(location, ".tgz") && (asked == "" || asked == "Auto") {
		return "Helm", nil
	}
	if asked != "" && asked != "Auto" {
		return asked, exists(view, location)
	}
	entries, _, err := view.ReadDir(location)
	if err != nil {
		return "", absent(err, location)
	}
	found := kindsIn(entries)
	switch len(found) {
	case 0:
		return "Plain", nil
	case 1:
		return found[0], nil
	default:
		return "", failure.New(failure.Source, location, "could be %s; say which by naming it in spec.sources[].kind", strings.Join(found, " or "))
	}
}

func kindsIn(entries []tree.Entry) []string {
	var found []string
	holds := func(names ...string) bool {
		return slices.ContainsFunc(entries, func(entry tree.Entry) bool {
			return entry.Class != tree.Directory && slices.Contains(names, entry.Name)
		})
	}
	if holds("Chart.yaml") {
		found = append(found, "Helm")
	}
	if holds(konfig.RecognizedKustomizationFileNames()...) {
		found = append(found, "Kustomize")
	}
	if len(jsonnet.Candidates(entries)) == 1 {
		found = append(found, "Jsonnet")
	}
	return found
}

// exists makes a missing path one clear error, whatever the renderer would say.
func exists(view *tree.View, location string) error {
	_, err := view.Stat(location)
	return absent(err, location)
}

func absent(err error, location string) error {
	if err == tree.ErrAbsent {
		return failure.New(failure.Source, location, "there is no such directory in this revision; mend spec.sources[].path, or commit the directory")
	}
	return err
}
