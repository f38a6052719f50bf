package worker

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"trimtab.dev/renderer/internal/failure"
	"trimtab.dev/renderer/internal/treetest"
)

// hostile is one tree that must end in an error of a class, with a message that says a thing and not another.
type hostile struct {
	name    string
	files   treetest.Files
	request request
	class   failure.Class
	says    string
	place   string // path:line, where it is promised
}

// mustFail renders each tree and then a healthy one in the same worker.
func mustFail(t *testing.T, cases []hostile) {
	t.Helper()
	s := newSession(t)
	for _, each := range cases {
		t.Run(each.name, func(t *testing.T) {
			s.t = t
			if each.request.Path == "" {
				each.request.Path = "app"
			}
			got := s.render(each.files, each.request)
			if got.OK || got.Error.Class != each.class || !strings.Contains(got.Error.Error(), each.says) {
				t.Fatalf("wanted %s %q, got %s", each.class, each.says, got.fingerprint())
			}
			if place := fmt.Sprintf("%s:%d", got.Error.Path, got.Error.Line); each.place != "" && place != each.place {
				t.Errorf("wanted the place %s, got %s", each.place, place)
			}
			if healthy := s.render(treetest.Files{"app/a.yaml": named("a")}, request{Path: "app"}); !healthy.OK || len(healthy.Objects) != 1 {
				t.Errorf("the next render suffered: %s", healthy.fingerprint())
			}
		})
	}
}

// TestG1LinksStayInside: links are followed inside the tree alone; the error names the link and never what it points to.
func TestG1LinksStayInside(t *testing.T) {
	chain := treetest.Files{}
	for index := range 60 {
		chain[fmt.Sprintf("app/l%02d.yaml", index)] = fmt.Sprintf("-> l%02d.yaml", index+1)
	}
	mustFail(t, []hostile{
		{"absolute file", treetest.Files{"app/a.yaml": "-> /etc/passwd"}, request{}, failure.Source, "app/a.yaml: is a symbolic link to an absolute path", ""},
		{"proc", treetest.Files{"app/a.yaml": "-> /proc/self/environ"}, request{}, failure.Source, "absolute path", ""},
		{"out of the repository", treetest.Files{"app/a.yaml": "-> ../../../etc/passwd"}, request{}, failure.Source, "leaves the repository", ""},
		{"directory", treetest.Files{"app": "-> ../.."}, request{}, failure.Source, "leaves the repository", ""},
		{"circle", treetest.Files{"app/a.yaml": "-> b.yaml", "app/b.yaml": "-> a.yaml"}, request{}, failure.Source, "more than 40 symbolic links", ""},
		{"chain of sixty", chain, request{}, failure.Source, "more than 40 symbolic links", ""},
		{"dangling", treetest.Files{"app/a.yaml": "-> nothing.yaml"}, request{}, failure.Source, "link to nothing", ""},
		{"in a kustomization", treetest.Files{"app/kustomization.yaml": "resources: [a.yaml]", "app/a.yaml": "-> /etc/passwd"}, request{}, failure.Source, "app/a.yaml: is a symbolic link", ""},
		{"in a chart", treetest.Files{"app/Chart.yaml": "apiVersion: v2\nname: a\nversion: 1.0.0\n", "app/templates": "-> ../../x"}, request{}, failure.Source, "leaves the repository", ""},
		{"circle of directories in a chart", treetest.Files{"app/Chart.yaml": "apiVersion: v2\nname: a\nversion: 1.0.0\n", "app/x/again": "-> ../../app"}, request{}, failure.Limit, "nested deeper", ""},
	})
}

// TestG2HostileTreeEntries: names by which checkouts were broken out of are refused, with the directory's path.
func TestG2HostileTreeEntries(t *testing.T) {
	for _, name := range []string{"..", ".", ".git", ".GIT", "git~1", ".git.", "a/../../b", strings.Repeat("x", 4096), ""} {
		s := newSession(t)
		blob, _ := hex.DecodeString(s.store.Put("blob", []byte(named("a"))))
		inner, _ := hex.DecodeString(s.store.Put("tree", append(fmt.Appendf(nil, "100644 %s\x00", name), blob...)))
		root := s.store.Put("tree", append([]byte("40000 app\x00"), inner...))
		got := s.render(nil, request{Path: "app", Changes: map[string]any{"tree": root}})
		if got.OK || got.Error.Class != failure.Source || got.Error.Path != "app" {
			t.Errorf("an entry named %.20q gave %s", name, got.fingerprint())
		}
	}
}

// TestG2CaseFoldedPairsAreTwoFiles: nothing is checked out, so names that differ in case alone do no harm.
func TestG2CaseFoldedPairsAreTwoFiles(t *testing.T) {
	got := newSession(t).render(treetest.Files{"app/a.yaml": named("lower"), "app/A.yaml": named("upper")}, request{Path: "app"})
	if !got.OK || len(got.Objects) != 2 {
		t.Error(got.fingerprint())
	}
}

