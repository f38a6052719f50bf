package helm

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"helm.sh/helm/v4/pkg/chart/common"
	chart "helm.sh/helm/v4/pkg/chart/v2"

	"trimtab.dev/renderer/internal/failure"
	"trimtab.dev/renderer/internal/protocol"
)

// Cluster answers a chart's questions about the cluster and remembers them.
type Cluster struct {
	kubeVersion string
	apiVersions []string
	known       map[string]struct{}
	asked       map[protocol.Read]struct{}
}

// NewCluster describes a cluster by its version and its API versions
// ("apps/v1" and "apps/v1/Deployment"); known is the same list as a set.
func NewCluster(kubeVersion string, apiVersions []string, known map[string]struct{}) *Cluster {
	return &Cluster{kubeVersion, apiVersions, known, map[protocol.Read]struct{}{}}
}

// Asked gives the questions and their answers, sorted.
func (c *Cluster) Asked() []protocol.Read {
	asked := make([]protocol.Read, 0, len(c.asked))
	for read := range c.asked {
		asked = append(asked, read)
	}
	slices.SortFunc(asked, func(a, b protocol.Read) int { return slices.Compare(a[:], b[:]) })
	return asked
}

func (c *Cluster) note(kind, name, answer string) {
	c.asked[protocol.Read{kind, name, answer}] = struct{}{}
}

// capabilities makes the .Capabilities of a chart. What its texts mention decides what is recorded
// beforehand and what when it is asked.
func (c *Cluster) capabilities(mentioned mentions) (*capabilities, error) {
	version, err := common.ParseKubeVersion(first(c.kubeVersion, "1.34.0"))
	if err != nil {
		return nil, failure.New(failure.Unsupported, "", "%q is no Kubernetes version", c.kubeVersion)
	}
	if mentioned.kubeVersion {
		c.noteVersion()
	}
	return &capabilities{KubeVersion: *version, cluster: c, wholeList: mentioned.versionList}, nil
}

func (c *Cluster) noteVersion() { c.note("kubeVersion", "", c.kubeVersion) }

// capabilities stands for Helm's struct of the same fields. The version is a field as there, since templates can print it in
// ways that tell a field from a method; the list is a method, so that each question to it can be recorded.
type capabilities struct {
	KubeVersion common.KubeVersion
	cluster     *Cluster
	wholeList   bool
}

// HelmVersion is a constant of this worker.
func (c *capabilities) HelmVersion() any { return common.DefaultCapabilities.HelmVersion }

// APIVersions is something to ask with Has, or the list itself.
func (c *capabilities) APIVersions() any {
	if !c.wholeList {
		return versionQuestions{c.cluster}
	}
	return c.list()
}

func (c *capabilities) list() common.VersionSet {
	sorted := slices.Sorted(slices.Values(c.cluster.apiVersions))
	sum := sha256.New()
	for _, name := range sorted {
		sum.Write([]byte(name + "\n"))
	}
	c.cluster.note("apiVersionsList", "", hex.EncodeToString(sum.Sum(nil)))
	return common.VersionSet(c.cluster.apiVersions)
}

// MarshalJSON serves `toYaml .Capabilities`: everything was read.
func (c *capabilities) MarshalJSON() ([]byte, error) {
	c.cluster.noteVersion()
	return json.Marshal(map[string]any{
		"KubeVersion": c.KubeVersion, "APIVersions": c.list(), "HelmVersion": c.HelmVersion(),
	})
}

// String serves `{{ .Capabilities }}`: everything was read.
func (c *capabilities) String() string {
	c.cluster.noteVersion()
	return fmt.Sprintf("{%v %v %v}", c.KubeVersion, c.list(), c.HelmVersion())
}

// versionQuestions answers .Capabilities.APIVersions.Has.
type versionQuestions struct{ cluster *Cluster }

// Has tells whether the cluster serves an API version, or a kind of it ("apps/v1/Deployment").
func (v versionQuestions) Has(name string) bool {
	_, found := v.cluster.known[name]
	v.cluster.note("apiVersions", name, strconv.FormatBool(found))
	return found
}

// mentions is what the files of a chart and its subcharts, and the values given (which templates may evaluate),
// say about capabilities. One mention too many only makes the render key wider.
type mentions struct{ kubeVersion, versionList bool }

func (l *loadedChart) mentions(given *given) mentions {
	var found mentions
	found.look(given.inline)
	for _, text := range given.texts {
		found.look(text.content)
	}
	found.lookThrough(l.chart)
	return found
}

func (m *mentions) lookThrough(searched *chart.Chart) {
	for _, file := range searched.Raw {
		m.look(file.Data)
	}
	for _, dependency := range searched.Dependencies() {
		m.lookThrough(dependency)
	}
}

func (m *mentions) look(text []byte) {
	m.kubeVersion = m.kubeVersion || bytes.Contains(text, []byte("KubeVersion"))
	m.versionList = m.versionList || takesVersionList(text)
}

// takesVersionList looks for "APIVersions" that is not followed by ".Has".
func takesVersionList(text []byte) bool {
	for {
		_, after, found := bytes.Cut(text, []byte("APIVersions"))
		if !found {
			return false
		}
		if !bytes.HasPrefix(after, []byte(".Has")) {
			return true
		}
		text = after
	}
}
