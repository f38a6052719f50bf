package worker

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"

	"trimtab.dev/renderer/internal/protocol"
	"trimtab.dev/renderer/internal/treetest"
)

// TestSameInputsSameBytes: in other workers and other orders too, for every sample.
func TestSameInputsSameBytes(t *testing.T) {
	first, second := newSession(t), newSession(t)
	results := map[string]string{}
	for _, sample := range samples {
		results[sample.name] = first.render(sample.files, sample.request).fingerprint()
	}
	for _, sample := range slices.Backward(samples) {
		if again := second.render(sample.files, sample.request).fingerprint(); again != results[sample.name] {
			t.Errorf("%s: %s\nthen %s", sample.name, results[sample.name], again)
		}
	}
}

// TestASchemaDoesNotLeak: a kustomization that teaches Kustomize a merge key must not change a later one's result.
func TestASchemaDoesNotLeak(t *testing.T) {
	var teaching sample
	for _, sample := range samples {
		if sample.name == "kustomize that teaches types" {
			teaching = sample
		}
	}
	plain := teaching.files.With(treetest.Files{"app/kustomization.yaml": "resources: [x.yaml]\npatches:\n- path: p.yaml\n"})
	s := newSession(t)
	before, taught, after := s.render(plain, teaching.request), s.render(teaching.files, teaching.request), s.render(plain, teaching.request)
	if !strings.Contains(taught.body, `"name":"a"`) || !strings.Contains(taught.body, `"name":"b"`) {
		t.Errorf("the schema had no effect: %s", taught.body)
	}
	if before.body != after.body || strings.Contains(after.body, `"name":"a"`) {
		t.Errorf("the schema leaked: %s\nthen %s", before.body, after.body)
	}
}

const chance = `
  rand: {{ randAlphaNum 8 }}{{ randAlphaNum 8 }}-{{ randNumeric 3 | quote }}-{{ uuidv4 }}-{{ shuffle "abcdefgh" }}-{{ randBytes 4 }}-{{ randInt 0 1000 }}
  now: {{ now | date "2006-01-02T15:04" }}
  keys: {{ keys (dict "c" 1 "a" 2 "b" 3) | join "" }}{{ values (dict "c" 1 "a" 2 "b" 3) | join "" }}
`

// TestChanceIsSeeded: one seed renders the same twice, another differently, and each use is counted.
func TestChanceIsSeeded(t *testing.T) {
	s, files := newSession(t), chart(named("a")+strings.TrimPrefix(chance, "\n"), nil)
	seeded := func(seed string) outcome {
		return s.render(files, request{Path: "app", Changes: map[string]any{"seed": seed}})
	}
	once, twice, other := seeded("aa"), seeded("aa"), seeded("bb")
	if once.body != twice.body || once.body == other.body {
		t.Errorf("%s\n%s\n%s", once.fingerprint(), twice.body, other.body)
	}
	if once.Random.Seeded["randAlphaNum"] != 2 || once.Random.Time["now"] != 1 || len(once.Random.Unseeded) != 0 {
		t.Errorf("counted %+v", once.Random)
	}
	if !strings.Contains(once.body, `"keys":"abc231"`) || !strings.Contains(once.body, `"now":"2026-01-02T03:04"`) {
		t.Errorf("got %s", once.body)
	}
}

// TestWhatCannotBeSeededIsCounted: so the parent keeps the result.
func TestWhatCannotBeSeededIsCounted(t *testing.T) {
	got := newSession(t).render(chart(named("a")+"  c: {{ htpasswd \"u\" \"p\" }}\n  d: {{ (genPrivateKey \"ed25519\") | quote }}\n", nil), request{Path: "app"})
	if !got.OK || fmt.Sprint(got.Random.Unseeded) != "map[genPrivateKey:1 htpasswd:1]" {
		t.Errorf("%s %+v", got.fingerprint(), got.Random)
	}
}

// TestCapabilityQuestionsAreRecorded: the questions asked and their answers, and the whole list only where it was taken.
func TestCapabilityQuestionsAreRecorded(t *testing.T) {
	for template, want := range map[string][]protocol.Read{
		`{{ .Capabilities.APIVersions.Has "apps/v1/Deployment" }}{{ .Capabilities.APIVersions.Has "b/v1" }}`: {{"apiVersions", "apps/v1/Deployment", "true"}, {"apiVersions", "b/v1", "false"}},
		`{{ .Capabilities.KubeVersion.Minor }}{{ .Capabilities.KubeVersion.GitVersion }}`:                    {{"kubeVersion", "", "1.34.4"}},
		`{{ range .Capabilities.APIVersions }}{{ . }}{{ end }}`:                                              {{"apiVersionsList", "", fmt.Sprintf("%x", sha256.Sum256([]byte("apps/v1\napps/v1/Deployment\nv1\n")))}},
		`{{ $c := .Capabilities }}{{ if false }}{{ $c.APIVersions.Has "x" }}{{ end }}`:                       {},
	} {
		got := newSession(t).render(chart("# "+template, nil), request{Path: "app"})
		if !got.OK || !slices.Equal(got.CapabilityReads, want) {
			t.Errorf("%s: asked %v, wanted %v (%v)", template, got.CapabilityReads, want, got.Error)
		}
	}
}