// TestY1HostileYAML: bombs, depth, and what is no object are typed errors with file and line.
func TestY1HostileYAML(t *testing.T) {
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for letter := 'b'; letter < 'k'; letter++ {
		bomb += fmt.Sprintf("%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n", letter, letter, letter-1, letter-1, letter-1, letter-1, letter-1, letter-1, letter-1, letter-1, letter-1)
	}
	file := func(text string) treetest.Files { return treetest.Files{"app/a.yaml": text} }
	mustFail(t, []hostile{
		{"alias bomb", file(named("a") + "---\n" + bomb), request{}, failure.Render, "aliases", "app/a.yaml:8"},
		{"depth of 300", file("# why\n\n" + strings.Repeat("{a: ", 300) + "1" + strings.Repeat("}", 300)), request{}, failure.Limit, "nested deeper than 200", "app/a.yaml:3"},
		{"depth of 20000", file(strings.Repeat("[", 20000)), request{}, failure.Render, "nested too deep", "app/a.yaml:1"},
		{"a string", file("\nhello\n"), request{}, failure.Render, "holds a string where a Kubernetes object", "app/a.yaml:2"},
		{"a list", file("- a\n"), request{}, failure.Render, "holds a list", "app/a.yaml:1"},
		{"not a number", file(named("a") + "  b: .nan\n"), request{}, failure.Render, "not-a-number", "app/a.yaml:7"},
		{"a tab", file("apiVersion: v1\nkind: X\n\tmetadata: 1\n"), request{}, failure.Render, "is not valid YAML", "app/a.yaml:3"},
		{"in the second document", file(named("a") + "---\na: b: c\n"), request{}, failure.Render, "mapping values are not allowed", "app/a.yaml:8"},
		{"an unclosed brace in JSON", treetest.Files{"app/a.json": "{\"a\": 1\n"}, request{}, failure.Render, "is not valid YAML", ""},
		{"too many documents", file(strings.Repeat(named("a")+"---\n", 30)), request{Changes: map[string]any{"limits": map[string]any{"objects": 20}}}, failure.Limit, "more than 20 objects", ""},
		{"too much output", file(strings.Repeat(named("a")+"  x: "+strings.Repeat("y", 100_000)+"\n---\n", 30)), request{Changes: map[string]any{"limits": map[string]any{"outputBytes": 2 << 20}}}, failure.Limit, "more than 2 MiB", ""},
	})
}

// TestY1HarmlessYAML: what Kubernetes reads is read as Kubernetes reads it.
func TestY1HarmlessYAML(t *testing.T) {
	text := "\xef\xbb\xbf# a\n--- # b\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ny: on\nn: no\no: 0o17\ni: 9007199254740993\nt: !!python/object:os.system x\nm: &m {a: 1, b: 2}\nw: {<<: *m, b: 3}\n...\n---\n# nothing\n---\nnull\n"
	got := newSession(t).render(treetest.Files{"app/a.yaml": text}, request{Path: "app"})
	want := `{"apiVersion":"v1","false":false,"i":9007199254740993,"kind":"ConfigMap","m":{"a":1,"b":2},"metadata":{"name":"a"},"o":15,"t":"x","true":true,"w":{"a":1,"b":3}}`
	if got.body != want || len(got.Warnings) != 0 || got.Objects[0].Line != 3 {
		t.Errorf("got %s %v", got.fingerprint(), got.Warnings)
	}
}

// TestY1DuplicateKeysAreWarnings: with file and line; the last one wins, as in kubectl.
func TestY1DuplicateKeysAreWarnings(t *testing.T) {
	got := newSession(t).render(treetest.Files{"app/a.yaml": named("first") + "---\n" + named("a") + "  a: \"2\"\n"}, request{Path: "app"})
	if !got.OK || len(got.Warnings) != 1 || got.Warnings[0].Line != 14 || got.Warnings[0].Path != "app/a.yaml" || !strings.Contains(got.body, `"a":"2"`) {
		t.Errorf("got %s", got.fingerprint())
	}
}

// TestY2ListsAreExpanded: lists in lists too, and one object over a limit leaves the others.
func TestY2ListsAreExpanded(t *testing.T) {
	long := strings.Repeat("n", 254)
	text := "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n- apiVersion: v1\n  kind: List\n  items:\n  - {apiVersion: v1, kind: ConfigMap, metadata: {name: " + long + "}}\n---\nkind: ConfigMapList\napiVersion: v1\nitems:\n- metadata: {name: c, annotations: {big: \"" + strings.Repeat("x", 262_145) + "\"}}\n---\nkind: List\napiVersion: v1\nitems: []\n"
	got := newSession(t).render(treetest.Files{"app/a.yaml": text}, request{Path: "app"})
	if !got.OK || len(got.Objects) != 3 {
		t.Fatalf("got %d objects: %v", len(got.Objects), got.Error)
	}
	for index, problem := range []string{"", "254 bytes long", "annotations of ConfigMap/c add up"} {
		if found := got.Objects[index].Problem; (problem == "") != (found == "") || !strings.Contains(found, problem) {
			t.Errorf("object %d has the problem %q, wanted %q", index, found, problem)
		}
	}
}

