package kustomize

import (
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"sigs.k8s.io/yaml"

	"trimtab.dev/renderer/internal/failure"
	"trimtab.dev/renderer/internal/helm"
	"trimtab.dev/renderer/internal/tree"
)

// outline is as much of a kustomization as we must know before Kustomize reads it.
type outline struct {
	Resources       []string                   `json:"resources"`
	Bases           []string                   `json:"bases"`
	Components      []string                   `json:"components"`
	CRDs            []string                   `json:"crds"`
	OpenAPI         map[string]any             `json:"openapi"`
	Namespace       string                     `json:"namespace"`
	HelmGlobals     struct{ ChartHome string } `json:"helmGlobals"`
	HelmCharts      []chartReference           `json:"helmCharts"`
	LegacyInflation []any                      `json:"helmChartInflationGenerator"`
	BuildMetadata   []string                   `json:"buildMetadata"`
	SortOptions     map[string]any             `json:"sortOptions"`
}

// chartReference is an entry of helmCharts (kustomize api/types/helmchartargs.go).
type chartReference struct {
	Name                  string         `json:"name"`
	Version               string         `json:"version"`
	Repo                  string         `json:"repo"`
	ReleaseName           string         `json:"releaseName"`
	Namespace             string         `json:"namespace"`
	AdditionalValuesFiles []string       `json:"additionalValuesFiles"`
	ValuesFile            string         `json:"valuesFile"`
	ValuesInline          map[string]any `json:"valuesInline"`
	ValuesMerge           string         `json:"valuesMerge"`
	IncludeCRDs           bool           `json:"includeCRDs"`
	SkipHooks             bool           `json:"skipHooks"`
	SkipTests             bool           `json:"skipTests"`
	NameTemplate          string         `json:"nameTemplate"`
}

// serve looks through a kustomization file, asks for the files that it names, refuses what we do not
// follow, and renders its charts. A file that cannot be read is left to Kustomize, which explains it better.
func (f *files) serve(name string, content []byte) ([]byte, error) {
	var seen outline
	if yaml.Unmarshal(content, &seen) != nil {
		return content, nil
	}
	f.changedSchema = f.changedSchema || len(seen.OpenAPI) > 0 || len(seen.CRDs) > 0
	for _, entries := range [][]string{seen.Resources, seen.Bases, seen.Components, seen.CRDs} {
		for _, entry := range entries {
			if err := f.checkLocal(name, entry); err != nil {
				return content, err
			}
		}
	}
	if len(seen.LegacyInflation) > 0 {
		return content, failure.New(failure.Unsupported, name, "helmChartInflationGenerator is out of use; write helmCharts, with the chart vendored under charts/")
	}
	if err := f.view.PrefetchNamed(path.Dir("/" + name)[1:], string(content)); err != nil {
		return content, err
	}
	if len(seen.HelmCharts) == 0 {
		return content, nil
	}
	return f.inflate(name, content, seen)
}

// inflate renders each chart into a file beside the kustomization and names that as a resource instead.
func (f *files) inflate(name string, content []byte, seen outline) ([]byte, error) {
	var kustomization map[string]any
	if err := yaml.Unmarshal(content, &kustomization); err != nil {
		return content, nil
	}
	resources, _ := kustomization["resources"].([]any)
	for index, reference := range seen.HelmCharts {
		text, err := f.render(name, reference, seen)
		if err != nil {
			return content, err
		}
		file := fmt.Sprintf(".helm-rendered-%d.yaml", index)
		f.virtual[path.Join(root, path.Dir(name), file)] = []byte(text)
		if text != "" {
			resources = append(resources, file)
		}
	}
	kustomization["resources"] = resources
	delete(kustomization, "helmCharts")
	delete(kustomization, "helmGlobals")
	return json.Marshal(kustomization)
}

