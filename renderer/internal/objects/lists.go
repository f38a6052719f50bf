package objects

import (
	"encoding/json"
	"strings"
)

// listItems gives the items of a List (kind List, or any *List that has items, as `kubectl get -o yaml` writes them).
func listItems(object map[string]any) ([]any, bool) {
	kind, _ := object["kind"].(string)
	if !strings.HasSuffix(kind, "List") {
		return nil, false
	}
	items, isList := object["items"].([]any)
	if !isList {
		return nil, kind == "List" && object["items"] == nil
	}
	return items, true
}

// inherit fills in what items of a typed list may leave out, as apimachinery's unstructured decoder does.
func inherit(item, list map[string]any) {
	kind, _ := list["kind"].(string)
	if kind == "List" {
		return
	}
	if _, given := item["kind"]; !given {
		item["kind"] = strings.TrimSuffix(kind, "List")
	}
	if _, given := item["apiVersion"]; !given {
		item["apiVersion"] = list["apiVersion"]
	}
}

// deeperThan tells whether maps and lists nest beyond a number of levels.
func deeperThan(value any, levels int) bool {
	if levels < 0 {
		return true
	}
	switch typed := value.(type) {
	case map[string]any:
		for _, child := range typed {
			if deeperThan(child, levels-1) {
				return true
			}
		}
	case []any:
		for _, child := range typed {
			if deeperThan(child, levels-1) {
				return true
			}
		}
	}
	return false
}

// Describe names a JSON value's type for people.
func Describe(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case string:
		return "a string"
	case bool:
		return "true or false"
	case json.Number, int, int64, uint64, float64:
		return "a number"
	case []any:
		return "a list"
	default:
		return "a mapping"
	}
}
