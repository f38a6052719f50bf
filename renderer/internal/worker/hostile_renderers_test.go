package worker

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"testing"

	"trimtab.dev/renderer/internal/failure"
	"trimtab.dev/renderer/internal/treetest"
)

const chartFile = "apiVersion: v2\nname: app\nversion: 0.1.0\n"

// chart is a small chart with one template.
func chart(template string, more treetest.Files) treetest.Files {
	return treetest.Files{"app/Chart.yaml": chartFile, "app/templates/a.yaml": template}.With(more)
}

// archive packs members into a .tgz.
func archive(t *testing.T, headers []tar.Header, contents []string) string {
	t.Helper()
	var packed bytes.Buffer
	zipped := gzip.NewWriter(&packed)
	members := tar.NewWriter(zipped)
	for index := range headers {
		headers[index].Size, headers[index].Mode = int64(len(contents[index])), 0o644
		if err := members.WriteHeader(&headers[index]); err != nil {
			t.Fatal(err)
		}
		if _, err := members.Write([]byte(contents[index])); err != nil {
			t.Fatal(err)
		}
	}
	_, _ = members.Close(), zipped.Close()
	return packed.String()
}

// TestH1HostileArchives: links, devices, paths that climb out, bombs and floods of files.
func TestH1HostileArchives(t *testing.T) {
	packed := func(header tar.Header, content string) treetest.Files {
		return treetest.Files{"app.tgz": archive(t, []tar.Header{{Name: "app/Chart.yaml"}, header}, []string{chartFile, content})}
	}
	many, empty := []tar.Header{}, []string{}
	for index := range 20_001 {
		many, empty = append(many, tar.Header{Name: fmt.Sprintf("app/f%d", index)}), append(empty, "")
	}
	at := request{Path: "app.tgz"}
	mustFail(t, []hostile{
		{"bomb", packed(tar.Header{Name: "app/zeros"}, strings.Repeat("\x00", 101<<20)), at, failure.Limit, "unpacks to more than 100 MiB", ""},
		{"symbolic link", packed(tar.Header{Name: "app/l", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}, ""), at, failure.Render, "link or a device", ""},
		{"hard link", packed(tar.Header{Name: "app/l", Typeflag: tar.TypeLink, Linkname: "app/Chart.yaml"}, ""), at, failure.Render, "link or a device", ""},
		{"device", packed(tar.Header{Name: "app/d", Typeflag: tar.TypeBlock}, ""), at, failure.Render, "link or a device", ""},
		{"upwards", packed(tar.Header{Name: "app/../../x"}, ""), at, failure.Render, "climbs out", ""},
		{"named ..", packed(tar.Header{Name: ".."}, ""), at, failure.Render, "climbs out", ""},
		{"absolute", packed(tar.Header{Name: "/etc/x"}, ""), at, failure.Render, "absolute path", ""},
		{"very many files", treetest.Files{"app.tgz": archive(t, many, empty)}, at, failure.Limit, "more than 20000 files", ""},
		{"no archive", treetest.Files{"app.tgz": "hello"}, at, failure.Render, "is not a chart archive", ""},
		{"a hostile subchart", chart("", treetest.Files{"app/charts/x.tgz": archive(t, []tar.Header{{Name: "x/../../y"}}, []string{""})}), request{}, failure.Render, "app/charts/x.tgz: holds", ""},
	})
}

// TestH1AHealthyArchiveRenders: so the checks refuse no more than they should.
func TestH1AHealthyArchiveRenders(t *testing.T) {
	packed := archive(t, []tar.Header{{Name: "app/Chart.yaml"}, {Name: "app/templates/a.yaml"}}, []string{chartFile, named("{{ .Release.Name }}")})
	got := newSession(t).render(treetest.Files{"charts/app-0.1.0.tgz": packed}, request{Path: "charts/app-0.1.0.tgz"})
	if !got.OK || got.Objects[0].Name != "release" || got.Objects[0].Path != "charts/app-0.1.0.tgz" {
		t.Error(got.fingerprint())
	}
}

