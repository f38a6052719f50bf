package kustomize

import "sigs.k8s.io/kustomize/kyaml/openapi"

// Warm loads the schema that strategic merge patches need, 30-55 ms of work, before anyone waits for it.
func Warm() { openapi.Schema() }
