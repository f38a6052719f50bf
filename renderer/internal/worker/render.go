package worker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"trimtab.dev/renderer/internal/failure"
	"trimtab.dev/renderer/internal/frame"
	"trimtab.dev/renderer/internal/helm"
	"trimtab.dev/renderer/internal/jsonnet"
	"trimtab.dev/renderer/internal/kustomize"
	"trimtab.dev/renderer/internal/objects"
	"trimtab.dev/renderer/internal/plain"
	"trimtab.dev/renderer/internal/protocol"
	"trimtab.dev/renderer/internal/random"
	"trimtab.dev/renderer/internal/tree"
)

// render serves one render: open the tree, choose the kind, run it, and say what it depended on.
func (w *Worker) render(request frame.Frame, result *protocol.Result) ([]byte, error) {
	start := time.Now()
	var wanted protocol.RenderRequest
	if err := json.Unmarshal(request.Header, &wanted); err != nil {
		return nil, failure.New(failure.Unsupported, "", "the request cannot be read: %s", err)
	}
	location, inside := tree.Clean(wanted.Path)
	if !inside {
		return nil, failure.New(failure.Source, wanted.Path, "this path leaves the repository; spec.sources[].path must lie in it")
	}
	environment, err := w.environment(wanted, location)
	if err != nil {
		return nil, err
	}
	source := &parent{connection: w.connection, id: wanted.ID, decrypted: map[string][]byte{}}
	view := tree.NewView(source, w.cache, wanted.Tree, wanted.Hints)
	set := objects.NewSet(wanted.Limits)
	result.Kind, err = dispatch(view, location, wanted, environment, set)
	result.Reads, result.CapabilityReads, result.Random = view.Reads(), environment.Cluster.Asked(), environment.Random.Used()
	finish(result, set, start, source.callbacks)
	return set.Body(), err
}

func (w *Worker) environment(wanted protocol.RenderRequest, location string) (helm.Environment, error) {
	cluster, err := w.capabilities.cluster(wanted.Capabilities)
	if err != nil {
		return helm.Environment{}, err
	}
	chance, err := random.NewSource(wanted.Seed, wanted.Release.Namespace+"/"+wanted.Release.Name+"\x00"+location, wanted.Now)
	if err != nil {
		return helm.Environment{}, failure.New(failure.Unsupported, "", "%s", err)
	}
	return helm.Environment{Cluster: cluster, Release: wanted.Release, Random: chance}, nil
}

// dispatch renders by kind and gives the kind that it was.
func dispatch(view *tree.View, location string, wanted protocol.RenderRequest, environment helm.Environment, set *objects.Set) (string, error) {
	kind, err := chooseKind(view, location, wanted.Kind)
	if err != nil {
		return kind, err
	}
	switch kind {
	case "Plain":
		parameters, err := decode[plain.Parameters](wanted.Parameters)
		if err != nil {
			return kind, err
		}
		return kind, plain.Render(view, location, parameters, set)
	case "Kustomize":
		parameters, err := decode[kustomize.Parameters](wanted.Parameters)
		if err != nil {
			return kind, err
		}
		return kind, kustomize.Render(view, location, parameters, environment, set)
	case "Helm":
		parameters, err := decode[helm.Parameters](wanted.Parameters)
		if err != nil {
			return kind, err
		}
		return kind, helm.Render(view, location, parameters, environment, set)
	case "Jsonnet":
		parameters, err := decode[jsonnet.Parameters](wanted.Parameters)
		if err != nil {
			return kind, err
		}
		return kind, jsonnet.Render(view, location, parameters, set)
	default:
		return kind, failure.New(failure.Unsupported, location, "there is no renderer of kind %q; there are Plain, Kustomize, Helm and Jsonnet", kind)
	}
}

// decode reads parameters strictly: a misspelt one is an error, not a silence.
func decode[T any](text json.RawMessage) (T, error) {
	var parameters T
	if len(text) == 0 {
		return parameters, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&parameters); err != nil {
		return parameters, failure.New(failure.Unsupported, "", "the parameters cannot be read: %s", err)
	}
	return parameters, nil
}

func finish(result *protocol.Result, set *objects.Set, start time.Time, callbacks int) {
	result.Warnings, result.Objects = set.Warnings(), set.Objects()
	result.Statistics = &protocol.Statistics{
		Milliseconds: float64(time.Since(start).Microseconds()) / 1000,
		Bytes:        len(set.Body()),
		Callbacks:    callbacks,
	}
}

// yaml reads the body as manifests that are not in Git.
func (w *Worker) yaml(request frame.Frame, result *protocol.Result) ([]byte, error) {
	start := time.Now()
	var wanted protocol.YAMLRequest
	if err := json.Unmarshal(request.Header, &wanted); err != nil {
		return nil, failure.New(failure.Unsupported, "", "the request cannot be read: %s", err)
	}
	set := objects.NewSet(wanted.Limits)
	err := set.AddYAML(request.Body, objects.Origin{Path: wanted.Path})
	result.Kind = "Plain"
	finish(result, set, start, 0)
	return set.Body(), err
}

func (w *Worker) cel(request frame.Frame, result *protocol.Result) ([]byte, error) {
	var wanted protocol.CELRequest
	err := json.Unmarshal(request.Header, &wanted)
	if err == nil {
		result.Values, err = w.evaluator.Evaluate(wanted.Expressions, wanted.Variables)
	}
	return nil, asUnsupported(err)
}

func (w *Worker) celCompile(request frame.Frame, result *protocol.Result) ([]byte, error) {
	var wanted protocol.CELRequest
	err := json.Unmarshal(request.Header, &wanted)
	if err == nil {
		result.Values = w.evaluator.Check(wanted.Expressions, wanted.Names)
	}
	return nil, asUnsupported(err)
}

func asUnsupported(err error) error {
	if err == nil {
		return nil
	}
	return failure.New(failure.Unsupported, "", "%s", fmt.Sprintf("the request cannot be read: %s", err))
}