// TestH2RecursionEnds: what does not end by itself is the parent's to kill; this does.
func TestH2RecursionEnds(t *testing.T) {
	mustFail(t, []hostile{
		{"include of itself", chart(`{{ define "x" }}{{ include "x" . }}{{ end }}{{ include "x" . }}`, nil), request{}, failure.Render, "does not render", "app/templates/a.yaml:1"},
		{"fail", chart("a: 1\n{{ fail \"boom\" }}", nil), request{}, failure.Render, "boom", "app/templates/a.yaml:2"},
		{"required", chart("\n\n  {{ required \"say what\" .Values.x }}", nil), request{}, failure.Render, "say what", "app/templates/a.yaml:3"},
		{"nil pointer in a helper", chart(`{{ include "x" . }}`, treetest.Files{"app/templates/_x.tpl": "\n{{ define \"x\" }}\n{{ .Values.a.b.c }}{{ end }}"}), request{}, failure.Render, "nil pointer", "app/templates/_x.tpl:3"},
		{"syntax", chart("a: 1\n{{ if }}", nil), request{}, failure.Render, "missing value for if", "app/templates/a.yaml:2"},
		{"not YAML", chart("a: b: c\n", nil), request{}, failure.Render, "renders to text that is not valid YAML: mapping values", ""},
		{"lines of an empty file", chart(`{{ range .Files.Lines "absent" }}{{ end }}{{ fail "reached" }}`, nil), request{}, failure.Render, "reached", ""},
		{"missing dependency", chart("", treetest.Files{"app/Chart.yaml": chartFile + "dependencies:\n- {name: redis, version: 17.x, repository: https://example.com}\n"}), request{}, failure.Unsupported, "redis 17.x", "app/Chart.yaml:0"},
		{"library chart", chart("", treetest.Files{"app/Chart.yaml": chartFile + "type: library\n"}), request{}, failure.Unsupported, "library", ""},
		{"newer Kubernetes", chart("", treetest.Files{"app/Chart.yaml": chartFile + "kubeVersion: '>=1.99.0'\n"}), request{}, failure.Render, "wants Kubernetes >=1.99.0; this cluster is v1.34.4", ""},
	})
}

// TestH3NoWayOut: templates see neither the cluster, nor the network, nor the environment.
func TestH3NoWayOut(t *testing.T) {
	got := newSession(t).render(chart(named("a")+`  l: {{ lookup "v1" "Secret" "x" "y" | toJson | quote }}`+"\n"+`  h: {{ getHostByName "localhost" | quote }}`+"\n"+`  f: {{ .Files.Get "../../etc/passwd" | quote }}`+"\n", nil), request{Path: "app"})
	if !got.OK || !strings.Contains(got.body, `"f":"","h":"","l":"{}"`) {
		t.Error(got.fingerprint())
	}
	mustFail(t, []hostile{{"env", chart(`{{ env "HOME" }}`, nil), request{}, failure.Render, `function "env" not defined`, ""}})
}

// TestH4SchemasStayInside: references to files and the network are refused, violations say which value and where.
func TestH4SchemasStayInside(t *testing.T) {
	schema := func(text string) treetest.Files {
		return chart("", treetest.Files{"app/values.schema.json": text, "app/values.yaml": "# replicas\nreplicaCount: 1\nimage:\n  tag: a\n", "app/other.yaml": "a: b\nreplicaCount: three\n"})
	}
	other := request{Parameters: `{"valuesFrom":[{"path":"other.yaml"}]}`}
	number := `{"properties":{"replicaCount":{"type":"integer"}}}`
	mustFail(t, []hostile{
		{"device", schema(`{"$ref":"file:///dev/zero"}`), request{}, failure.Render, "only references inside the schema", ""},
		{"network", schema(`{"$ref":"https://example.com/s.json"}`), request{}, failure.Render, "only references inside the schema", ""},
		{"large", schema(`{"pattern":"` + strings.Repeat("a", 6<<20) + `"}`), request{}, failure.Render, "larger than 5 MiB", ""},
		{"violation in a values file", schema(number), other, failure.Render, `replicaCount must be an integer, found "three" (schema of chart app 0.1.0)`, "app/other.yaml:2"},
		{"violation in the chart's own", schema(`{"properties":{"image":{"properties":{"tag":{"type":"number"}}}}}`), request{}, failure.Render, `image.tag must be a number, found "a"`, "app/values.yaml:4"},
		{"violation inline", schema(number), request{Parameters: `{"values":{"replicaCount":"x"}}`}, failure.Render, `found "x"`, ":0"},
		{"a secret is not shown", schema(`{"properties":{"password":{"type":"number"}}}`), request{Parameters: `{"set":["password=hunter"]}`}, failure.Render, "password must be a number, found string", ""},
	})
}