// TestY3UnusableObjects: each has its problem, and the healthy one beside it has none.
func TestY3UnusableObjects(t *testing.T) {
	for text, problem := range map[string]string{
		"metadata: null":                             "metadata of this X is null",
		"spec: {}":                                   "metadata of this X is absent",
		"metadata: [a]":                              "metadata of this X is a list",
		"metadata: {}":                               "has no metadata.name",
		"metadata: {name: 5}":                        "metadata.name of this X is a number",
		"metadata: {name: a/b}":                      "cannot be part of an API path",
		"metadata: {name: a, labels: [1]}":           "metadata.labels of X/a is a list",
		"metadata: {name: a, labels: {b: true}}":     `metadata.labels["b"] of X/a is true or false`,
		"metadata: {name: a, annotations: {b: 1}}":   "quote it",
		"metadata: {name: a, namespace: 7}":          "metadata.namespace of X/a is a number",
		"metadata: {name: a, namespace: ../x}":       "no namespace's name",
		"metadata: {name: a, ownerReferences: [{}]}": "ownerReferences",
		"metadata: {name: a, ownerReferences: 1}":    "must be a list",
		"metadata: {name: a, finalizers: x}":         "must be a list",
		"metadata: {generateName: a-}":               "only metadata.generateName",
		"metadata: {name: a, namespace: elsewhere}":  "",
		"metadata: {name: a}\nspec: {t: 1x, u: -1h}": "",
	} {
		got := newSession(t).render(treetest.Files{"app/a.yaml": "apiVersion: e.io/v1\nkind: X\n" + text + "\n", "app/b.yaml": named("b")}, request{Path: "app"})
		if !got.OK || len(got.Objects) != 2 || got.Objects[1].Problem != "" {
			t.Errorf("%s: got %s", text, got.fingerprint())
		} else if found := got.Objects[0].Problem; (problem == "") != (found == "") || !strings.Contains(found, problem) {
			t.Errorf("%s: the problem is %q, wanted %q", text, found, problem)
		}
	}
}

// TestY3ServerFieldsAreLeftOut: with one warning an object; empty ones silently.
func TestY3ServerFieldsAreLeftOut(t *testing.T) {
	text := "apiVersion: v1\nkind: X\nmetadata: {name: a, uid: u, resourceVersion: '1', creationTimestamp: null, managedFields: [{}], deletionTimestamp: x}\nstatus: {phase: Running}\n---\napiVersion: v1\nkind: X\nmetadata: {name: b, creationTimestamp: null}\nstatus: {conditions: [], names: {kind: ''}}\n"
	got := newSession(t).render(treetest.Files{"app/a.yaml": text}, request{Path: "app"})
	want := `{"apiVersion":"v1","kind":"X","metadata":{"name":"a"}}{"apiVersion":"v1","kind":"X","metadata":{"name":"b"}}`
	if got.body != want || len(got.Warnings) != 1 || !strings.Contains(got.Warnings[0].Message, "status, metadata.deletionTimestamp, metadata.managedFields, metadata.resourceVersion, metadata.uid of X/a") {
		t.Errorf("got %s", got.fingerprint())
	}
}

// TestTheTreeCannotBeLeftByThePath: an application's own path is no way out either.
func TestTheTreeCannotBeLeftByThePath(t *testing.T) {
	mustFail(t, []hostile{
		{"upwards", treetest.Files{}, request{Path: "../other"}, failure.Source, "leaves the repository", ""},
		{"absolute", treetest.Files{}, request{Path: "/etc"}, failure.Source, "leaves the repository", ""},
		{"absent", treetest.Files{"x": ""}, request{Path: "app"}, failure.Source, "app: there is no such directory", ""},
		{"a file", treetest.Files{"app": ""}, request{Path: "app"}, failure.Source, "is a file where a directory", ""},
		{"two kinds", treetest.Files{"app/Chart.yaml": "", "app/kustomization.yaml": ""}, request{}, failure.Source, "could be Helm or Kustomize; say which by naming it in spec.sources[].kind", ""},
		{"a misspelt parameter", treetest.Files{"app/a.yaml": named("a")}, request{Parameters: `{"recursive":true}`}, failure.Unsupported, "recursive", ""},
	})
}

// TestAnEmptyDirectoryIsNoError: what to do about it is the parent's decision.
func TestAnEmptyDirectoryIsNoError(t *testing.T) {
	got := newSession(t).render(treetest.Files{"app/readme.md": ""}, request{Path: "app"})
	if !got.OK || got.Kind != "Plain" || len(got.Objects) != 0 {
		t.Error(got.fingerprint())
	}
}

// TestAMissingObjectIsAnError: a tree that cannot be read is never an empty one.
func TestAMissingObjectIsAnError(t *testing.T) {
	s := newSession(t)
	files := treetest.Files{"app/a.yaml": named("a")}
	s.store.Tree(files)
	delete(s.store, treetest.Blob(named("a")))
	got := s.render(nil, request{Path: "app", Changes: map[string]any{"tree": treetest.Store{}.Tree(files)}})
	if got.OK || got.Error.Class != failure.Source || got.Error.Path != "app/a.yaml" {
		t.Error(got.fingerprint())
	}
}
