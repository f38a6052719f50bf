package kustomize

import (
	"encoding/json"
	"path"
	"strings"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/yaml"

	"trimtab.dev/renderer/internal/failure"
	"trimtab.dev/renderer/internal/tree"
)

// Parameters are what an application lays over its kustomization.
type Parameters struct {
	Images      []string          `json:"images"`
	Patches     []types.Patch     `json:"patches"`
	NamePrefix  string            `json:"namePrefix"`
	NameSuffix  string            `json:"nameSuffix"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	Namespace   string            `json:"namespace"`
	Replicas    []types.Replica   `json:"replicas"`
	Components  []string          `json:"components"`
}

func (p Parameters) empty() bool {
	return len(p.Images)+len(p.Patches)+len(p.Labels)+len(p.Annotations)+len(p.Replicas)+len(p.Components) == 0 &&
		p.NamePrefix+p.NameSuffix+p.Namespace == ""
}

// overlay writes a kustomization of our own over the directory's. What counts only in the outermost
// kustomization (buildMetadata, sortOptions) is carried over from the directory's own.
func (f *files) overlay(directory string, parameters Parameters) error {
	images, err := parseImages(parameters.Images)
	if err != nil {
		return err
	}
	inner, err := f.innerOutline(directory)
	if err != nil {
		return err
	}
	kustomization := map[string]any{
		"resources":  []string{path.Join("..", root, directory)},
		"namePrefix": parameters.NamePrefix, "nameSuffix": parameters.NameSuffix, "namespace": parameters.Namespace,
		"images": images, "patches": parameters.Patches, "replicas": parameters.Replicas,
		"commonAnnotations": parameters.Annotations, "buildMetadata": inner.BuildMetadata,
	}
	if len(parameters.Labels) > 0 {
		kustomization["labels"] = []map[string]any{{"pairs": parameters.Labels, "includeSelectors": false}}
	}
	if inner.SortOptions != nil {
		kustomization["sortOptions"] = inner.SortOptions
	}
	var components []string
	for _, component := range parameters.Components {
		components = append(components, path.Join("..", root, directory, component))
	}
	kustomization["components"] = components
	content, err := json.Marshal(kustomization)
	f.virtual[overlayDirectory+"/"+konfig.DefaultKustomizationFileName()] = content
	return err
}

// innerOutline reads the directory's own kustomization; one that cannot be read is left for the build to explain.
func (f *files) innerOutline(directory string) (outline, error) {
	var seen outline
	for _, name := range konfig.RecognizedKustomizationFileNames() {
		content, err := f.view.ReadPlain(path.Join(directory, name))
		if err == tree.ErrAbsent {
			continue
		}
		if err != nil {
			return seen, err
		}
		_ = yaml.Unmarshal(content, &seen)
		return seen, nil
	}
	return seen, nil
}

// parseImages reads `kustomize edit set image`'s forms: name=new:tag, name=new@digest, name:tag, name@digest.
func parseImages(given []string) ([]types.Image, error) {
	images := make([]types.Image, 0, len(given))
	for _, text := range given {
		name, replacement, renamed := strings.Cut(text, "=")
		newName, tag, digest := splitImage(replacement)
		if !renamed {
			name, tag, digest = splitImage(text)
			newName = ""
		}
		if name == "" || (newName == "" && tag == "" && digest == "") {
			return nil, failure.New(failure.Render, "", "kustomize.images has %q; it must be name=new:tag, name:tag or name@digest", text)
		}
		images = append(images, types.Image{Name: name, NewName: newName, NewTag: tag, Digest: digest})
	}
	return images, nil
}

// splitImage cuts an image reference into name, tag and digest. A colon before the last slash belongs to a port.
func splitImage(reference string) (name, tag, digest string) {
	name, digest, _ = strings.Cut(reference, "@")
	if colon := strings.LastIndexByte(name, ':'); colon > strings.LastIndexByte(name, '/') {
		name, tag = name[:colon], name[colon+1:]
	}
	return name, tag, digest
}