// TestH5ValuesFilesStayInside: links inside the repository still work.
func TestH5ValuesFilesStayInside(t *testing.T) {
	with := func(path string) request { return request{Parameters: `{"valuesFrom":[{"path":"` + path + `"}]}`} }
	mustFail(t, []hostile{
		{"upwards", chart("", nil), with("../../x"), failure.Source, "leaves the repository", ""},
		{"absolute means the root", chart("", nil), with("/etc/passwd"), failure.Source, "etc/passwd: there is no such values file", ""},
		{"a URL", chart("", nil), with("https://example.com/v.yaml"), failure.Unsupported, "is a URL", ""},
		{"a link out", chart("", treetest.Files{"app/v.yaml": "-> /etc/passwd"}), with("v.yaml"), failure.Source, "absolute path", ""},
		{"no YAML", chart("", treetest.Files{"app/v.yaml": "a: 1\nb: c: d\n"}), with("v.yaml"), failure.Render, "mapping values", "app/v.yaml:2"},
		{"set that is no pair", chart("", nil), request{Parameters: `{"set":["token"]}`}, failure.Render, `helm.set of "token"`, ""},
	})
	linked := newSession(t).render(chart(named("{{ .Values.a }}"), treetest.Files{"app/v.yaml": "-> ../env/v.yaml", "env/v.yaml": "a: linked"}), request{Path: "app", Parameters: `{"valuesFrom":[{"path":"v.yaml"}]}`})
	if !linked.OK || linked.Objects[0].Name != "linked" {
		t.Error(linked.fingerprint())
	}
}

