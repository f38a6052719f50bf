package worker

import "trimtab.dev/renderer/internal/treetest"

// sample is a tree that exercises features of one renderer.
type sample struct {
	name    string
	request request
	files   treetest.Files
}

func named(name string) string {
	return "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: " + name + "\ndata:\n  a: \"1\"\n"
}

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
      - name: web
        image: example.com/web:1
        envFrom:
        - configMapRef: {name: settings}
`

// samples are small; each feature that reads a file in a way of its own stands in one of them.
var samples = []sample{
	{"plain", request{Path: "app"}, treetest.Files{
		"app/b.yaml": named("b"), "app/a.yml": named("a"), "app/c.json": `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"}}`,
		"app/readme.md": "no manifest", "app/deeper/d.yaml": named("d"), "app/link.yaml": "-> ../other/l.yaml",
		"other/l.yaml": named("l"), "other/m.yaml": named("m"),
	}},
	{"plain, recursive, narrowed", request{Path: "app", Kind: "Plain", Parameters: `{"recurse":true,"include":"{*.yaml,x/*}","exclude":"*/skip/*"}`}, treetest.Files{
		"app/b.yaml": named("b"), "app/deeper/d.yaml": named("d"), "app/deeper/skip/s.yaml": named("s"), "app/x/y.json": "{}",
		"app/x/kustomization.yaml": "resources: []", "top.yaml": named("top"),
	}},
	{"kustomize", request{Path: "overlays/production"}, treetest.Files{
		"base/kustomization.yaml": "resources: [deployment.yaml]\nconfigMapGenerator:\n- name: settings\n  files: [app.conf, renamed=files/other.conf]\n  envs: [vars.env]\n",
		"base/deployment.yaml":    deployment, "base/app.conf": "a=1", "base/files/other.conf": "b", "base/vars.env": "X=1\n", "base/unused.yaml": named("unused"),
		"components/extra/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [extra.yaml]\n",
		"components/extra/extra.yaml":         named("extra"),
		"overlays/production/kustomization.yaml": "namespace: production\nnamePrefix: p-\nresources: [../../base]\ncomponents: [../../components/extra]\n" +
			"patches:\n- path: patch.yaml\nreplacements:\n- path: replacement.yaml\ntransformers: [transformer.yaml]\nconfigurations: [configuration.yaml]\n",
		"overlays/production/patch.yaml":         "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 3}\n",
		"overlays/production/replacement.yaml":   "source: {kind: ConfigMap, name: extra, fieldPath: data.a}\ntargets:\n- select: {kind: Deployment}\n  fieldPaths: [spec.paused]\n  options: {create: true}\n",
		"overlays/production/transformer.yaml":   "apiVersion: builtin\nkind: LabelTransformer\nmetadata: {name: labels}\nlabels: {team: a}\nfieldSpecs:\n- path: metadata/labels\n  create: true\n",
		"overlays/production/configuration.yaml": "commonLabels:\n- path: spec/labels\n  kind: Other\n",
	}},
	{"kustomize with parameters", request{Path: "app", Kind: "Kustomize", Parameters: `{"images":["example.com/web=example.com/other:2"],"namePrefix":"x-","components":["../extra"],"labels":{"a":"b"}}`}, treetest.Files{
		"app/kustomization.yml": "resources: [deployment.yaml]\nbuildMetadata: [originAnnotations]\n", "app/deployment.yaml": deployment,
		"extra/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [e.yaml]\n", "extra/e.yaml": named("e"),
	}},
	{"kustomize with a chart", request{Path: "app"}, treetest.Files{
		"app/kustomization.yaml":               "resources: [a.yaml]\nhelmCharts:\n- name: small\n  valuesFile: values.yaml\n  additionalValuesFiles: [more.yaml]\n  releaseName: r\n",
		"app/a.yaml":                           named("a"),
		"app/values.yaml":                      "a: 1\n",
		"app/more.yaml":                        "b: 2\n",
		"app/charts/small/Chart.yaml":          "apiVersion: v2\nname: small\nversion: 0.1.0\n",
		"app/charts/small/values.yaml":         "c: 3\n",
		"app/charts/small/templates/a.yaml":    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {v: {{ .Values | toJson | quote }}}\n",
		"app/charts/small/templates/_more.tpl": "{{ define \"x\" }}1{{ end }}",
	}},
	{"kustomize that teaches types", request{Path: "app"}, treetest.Files{
		"app/kustomization.yaml": "resources: [x.yaml]\nopenapi: {path: schema.json}\npatches:\n- path: p.yaml\n",
		"app/schema.json":        `{"definitions":{"v1.X":{"x-kubernetes-group-version-kind":[{"group":"e.io","kind":"X","version":"v1"}],"properties":{"spec":{"$ref":"#/definitions/spec"}}},"spec":{"properties":{"l":{"type":"array","items":{"type":"object"},"x-kubernetes-patch-merge-key":"name","x-kubernetes-patch-strategy":"merge"}}}}}`,
		"app/x.yaml":             "apiVersion: e.io/v1\nkind: X\nmetadata: {name: x}\nspec:\n  l:\n  - name: a\n    v: 1\n",
		"app/p.yaml":             "apiVersion: e.io/v1\nkind: X\nmetadata: {name: x}\nspec:\n  l:\n  - name: b\n    v: 2\n",
	}},
	{"helm", request{Path: "charts/app", Parameters: `{"valuesFrom":[{"path":"../../env/*.yaml"},{"path":"maybe.yaml","optional":true}],"setFile":["f=../../note.txt"]}`}, treetest.Files{
		"charts/app/Chart.yaml":                  "apiVersion: v2\nname: app\nversion: 0.1.0\n",
		"charts/app/.helmignore":                 "ignored/\n*.bak\n",
		"charts/app/values.yaml":                 "a: 1\nsub: {x: 2}\n",
		"charts/app/values.schema.json":          `{"properties":{"a":{"type":"integer"}}}`,
		"charts/app/templates/a.yaml":            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ include \"n\" . }}}\ndata:\n  v: {{ .Values | toJson | quote }}\n  f: {{ .Files.Get \"data/f.txt\" | quote }}\n  g: {{ (.Files.Glob \"data/*\").AsConfig | quote }}\n",
		"charts/app/templates/_n.tpl":            "{{ define \"n\" }}app{{ end }}",
		"charts/app/templates/NOTES.txt":         "hello",
		"charts/app/templates/a.bak":             "ignored",
		"charts/app/data/f.txt":                  "f",
		"charts/app/data/g.txt":                  "g",
		"charts/app/ignored/i.txt":               "i",
		"charts/app/crds/c.yaml":                 "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: c.e.io}\n",
		"charts/app/charts/sub/Chart.yaml":       "apiVersion: v2\nname: sub\nversion: 0.1.0\n",
		"charts/app/charts/sub/templates/s.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: sub}\ndata: {v: {{ .Values | toJson | quote }}}\n",
		"charts/app/linked":                      "-> ../../shared",
		"shared/s.txt":                           "shared",
		"env/a.yaml":                             "b: 2\n", "env/b.yaml": "b: 3\n", "env/c.txt": "no values",
		"note.txt": "note", "elsewhere.txt": "unread",
	}},
	{"jsonnet", request{Path: "app", Parameters: `{"libraryPaths":["vendor","/library"],"extStr":{"e":"1"}}`}, treetest.Files{
		"app/main.jsonnet":         "local k = import 'k.libsonnet'; local l = import 'lib.libsonnet'; [k.cm('a', importstr 'note.txt'), {b: l.cm('b')}]",
		"app/k.libsonnet":          "{cm(n, t):: {apiVersion: 'v1', kind: 'ConfigMap', metadata: {name: n}, data: {t: t, e: std.extVar('e')}}}",
		"app/note.txt":             "note",
		"app/other.jsonnet":        "{}",
		"app/vendor/lib.libsonnet": "{cm(n):: {apiVersion: 'v1', kind: 'ConfigMap', metadata: {name: n}}}",
		"library/unused.libsonnet": "{}",
	}},
	{"through a link", request{Path: "current"}, treetest.Files{
		"current": "-> releases/two", "releases/two/a.yaml": named("a"), "releases/one/b.yaml": named("b"),
	}},
	{"the root", request{Path: "", Kind: "Kustomize", Parameters: `{"namePrefix":"p-","components":["extra"]}`}, treetest.Files{
		"kustomization.yaml": "resources: [a.yaml, base]\n", "a.yaml": named("a"), "base/kustomization.yaml": "resources: [b.yaml]\n", "base/b.yaml": named("b"),
		"extra/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [e.yaml]\n", "extra/e.yaml": named("e"),
	}},
	{"a chart at the root", request{Path: "."}, treetest.Files{
		"Chart.yaml": chartFile, "templates/a.yaml": named("{{ .Values.name }}"), "values.yaml": "name: a1\n",
	}},
	{"nothing there", request{Path: "apps/absent"}, treetest.Files{"apps/present/a.yaml": named("a")}},
}
