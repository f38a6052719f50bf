// Package version names this build for render keys.
package version

import (
	"runtime/debug"
	"strings"
)

// ours changes whenever the same inputs may render to other bytes.
const ours = "1"

// libraries are those whose versions decide what a render gives.
var libraries = map[string]string{
	"helm.sh/helm/v4":              "helm",
	"sigs.k8s.io/kustomize/api":    "kustomize",
	"github.com/google/go-jsonnet": "jsonnet",
	"github.com/google/cel-go":     "cel",
	"github.com/getsops/sops/v3":   "sops",
}

// String joins our own version with those of the libraries: "1 cel/v0.31.0 helm/v4.3.1 …".
func String() string {
	parts := []string{ours}
	build, known := debug.ReadBuildInfo()
	if !known {
		return ours
	}
	for _, module := range build.Deps {
		if name, counts := libraries[module.Path]; counts {
			parts = append(parts, name+"/"+module.Version)
		}
	}
	return strings.Join(parts, " ")
}