func (f *files) render(kustomization string, reference chartReference, seen outline) (string, error) {
	location, err := f.chart(kustomization, reference, seen.HelmGlobals.ChartHome)
	if err != nil {
		return "", err
	}
	parameters, err := reference.parameters(path.Dir(kustomization), seen.Namespace)
	if err != nil {
		return "", failure.New(failure.Render, kustomization, "helmCharts entry %s: %s", reference.Name, err)
	}
	manifests, err := helm.Manifests(f.view, location, parameters, f.environment)
	if err != nil {
		return "", err
	}
	var joined strings.Builder
	for _, manifest := range manifests {
		if reference.SkipHooks && manifest.Hook != "" {
			continue
		}
		joined.WriteString("---\n" + strings.TrimPrefix(manifest.Text, "---\n") + "\n")
	}
	return joined.String(), nil
}

// chart finds the vendored chart: <chartHome>/<name>, or <chartHome>/<name>-<version>/<name> as Kustomize pulls it.
func (f *files) chart(kustomization string, reference chartReference, home string) (string, error) {
	if home == "" {
		home = "charts"
	}
	base := path.Join(path.Dir(kustomization), home)
	candidates := []string{path.Join(base, reference.Name)}
	if reference.Version != "" {
		versioned := reference.Name + "-" + reference.Version
		candidates = append([]string{path.Join(base, versioned, reference.Name)}, candidates...)
		candidates = append(candidates, path.Join(base, versioned+".tgz"))
	}
	for _, candidate := range candidates {
		location, inside := tree.Clean(candidate)
		if !inside {
			continue
		}
		if _, err := f.view.Stat(location); err == nil {
			return location, nil
		} else if err != tree.ErrAbsent {
			return "", err
		}
	}
	return "", failure.New(failure.Unsupported, kustomization, "chart %s %s is not vendored in %s, and charts are not fetched yet; run `helm pull --untar -d %s` and commit it", reference.Name, reference.Version, base, home)
}

// parameters says what Kustomize's helmCharts generator would pass to `helm template`.
// valuesMerge: override lets inline values win over the file, merge the file over inline ones, replace takes inline ones alone.
func (r chartReference) parameters(directory, namespace string) (helm.Parameters, error) {
	parameters := helm.Parameters{ReleaseName: r.ReleaseName, Namespace: r.Namespace, CRDs: "Skip", SkipTests: r.SkipTests}
	if r.NameTemplate != "" {
		return parameters, fmt.Errorf("nameTemplate is not supported; write releaseName")
	}
	if parameters.ReleaseName == "" {
		parameters.ReleaseName = "release-name"
	}
	if parameters.Namespace == "" {
		parameters.Namespace = namespace
	}
	if parameters.Namespace == "" {
		parameters.Namespace = "default"
	}
	if r.IncludeCRDs {
		parameters.CRDs = "Include"
	}
	fromRoot := func(file string) helm.ValuesSource { return helm.ValuesSource{Path: "/" + path.Join(directory, file)} }
	var file []helm.ValuesSource
	if r.ValuesFile != "" {
		file = append(file, fromRoot(r.ValuesFile))
	}
	var inline []helm.ValuesSource
	if len(r.ValuesInline) > 0 {
		text, err := yaml.Marshal(r.ValuesInline)
		if err != nil {
			return parameters, err
		}
		content := string(text)
		inline = append(inline, helm.ValuesSource{Name: "valuesInline", Content: &content})
	}
	switch {
	case len(inline) == 0 || r.ValuesMerge == "" || r.ValuesMerge == "override":
		parameters.ValuesFrom = append(file, inline...)
	case r.ValuesMerge == "merge":
		parameters.ValuesFrom = append(inline, file...)
	case r.ValuesMerge == "replace":
		parameters.ValuesFrom = inline
	default:
		return parameters, fmt.Errorf("valuesMerge is %q; it must be merge, override or replace", r.ValuesMerge)
	}
	for _, additional := range r.AdditionalValuesFiles {
		parameters.ValuesFrom = append(parameters.ValuesFrom, fromRoot(additional))
	}
	return parameters, nil
}
