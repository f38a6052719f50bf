// Package kustomize renders kustomizations as `kubectl kustomize` does, from a Git tree.
//
// Kustomize keeps its OpenAPI schema in a global of the process, so renders may
// not run side by side, and a kustomization that changes the schema is followed
// by a reset: otherwise it would change the result of every later one.
package kustomize

import (
	"fmt"
	"path"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/openapi"

	"trimtab.dev/renderer/internal/failure"
	"trimtab.dev/renderer/internal/helm"
	"trimtab.dev/renderer/internal/objects"
	"trimtab.dev/renderer/internal/tree"
)

// Render adds the kustomization's objects to the set, in Kustomize's legacy order (that of kubectl).
func Render(view *tree.View, directory string, parameters Parameters, environment helm.Environment, set *objects.Set) error {
	files := newFiles(view, environment)
	entry := root + "/" + directory
	if !parameters.empty() {
		if err := files.overlay(directory, parameters); err != nil {
			return err
		}
		entry = overlayDirectory
	}
	resources, err := files.run(path.Clean(entry))
	if err != nil {
		return files.explain(err, directory)
	}
	return files.add(resources, directory, set)
}

// run builds. Kustomize panics on a schema that it cannot parse.
func (f *files) run(entry string) (built resmap.ResMap, err error) {
	defer f.resetSchema()
	defer func() {
		if thrown := recover(); thrown != nil {
			err = fmt.Errorf("kustomize gave up: %v", thrown)
		}
	}()
	options := krusty.MakeDefaultOptions()
	options.Reorder = krusty.ReorderOptionLegacy
	options.LoadRestrictions = types.LoadRestrictionsRootOnly
	options.PluginConfig = types.DisabledPluginConfig()
	return krusty.MakeKustomizer(options).Run(f, entry)
}

// resetSchema forgets what a kustomization taught the process about types. The next run that needs
// the schema pays 23-50 ms for it, so it happens only where there was something to forget.
func (f *files) resetSchema() {
	if f.changedSchema {
		openapi.ResetOpenAPI()
	}
}

// add takes the objects over, each with the place that it was written at, as far as that can be told.
func (f *files) add(resources resmap.ResMap, directory string, set *objects.Set) error {
	for _, resource := range resources.Resources() {
		object, err := resource.Map()
		if err != nil {
			return failure.New(failure.Render, directory, "a result of Kustomize cannot be read: %s", err)
		}
		origin := f.places.of(resource.GetKind(), resource.GetName(), f.kustomization(directory))
		if err := set.AddValue(object, origin); err != nil {
			return err
		}
	}
	return nil
}
