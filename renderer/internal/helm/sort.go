package helm

import (
	"bytes"
	"cmp"
	"maps"
	"path"
	"slices"
	"sort"
	"strconv"
	"strings"

	"helm.sh/helm/v4/pkg/chart/loader/archive"
	releaseutil "helm.sh/helm/v4/pkg/release/v1/util"

	"trimtab.dev/renderer/internal/failure"
	"trimtab.dev/renderer/internal/objects"
	"trimtab.dev/renderer/internal/protocol"
)

// Manifest is one rendered document.
type Manifest struct {
	Path     string // of its template, in the tree
	Text     string
	Value    any // the document as read
	Warnings []protocol.Warning
	CRD      bool
	Hook     string // its helm.sh/hook annotation
	Line     int    // in the template, where that is plain to see; else 0
	kind     string
}

// hookEvents are those that Helm knows; a hook with any other is left out, as Helm does
// (release/v1/util/manifest_sorter.go of Helm 4).
var hookEvents = []string{
	"pre-install", "post-install", "pre-delete", "post-delete", "pre-upgrade", "post-upgrade",
	"pre-rollback", "post-rollback", "test", "test-success",
}

// installOrder maps a kind to its place in Helm's order.
var installOrder = func() map[string]int {
	order := map[string]int{}
	for index, kind := range releaseutil.InstallOrder {
		order[kind] = index
	}
	return order
}()

// sorted gives the rendered documents in install order, with crds/ in front and hooks behind. Helm has
// a function for it that reads every document once more, and builds a map for each comparison.
func (l *loadedChart) sorted(rendered map[string]string, parameters Parameters) ([]Manifest, error) {
	var manifests, hooks []Manifest
	for _, name := range slices.Sorted(maps.Keys(rendered)) {
		if strings.HasPrefix(path.Base(name), "_") || strings.HasSuffix(name, "NOTES.txt") {
			continue
		}
		documents, err := l.documents(name, rendered[name])
		if err != nil {
			return nil, err
		}
		for _, document := range documents {
			switch {
			case document.Hook == "":
				manifests = append(manifests, document)
			case !wantedHook(document.Hook, parameters.SkipTests):
			default:
				hooks = append(hooks, document)
			}
		}
	}
	slices.SortStableFunc(manifests, byKind)
	slices.SortStableFunc(hooks, byKind)
	crds, err := l.crds(parameters)
	return slices.Concat(crds, manifests, hooks), err
}

// documents splits one rendered file and reads each part.
func (l *loadedChart) documents(name, content string) ([]Manifest, error) {
	if strings.TrimSpace(content) == "" {
		return nil, nil
	}
	entries := releaseutil.SplitManifests(content)
	keys := slices.Collect(maps.Keys(entries))
	sort.Sort(releaseutil.BySplitManifestsOrder(keys))
	var documents []Manifest
	for _, key := range keys {
		for document, err := range objects.Read([]byte(entries[key]), l.source(name)) {
			if err != nil {
				return nil, inRenderedText(err)
			}
			manifest := Manifest{Path: l.source(name), Text: entries[key], Value: document.Value, Warnings: document.Warnings}
			manifest.kind, manifest.Hook = headOf(document.Value)
			manifest.Line = l.lineOf(name, manifest.kind)
			documents = append(documents, manifest)
		}
	}
	return documents, nil
}

// lineOf finds the line of a template that says "kind: X", if there is exactly one.
func (l *loadedChart) lineOf(name, kind string) int {
	below := strings.TrimPrefix(name, l.chart.Name()+"/")
	index := slices.IndexFunc(l.files, func(file *archive.BufferedFile) bool { return file.Name == below })
	if index < 0 {
		return 0
	}
	found, number := 0, 0
	for line := range bytes.SplitSeq(l.files[index].Data, []byte("\n")) {
		number++
		value, isKind := bytes.CutPrefix(line, []byte("kind:"))
		if !isKind || string(bytes.TrimSpace(value)) != kind {
			continue
		}
		if found > 0 {
			return 0
		}
		found = number
	}
	return found
}

// crds gives the files of crds/, as they stand in the chart.
func (l *loadedChart) crds(parameters Parameters) ([]Manifest, error) {
	if parameters.CRDs == "Skip" {
		return nil, nil
	}
	var manifests []Manifest
	for _, crd := range l.chart.CRDObjects() {
		manifests = append(manifests, Manifest{Path: l.source(crd.Filename), Text: string(crd.File.Data), CRD: true})
	}
	return manifests, nil
}

// headOf gives a document's kind and its helm.sh/hook annotation.
func headOf(value any) (kind, hook string) {
	object, _ := value.(map[string]any)
	kind, _ = object["kind"].(string)
	metadata, _ := object["metadata"].(map[string]any)
	annotations, _ := metadata["annotations"].(map[string]any)
	hook, _ = annotations[objects.HookAnnotation].(string)
	return kind, hook
}

// wantedHook holds for hooks that Helm knows, but for tests where they are to be skipped.
func wantedHook(hook string, skipTests bool) bool {
	for event := range strings.SplitSeq(hook, ",") {
		event = strings.ToLower(strings.TrimSpace(event))
		if !slices.Contains(hookEvents, event) || (skipTests && strings.HasPrefix(event, "test")) {
			return false
		}
	}
	return true
}

// byKind is Helm's install order; unknown kinds come last, by name.
func byKind(a, b Manifest) int {
	first, firstKnown := installOrder[a.kind]
	second, secondKnown := installOrder[b.kind]
	switch {
	case firstKnown && secondKnown:
		return cmp.Compare(first, second)
	case firstKnown:
		return -1
	case secondKnown:
		return 1
	default:
		return cmp.Compare(a.kind, b.kind)
	}
}

// inRenderedText says of a failure that its line is not one of the template's.
func inRenderedText(err error) error {
	found := failure.From(err)
	if found.Line > 0 {
		found.Message = "this template renders to text that " + found.Message + " (line " + strconv.Itoa(found.Line) + " of that document)"
		found.Line, found.Column = 0, 0
	}
	return found
}
