package main

import (
	_ "unsafe" // for go:linkname

	"k8s.io/component-base/version"
)

// kubernetesVersion is the release that go.mod names.
const kubernetesVersion = "v1.34.4"

// The release build of Kubernetes sets this variable by linker flags; ours is a plain `go build`.
//
//go:linkname gitVersion k8s.io/component-base/version.gitVersion
var gitVersion string

// nameVersion makes every component, and /version, tell the release that it is.
func nameVersion() error {
	gitVersion = kubernetesVersion
	return version.SetDynamicVersion(kubernetesVersion)
}
