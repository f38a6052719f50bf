// Package helm renders charts as `helm template` does, from a Git tree, with
// every question about the cluster, the clock and chance recorded.
package helm

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	commonutil "helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/engine"

	"trimtab.dev/renderer/internal/failure"
	"trimtab.dev/renderer/internal/objects"
	"trimtab.dev/renderer/internal/protocol"
	"trimtab.dev/renderer/internal/random"
	"trimtab.dev/renderer/internal/tree"
)

// Environment is what a chart may know beside its files and values.
type Environment struct {
	Cluster *Cluster
	Release protocol.Release
	Random  *random.Source
}

// Render adds the chart's objects to the set: crds/ first, then in Helm's install order, hooks last.
func Render(view *tree.View, location string, parameters Parameters, environment Environment, set *objects.Set) error {
	manifests, err := Manifests(view, location, parameters, environment)
	if err != nil {
		return err
	}
	for _, manifest := range manifests {
		if err := add(manifest, set); err != nil {
			return err
		}
	}
	return nil
}

// add puts one document into the set: files of crds/ are read here, with their lines, rendered ones have been read.
func add(manifest Manifest, set *objects.Set) error {
	origin := objects.Origin{Path: manifest.Path, Line: manifest.Line, CRD: manifest.CRD}
	if manifest.CRD {
		return set.AddYAML([]byte(manifest.Text), origin)
	}
	for _, warning := range manifest.Warnings {
		set.Warn(warning.Path, 0, fmt.Sprintf("%s (in line %d of the rendered document)", warning.Message, warning.Line))
	}
	return set.AddValue(manifest.Value, origin)
}

// Manifests renders the chart at a path of the tree (a directory or a .tgz).
// The order of the steps is that of Helm's own `template` command.
func Manifests(view *tree.View, location string, parameters Parameters, environment Environment) ([]Manifest, error) {
	loaded, err := load(view, location)
	if err != nil {
		return nil, err
	}
	if err := checkMetadata(loaded); err != nil {
		return nil, err
	}
	given, err := collect(view, loaded, parameters)
	if err != nil {
		return nil, err
	}
	if err := chartutil.ProcessDependencies(loaded.chart, given.merged); err != nil {
		return nil, failure.New(failure.Render, path.Join(location, "Chart.yaml"), "the chart's dependencies cannot be processed: %s", err)
	}
	values, err := renderValues(loaded, given, parameters, environment)
	if err != nil {
		return nil, err
	}
	rendered, err := engine.Engine{CustomTemplateFuncs: environment.Random.Functions()}.RenderWithContext(context.Background(), loaded.chart, values)
	if err != nil {
		return nil, loaded.explain(err)
	}
	return loaded.sorted(rendered, parameters)
}

// checkMetadata refuses what cannot be installed, before anything is rendered.
func checkMetadata(loaded *loadedChart) error {
	metadata, file := loaded.chart.Metadata, loaded.file("Chart.yaml")
	if metadata.Type != "" && metadata.Type != "application" {
		return failure.New(failure.Unsupported, file, "is a chart of type %q; only application charts can be installed", metadata.Type)
	}
	vendored := map[string]bool{}
	for _, dependency := range loaded.chart.Dependencies() {
		vendored[dependency.Name()] = true
	}
	var missing []string
	for _, wanted := range metadata.Dependencies {
		if wanted != nil && !vendored[wanted.Name] {
			missing = append(missing, strings.TrimSpace(wanted.Name+" "+wanted.Version))
		}
	}
	if len(missing) > 0 {
		return failure.New(failure.Unsupported, file, "needs charts that are not in its charts/ folder: %s; vendor them with `helm dependency build` and commit the folder", strings.Join(missing, ", "))
	}
	return nil
}

// renderValues joins values, release and capabilities, and checks the values against the schemas.
func renderValues(loaded *loadedChart, given *given, parameters Parameters, environment Environment) (common.Values, error) {
	options := common.ReleaseOptions{
		Name:      first(parameters.ReleaseName, environment.Release.Name, "release-name"),
		Namespace: first(parameters.Namespace, environment.Release.Namespace, "default"),
		Revision:  max(environment.Release.Revision, 1),
		IsInstall: environment.Release.IsInstall,
		IsUpgrade: !environment.Release.IsInstall,
	}
	if err := chartutil.ValidateReleaseName(options.Name); err != nil {
		return nil, failure.New(failure.Render, "", "%q cannot name a Helm release (at most 53 lower-case letters, digits, '-' and '.'); set helm.releaseName", options.Name)
	}
	capabilities, err := environment.Cluster.capabilities(loaded.mentions(given))
	if err != nil {
		return nil, err
	}
	values, err := commonutil.ToRenderValuesWithSchemaValidation(loaded.chart, given.merged, options, common.DefaultCapabilities, true)
	if err != nil {
		return nil, failure.New(failure.Render, loaded.location, "the chart's values do not fit together: %s", err)
	}
	values["Capabilities"] = capabilities
	if !parameters.SkipSchemaValidation {
		if err := loaded.validate(values, given); err != nil {
			return nil, err
		}
	}
	if constraint := loaded.chart.Metadata.KubeVersion; constraint != "" {
		environment.Cluster.noteVersion()
		if version := capabilities.KubeVersion.String(); !chartutil.IsCompatibleRange(constraint, version) {
			return nil, failure.New(failure.Render, loaded.file("Chart.yaml"), "the chart wants Kubernetes %s; this cluster is %s", constraint, version)
		}
	}
	return values, nil
}

func first(candidates ...string) string {
	for _, candidate := range candidates {
		if candidate != "" {
			return candidate
		}
	}
	return ""
}

// source maps a template's name ("podinfo/charts/redis/templates/a.yaml") to its path in the tree.
func (l *loadedChart) source(name string) string {
	below, found := strings.CutPrefix(name, l.chart.Name()+"/")
	if !found {
		return l.location
	}
	return l.file(below)
}

// file gives the path of one of the chart's files. Those inside an archive have the archive's path.
func (l *loadedChart) file(name string) string {
	if l.archive {
		return l.location
	}
	return path.Join(l.location, name)
}

// sortDependencies orders subcharts by name at each level: the loader leaves them in the order of a Go map.
func sortDependencies(loaded *chart.Chart) {
	dependencies := slices.Clone(loaded.Dependencies())
	slices.SortFunc(dependencies, func(a, b *chart.Chart) int {
		return strings.Compare(a.Name()+" "+a.Metadata.Version, b.Name()+" "+b.Metadata.Version)
	})
	loaded.SetDependencies(dependencies...)
	for _, dependency := range dependencies {
		sortDependencies(dependency)
	}
}
