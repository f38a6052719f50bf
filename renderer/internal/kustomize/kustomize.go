// Package kustomize renders kustomizations as `kubectl kustomize` does, from a Git tree.
//
// Kustomize keeps its OpenAPI schema in a global of the process, so renders may
// not run side by side, and a kustomization that changes the schema is followed
// by a reset: otherwise it would change the result of every later one.
package kustomize

import (
	"errors"
	"fmt"
	"path"
	"strings"

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

// explain prefers what we know better than Kustomize, then puts its long chains into a sentence.
func (f *files) explain(err error, directory string) error {
	if f.failed != nil {
		return f.failed
	}
	var known *failure.Failure
	if errors.As(err, &known) {
		return known
	}
	text := strings.NewReplacer(root+"/", "", root, ".", overlayDirectory, "the application's parameters").Replace(err.Error())
	class := failure.Render
	message := innermost(text)
	switch {
	case strings.Contains(text, "no 'git' program") || strings.Contains(text, refusal):
		class, message = failure.Unsupported, "a remote base or file is not fetched yet; vendor it into the repository"
	case strings.Contains(text, "external plugins disabled") || strings.Contains(text, "--enable-helm") || strings.Contains(text, "--enable-exec"):
		class, message = failure.Unsupported, "plug-ins of Kustomize (exec, containers, generators outside it) are not run; render their output into the repository"
	case strings.Contains(text, "unable to find one of"):
		class = failure.Source
	}
	return failure.New(class, f.kustomization(directory), "%s", message).WithDetail(text)
}

// innermost leaves out the "accumulating resources: accumulation err=…" in front of the cause.
func innermost(text string) string {
	text = strings.TrimSpace(strings.ReplaceAll(text, "\n", " "))
	for _, wrapping := range []string{"accumulating resources: ", "accumulating components: "} {
		for strings.HasPrefix(text, wrapping) {
			text = strings.TrimPrefix(text, wrapping)
		}
	}
	if _, cause, found := strings.Cut(text, "accumulation err='"); found {
		text = strings.Replace(cause, "': ", "; ", 1)
	}
	return text
}