// TestCapabilitiesAreKeptByDigest: sent once, named afterwards; the last four are kept.
func TestCapabilitiesAreKeptByDigest(t *testing.T) {
	s, files := newSession(t), chart(named(`it-is-{{ .Capabilities.APIVersions.Has "x/v1" }}`), nil)
	by := func(digest string) outcome {
		return s.render(files, request{Path: "app", Changes: map[string]any{"capabilities": map[string]any{"kubeVersion": "1.34.4", "digest": digest}}})
	}
	for index := range 5 {
		s.send(map[string]any{"type": "capabilities", "digest": fmt.Sprint(index)}, []byte(`["x/v1"]`))
	}
	if got := by("4"); !got.OK || got.Objects[0].Name != "it-is-true" {
		t.Error(got.fingerprint())
	}
	if got := by("0"); got.OK || !strings.Contains(got.Error.Message, "send it again") {
		t.Error(got.fingerprint())
	}
}

// TestUnchangedObjectsAreNotAskedForAgain: a commit that changes one file costs that file and the trees above it.
func TestUnchangedObjectsAreNotAskedForAgain(t *testing.T) {
	s := newSession(t)
	helm := samples[6]
	s.render(helm.files, helm.request)
	if s.render(helm.files, helm.request); len(s.asked) != 0 {
		t.Errorf("asked again for %v", s.asked)
	}
	changed := helm.files.With(treetest.Files{"charts/app/values.yaml": "a: 5\n"})
	if s.render(changed, helm.request); len(s.asked) != 4 {
		t.Errorf("asked for %d objects, wanted the file and three trees: %v", len(s.asked), s.asked)
	}
}

// TestHintsSaveTheWay: a hinted directory is not walked to, and the result is the same.
func TestHintsSaveTheWay(t *testing.T) {
	s := newSession(t)
	files := treetest.Files{"a/b/c/x.yaml": named("x")}
	inner := s.store.Tree(treetest.Files{"x.yaml": named("x")})
	got := s.render(files, request{Path: "a/b/c", Changes: map[string]any{"hints": map[string]string{"a/b/c": inner}}})
	if len(s.asked) != 2 {
		t.Errorf("asked for %v", s.asked)
	}
	if walked := newSession(t).render(files, request{Path: "a/b/c"}); walked.fingerprint() != got.fingerprint() || !slices.Equal(walked.Reads, got.Reads) {
		t.Errorf("%s\n%s", walked.fingerprint(), got.fingerprint())
	}
}

// TestEncryptedFilesAreOpenedByTheParent: the worker never sees a key, and an error names the file.
func TestEncryptedFilesAreOpenedByTheParent(t *testing.T) {
	secret := "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData:\n  a: ENC[AES256_GCM,data:x,iv:x,tag:x,type:str]\nsops:\n  mac: ENC[AES256_GCM,data:x]\n"
	for path, files := range map[string]treetest.Files{
		"plain": {"plain/s.yaml": secret},
		"k":     {"k/s.yaml": secret, "k/kustomization.yaml": "resources: [s.yaml]\nnamePrefix: p-\n"},
	} {
		s := newSession(t)
		if got := s.render(files, request{Path: path}); got.OK || !strings.Contains(got.Error.Error(), path+"/s.yaml: cannot be decrypted: no key fits") {
			t.Error(got.fingerprint())
		}
		s.plaintexts = map[string]string{path + "/s.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {a: open}\n"}
		if got := s.render(files, request{Path: path}); !got.OK || !strings.Contains(got.body, `"stringData":{"a":"open"}`) {
			t.Error(got.fingerprint())
		}
	}
}

