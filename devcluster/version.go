package main

import (
	_ "unsafe" // for go:linkname

	_ "k8s.io/client-go/pkg/version" // for its variable
	"k8s.io/component-base/version"
)

// kubernetesVersion is the release that go.mod names.
const kubernetesVersion = "v1.34.4"

// The release build of Kubernetes sets these variables by linker flags; ours is a plain `go build`.

//go:linkname gitVersion k8s.io/component-base/version.gitVersion
var gitVersion string // what the parts say of themselves

//go:linkname clientVersion k8s.io/client-go/pkg/version.gitVersion
var clientVersion string // what user agents say

// nameVersion makes every component, and /version, tell the release that it is.
func nameVersion() error {
	gitVersion, clientVersion = kubernetesVersion, kubernetesVersion
	return version.SetDynamicVersion(kubernetesVersion)
}
