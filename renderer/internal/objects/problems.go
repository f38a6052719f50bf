package objects

import (
	"fmt"
	"slices"
	"strings"

	"trimtab.dev/renderer/internal/protocol"
)

// HookAnnotation marks Helm's hooks (https://helm.sh/docs/topics/charts_hooks/).
const HookAnnotation = "helm.sh/hook"

// Limits of the API server on every object (apimachinery, pkg/api/validation/objectmeta.go).
const (
	maxNameBytes       = 253
	maxAnnotationBytes = 256 << 10
)

// serverFields are written by an API server alone; in a manifest they are left-overs.
var serverFields = []string{
	"creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "generation",
	"managedFields", "resourceVersion", "selfLink", "uid",
}

// describeObject gives an object's identity, its hook, and its problem if it has one.
func describeObject(object map[string]any) protocol.Object {
	described := protocol.Object{}
	described.APIVersion, _ = object["apiVersion"].(string)
	described.Kind, _ = object["kind"].(string)
	metadata, _ := object["metadata"].(map[string]any)
	described.Name, _ = metadata["name"].(string)
	described.Namespace, _ = metadata["namespace"].(string)
	described.GenerateName, _ = metadata["generateName"].(string)
	annotations, _ := metadata["annotations"].(map[string]any)
	described.Hook, _ = annotations[HookAnnotation].(string)
	described.Problem = problem(object, described)
	return described
}

// problem is one sentence about why an object cannot be used, or "".
func problem(object map[string]any, described protocol.Object) string {
	if described.Kind == "" {
		return "has no kind; every Kubernetes object needs apiVersion, kind and metadata.name"
	}
	if described.APIVersion == "" {
		return fmt.Sprintf("%s has no apiVersion; every Kubernetes object needs apiVersion, kind and metadata.name", described.Kind)
	}
	metadata, isMap := object["metadata"].(map[string]any)
	if !isMap {
		return fmt.Sprintf("metadata of this %s is %s; it must be a mapping with a name", described.Kind, describeOr(object, "metadata"))
	}
	for _, check := range []func(map[string]any, protocol.Object) string{
		nameProblem, namespaceProblem, labelProblem, annotationProblem, referenceProblem,
	} {
		if found := check(metadata, described); found != "" {
			return found
		}
	}
	return ""
}

func nameProblem(metadata map[string]any, described protocol.Object) string {
	name, given := metadata["name"]
	switch {
	case (!given || name == nil) && described.GenerateName != "":
		if described.Hook != "" {
			return "" // a hook is made anew each time; a generated name is right for it
		}
		return fmt.Sprintf("this %s has only metadata.generateName; what is kept equal to Git needs a metadata.name", described.Kind)
	case !given || name == nil || name == "":
		return fmt.Sprintf("this %s has no metadata.name", described.Kind)
	case described.Name == "":
		return fmt.Sprintf("metadata.name of this %s is %s; it must be a string", described.Kind, Describe(name))
	case len(described.Name) > maxNameBytes:
		return fmt.Sprintf("metadata.name of this %s is %d bytes long; Kubernetes allows %d", described.Kind, len(described.Name), maxNameBytes)
	case described.Name == "." || described.Name == ".." || strings.ContainsAny(described.Name, "/%"):
		return fmt.Sprintf("metadata.name %q cannot be part of an API path", described.Name)
	}
	return ""
}

func namespaceProblem(metadata map[string]any, described protocol.Object) string {
	namespace, given := metadata["namespace"]
	if _, isString := namespace.(string); given && namespace != nil && !isString {
		return fmt.Sprintf("metadata.namespace of %s is %s; it must be a string", called(described), Describe(namespace))
	}
	if strings.ContainsAny(described.Namespace, "/%.") {
		return fmt.Sprintf("metadata.namespace %q of %s is no namespace's name", described.Namespace, called(described))
	}
	return ""
}

func labelProblem(metadata map[string]any, described protocol.Object) string {
	return stringsProblem(metadata, "labels", described)
}

func annotationProblem(metadata map[string]any, described protocol.Object) string {
	if found := stringsProblem(metadata, "annotations", described); found != "" {
		return found
	}
	annotations, _ := metadata["annotations"].(map[string]any)
	total := 0
	for key, value := range annotations {
		text, _ := value.(string)
		total += len(key) + len(text)
	}
	if total > maxAnnotationBytes {
		return fmt.Sprintf("annotations of %s add up to %d bytes; Kubernetes allows %d", called(described), total, maxAnnotationBytes)
	}
	return ""
}

// stringsProblem checks a map from strings to strings.
func stringsProblem(metadata map[string]any, field string, described protocol.Object) string {
	value, given := metadata[field]
	if !given || value == nil {
		return ""
	}
	pairs, isMap := value.(map[string]any)
	if !isMap {
		return fmt.Sprintf("metadata.%s of %s is %s; it must be a mapping", field, called(described), Describe(value))
	}
	for _, key := range SortedKeys(pairs) {
		if _, isString := pairs[key].(string); !isString {
			return fmt.Sprintf("metadata.%s[%q] of %s is %s; it must be a string, so quote it", field, key, called(described), Describe(pairs[key]))
		}
	}
	return ""
}

func referenceProblem(metadata map[string]any, described protocol.Object) string {
	if value := metadata["ownerReferences"]; value != nil {
		references, isList := value.([]any)
		if !isList {
			return fmt.Sprintf("metadata.ownerReferences of %s is %s; it must be a list", called(described), Describe(value))
		}
		if len(references) > 0 {
			return fmt.Sprintf("%s has metadata.ownerReferences; an owner's uid cannot be known in Git, and the garbage collector would delete the object", called(described))
		}
	}
	if value := metadata["finalizers"]; value != nil {
		if _, isList := value.([]any); !isList {
			return fmt.Sprintf("metadata.finalizers of %s is %s; it must be a list", called(described), Describe(value))
		}
	}
	return ""
}

// dropServerFields takes out what only a server writes, and says so.
func (s *Set) dropServerFields(object map[string]any, described protocol.Object, origin Origin) {
	var dropped []string
	if status, given := object["status"]; given {
		delete(object, "status")
		if !emptyValue(status) {
			dropped = append(dropped, "status")
		}
	}
	metadata, _ := object["metadata"].(map[string]any)
	for _, field := range serverFields {
		if value, given := metadata[field]; given {
			delete(metadata, field)
			if value != nil {
				dropped = append(dropped, "metadata."+field)
			}
		}
	}
	if len(dropped) > 0 {
		s.Warn(origin.Path, origin.Line, fmt.Sprintf("%s of %s was left out: only the API server writes it", strings.Join(dropped, ", "), called(described)))
	}
}

// emptyValue holds for null and for what nests nothing but emptiness, as generators write it
// (status: {acceptedNames: {kind: "", plural: ""}, conditions: []}).
func emptyValue(value any) bool {
	switch typed := value.(type) {
	case nil:
		return true
	case string:
		return typed == ""
	case []any:
		return len(typed) == 0
	case map[string]any:
		for _, child := range typed {
			if !emptyValue(child) {
				return false
			}
		}
		return true
	}
	return false
}

func called(described protocol.Object) string {
	if described.Name == "" {
		return "this " + described.Kind
	}
	return described.Kind + "/" + described.Name
}

func describeOr(object map[string]any, field string) string {
	if _, given := object[field]; !given {
		return "absent"
	}
	return Describe(object[field])
}

// SortedKeys gives a map's keys in order.
func SortedKeys(pairs map[string]any) []string {
	keys := make([]string, 0, len(pairs))
	for key := range pairs {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