// TestValuesPrecedence: chart, files in order, inline, set-json, set, set-string, set-file, set-literal.
func TestValuesPrecedence(t *testing.T) {
	template := named("a") + "  v: {{ .Values | toJson | quote }}\n"
	files := chart(template, treetest.Files{"app/values.yaml": "a: chart\nb: chart\nc: chart\nd: chart\ne: chart\ng: chart\nm: {k: 1, l: 2}\n", "app/one.yaml": "b: one\nc: one\nm: {k: null}\n", "app/f.txt": "file"})
	got := newSession(t).render(files, request{Path: "app", Parameters: `{"valuesFrom":[{"path":"one.yaml"},{"content":"c: two\nd: two","name":"secret/values"}],"values":{"d":"inline","e":"inline"},"setJson":["e={\"j\":1}"],"set":["e.s=1"],"setString":["g=007"],"setFile":["h=f.txt"],"setLiteral":["i=a,b"]}`})
	want := `{"a":"chart","b":"one","c":"two","d":"inline","e":{"j":1,"s":1},"g":"007","h":"file","i":"a,b","m":{"l":2}}`
	if !got.OK || !strings.Contains(got.body, strings.ReplaceAll(want, `"`, `\"`)) {
		t.Error(got.fingerprint())
	}
}

// TestHelmOrder: crds first, then install order, hooks last with their annotation; both can be left out.
func TestHelmOrder(t *testing.T) {
	hook := "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: h\n  annotations: {helm.sh/hook: test}\n"
	files := chart("apiVersion: v1\nkind: Service\nmetadata: {name: s}\n---\n"+hook+"---\napiVersion: v1\nkind: Namespace\nmetadata: {name: n}\n", treetest.Files{"app/crds/c.yaml": "# c\napiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: c}\n"})
	kinds := func(parameters string) string {
		var kinds []string
		for _, object := range newSession(t).render(files, request{Path: "app", Parameters: parameters}).Objects {
			kinds = append(kinds, fmt.Sprintf("%s/%s/%t/%d", object.Kind, object.Hook, object.CRD, object.Line))
		}
		return strings.Join(kinds, " ")
	}
	if got := kinds(""); got != "CustomResourceDefinition//true/2 Namespace//false/12 Service//false/2 Job/test/false/6" {
		t.Error(got)
	}
	if got := kinds(`{"crds":"Skip","skipTests":true}`); got != "Namespace//false/12 Service//false/2" {
		t.Error(got)
	}
}

// TestKustomizeParameters: an overlay over the directory, as a kustomization of the user's own would be.
func TestKustomizeParameters(t *testing.T) {
	files := treetest.Files{"app/kustomization.yaml": "resources: [d.yaml]\n", "app/d.yaml": strings.TrimSpace(deployment) + "\n"}
	parameters := `{"images":["example.com/web=registry:5000/web:2"],"namePrefix":"p-","nameSuffix":"-s","namespace":"n","labels":{"l":"1"},"annotations":{"t":"2"},"replicas":[{"name":"web","count":4}],"patches":[{"target":{"kind":"Deployment"},"patch":"- {op: add, path: /spec/paused, value: true}"}]}`
	got := newSession(t).render(files, request{Path: "app", Parameters: parameters})
	want := `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"annotations":{"t":"2"},"labels":{"l":"1"},"name":"p-web-s","namespace":"n"},"spec":{"paused":true,"replicas":4,"template":{"metadata":{"annotations":{"t":"2"},"labels":{"app":"web"}},"spec":{"containers":[{"envFrom":[{"configMapRef":{"name":"settings"}}],"image":"registry:5000/web:2","name":"web"}]}}}}`
	if got.body != want || got.Objects[0].Path != "app/d.yaml" {
		t.Error(got.fingerprint())
	}
}

// TestAnOverlayChangesNothingByItself: with parameters that do nothing the objects are those of the directory.
func TestAnOverlayChangesNothingByItself(t *testing.T) {
	for _, sample := range samples {
		if !strings.HasPrefix(sample.name, "kustomize") || sample.request.Parameters != "" {
			continue
		}
		s := newSession(t)
		bare := s.render(sample.files, sample.request)
		laid := sample.request
		laid.Parameters = `{"images":["not.there/at-all=x:1"]}`
		if got := s.render(sample.files, laid); got.body != bare.body {
			t.Errorf("%s: %s\n%s", sample.name, bare.body, got.body)
		}
	}
}

// TestYAMLOutsideGit: read by the same rules.
func TestYAMLOutsideGit(t *testing.T) {
	got := newSession(t).ask(map[string]any{"type": "yaml", "path": "-"}, named("a")+"---\n"+named("b"))
	if !got.OK || len(got.Objects) != 2 || got.Objects[1].Line != 8 || got.Objects[1].Path != "-" {
		t.Error(got.fingerprint())
	}
}

// TestABrokenProtocolEndsTheWorker: a stream that is out of step cannot be mended.
func TestABrokenProtocolEndsTheWorker(t *testing.T) {
	s := newSession(t)
	s.send(map[string]any{"type": "object", "id": 1}, nil)
	if err := <-s.ended; err == nil || !strings.Contains(err.Error(), "was not expected") {
		t.Error(err)
	}
}