// TestK1HostileKustomizations: cycles, ways out, remote bases, exec plug-ins.
func TestK1HostileKustomizations(t *testing.T) {
	k := func(text string) treetest.Files {
		return treetest.Files{"app/kustomization.yaml": text, "app/a.yaml": named("a"), "other/a.yaml": named("a")}
	}
	mustFail(t, []hostile{
		{"itself", k("resources: [.]"), request{}, failure.Render, "cycle", ""},
		{"cycle", treetest.Files{"app/kustomization.yaml": "resources: [../b]", "b/kustomization.yaml": "resources: [../app]"}, request{}, failure.Render, "cycle", ""},
		{"above the root", k("resources: [../../../etc]"), request{}, failure.Source, "which does not exist", "app/kustomization.yaml:1"},
		{"a missing file, seen from an overlay", k("resources: [../b]").With(treetest.Files{"b/kustomization.yaml": "resources:\n- gone.yaml\n"}), request{}, failure.Source, "names b/gone.yaml, which does not exist", "b/kustomization.yaml:2"},
		{"spoilt YAML, seen from an overlay", k("resources: [../b]").With(treetest.Files{"b/kustomization.yaml": "resources:\n- a.yaml\n", "b/a.yaml": "kind: X\n  a: [\n"}), request{}, failure.Render, "is not valid YAML", "b/a.yaml:2"},
		{"a spoilt kustomization", k("resources: [../b]").With(treetest.Files{"b/kustomization.yaml": "resources:\n- [\n"}), request{}, failure.Render, "is not valid YAML", "b/kustomization.yaml:2"},
		{"one object twice", k("resources: [a.yaml, b.yaml]").With(treetest.Files{"app/b.yaml": named("a")}), request{}, failure.Render, "b.yaml defines ConfigMap.v1/a, which another resource has defined already", "app/kustomization.yaml:1"},
		{"a patch for nothing", k("resources: [a.yaml]\npatches:\n- path: p.yaml\n").With(treetest.Files{"app/p.yaml": named("b")}), request{}, failure.Render, "has a patch for ConfigMap.v1/b", ""},
		{"a file of another directory", k("resources: [../other/a.yaml]"), request{}, failure.Render, "is not in or below", ""},
		{"remote", k("resources: [\"https://github.com/a/b//c?ref=--x\"]"), request{}, failure.Unsupported, "is not fetched yet; vendor it", "app/kustomization.yaml:0"},
		{"remote file", k("resources: [\"https://example.com/a.yaml\"]"), request{}, failure.Unsupported, "is not fetched yet", ""},
		{"remote without a scheme", k("resources: [github.com/a/b]"), request{}, failure.Unsupported, "is not fetched yet", ""},
		{"over ssh", k("components: [\"git@example.com:a/b\"]"), request{}, failure.Unsupported, "is not fetched yet", ""},
		{"credentials are not shown", k("resources: [\"https://u:secret@example.com/a\"]"), request{}, failure.Unsupported, "https://example.com/a", ""},
		{"remote in a generator", k("configMapGenerator:\n- name: x\n  files: [\"https://example.com/a\"]"), request{}, failure.Unsupported, "is not fetched yet", ""},
		{"a chart that is not vendored", k("helmCharts:\n- {name: redis, version: 17.0.0, repo: \"https://example.com\"}"), request{}, failure.Unsupported, "chart redis 17.0.0 is not vendored", ""},
		{"exec plug-in", k("generators: [g.yaml]").With(treetest.Files{"app/g.yaml": "apiVersion: x/v1\nkind: Foo\nmetadata:\n  name: g\n  annotations: {config.kubernetes.io/function: \"exec: {path: ./x}\"}\n"}), request{}, failure.Unsupported, "plug-ins", ""},
		{"a schema that is none", k("openapi: {path: s.json}\nresources: [x.yaml]").With(treetest.Files{"app/s.json": "[", "app/x.yaml": "apiVersion: e.io/v1\nkind: X\nmetadata: {name: x}\n"}), request{}, failure.Render, "schema", ""},
		{"unknown field", k("resorces: [a.yaml]"), request{}, failure.Render, "resorces", "app/kustomization.yaml:0"},
		{"no file", treetest.Files{"app/x": ""}, request{Kind: "Kustomize"}, failure.Source, "unable to find one of", ""},
		{"an image that is none", k("resources: [a.yaml]"), request{Parameters: `{"images":["web"]}`}, failure.Render, "kustomize.images", ""},
	})
}

// TestJ1ImportsStayInside: and recursion ends.
func TestJ1ImportsStayInside(t *testing.T) {
	j := func(text string) treetest.Files { return treetest.Files{"app/main.jsonnet": text} }
	mustFail(t, []hostile{
		{"absolute", j("import '/etc/passwd'"), request{}, failure.Render, "library paths, inside the repository", "app/main.jsonnet:1"},
		{"under our own root", j("import '/tree/../etc/passwd'"), request{}, failure.Render, "library paths", ""},
		{"upwards", j("importstr '../../../etc/passwd'"), request{}, failure.Render, "library paths", ""},
		{"network", j("import 'http://example.com/a'"), request{}, failure.Render, "library paths", ""},
		{"recursion", j("local f(x) = f(x + 1) + 1; f(0)"), request{}, failure.Render, "max stack frames", ""},
		{"a number", j("{a: {b: 1}}"), request{}, failure.Render, `evaluates to a number at "a.b"`, ""},
		{"syntax", j("{\n  a: \n"), request{}, failure.Render, "nexpected", "app/main.jsonnet:3"},
		{"two entries", treetest.Files{"app/a.jsonnet": "{}", "app/b.jsonnet": "{}"}, request{Kind: "Jsonnet"}, failure.Source, "2 other *.jsonnet", ""},
		{"an entry outside", j("{}"), request{Parameters: `{"file":"../../x.jsonnet"}`, Kind: "Jsonnet"}, failure.Source, "leaves the repository", ""},
		{"an entry that is not there", j("{}"), request{Parameters: `{"file":"x.jsonnet"}`, Kind: "Jsonnet"}, failure.Render, "x.jsonnet", ""},
	})
}
