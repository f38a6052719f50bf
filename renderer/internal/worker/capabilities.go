package worker

import (
	"encoding/json"
	"fmt"

	"trimtab.dev/renderer/internal/failure"
	"trimtab.dev/renderer/internal/frame"
	"trimtab.dev/renderer/internal/helm"
	"trimtab.dev/renderer/internal/protocol"
)

// keptLists is how many lists of API versions are remembered: one a cluster.
const keptLists = 4

// capabilityList is a cluster's API versions as a list and as a set.
type capabilityList struct {
	digest string
	list   []string
	known  map[string]struct{}
}

// capabilityLists remembers lists by digest, the newest last.
type capabilityLists struct{ kept []capabilityList }

func newCapabilityLists() *capabilityLists { return &capabilityLists{} }

func newCapabilityList(digest string, list []string) capabilityList {
	known := make(map[string]struct{}, len(list))
	for _, name := range list {
		known[name] = struct{}{}
	}
	return capabilityList{digest, list, known}
}

// keep remembers an announced list.
func (c *capabilityLists) keep(request frame.Frame) error {
	var header protocol.CapabilitiesFrame
	if err := json.Unmarshal(request.Header, &header); err != nil {
		return fmt.Errorf("a capabilities header cannot be read: %w", err)
	}
	var list []string
	if err := json.Unmarshal(request.Body, &list); err != nil {
		return fmt.Errorf("a list of capabilities is not a JSON list of strings: %w", err)
	}
	if _, found := c.find(header.Digest); found {
		return nil
	}
	c.kept = append(c.kept, newCapabilityList(header.Digest, list))
	if len(c.kept) > keptLists {
		c.kept = c.kept[1:]
	}
	return nil
}

func (c *capabilityLists) find(digest string) (capabilityList, bool) {
	for _, list := range c.kept {
		if list.digest == digest {
			return list, true
		}
	}
	return capabilityList{}, false
}

// cluster makes what charts may ask, from the request's own list or a remembered one.
func (c *capabilityLists) cluster(given protocol.Capabilities) (*helm.Cluster, error) {
	list := newCapabilityList("", given.APIVersions)
	if given.Digest != "" {
		found, known := c.find(given.Digest)
		if !known {
			return nil, failure.New(failure.Unsupported, "", "the list of capabilities %s is not kept here; send it again", given.Digest)
		}
		list = found
	}
	return helm.NewCluster(given.KubeVersion, list.list, list.known), nil
}
