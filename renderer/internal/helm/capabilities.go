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

// capabilities makes the .Capabilities of a chart. wholeList tells whether some text of the
// chart takes the list of API versions in any other way than by asking Has.
func (c *Cluster) capabilities(wholeList bool) (*capabilities, error) {
	given := c.kubeVersion
	if given == "" {
		given = "1.34.0"
	}
	version, err := common.ParseKubeVersion(given)
	if err != nil {
		return nil, failure.New(failure.Unsupported, "", "%q is no Kubernetes version", given)
	}
	return &capabilities{cluster: c, version: version, wholeList: wholeList}, nil
}

// capabilities stands for Helm's struct of the same fields. Templates call methods
// and read fields alike, so each look at it can be recorded.
type capabilities struct {
	cluster   *Cluster
	version   *common.KubeVersion
	wholeList bool
}

// KubeVersion is the cluster's version.
func (c *capabilities) KubeVersion() *common.KubeVersion {
	c.cluster.note("kubeVersion", "", c.cluster.kubeVersion)
	return c.version
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
	return json.Marshal(map[string]any{
		"KubeVersion": c.KubeVersion(), "APIVersions": c.list(), "HelmVersion": c.HelmVersion(),
	})
}

// String serves `{{ .Capabilities }}`: everything was read.
func (c *capabilities) String() string {
	return fmt.Sprintf("{%s %v %v}", c.KubeVersion(), c.list(), c.HelmVersion())
}

// versionQuestions answers .Capabilities.APIVersions.Has.
type versionQuestions struct{ cluster *Cluster }

// Has tells whether the cluster serves an API version, or a kind of it ("apps/v1/Deployment").
func (v versionQuestions) Has(name string) bool {
	_, found := v.cluster.known[name]
	v.cluster.note("apiVersions", name, strconv.FormatBool(found))
	return found
}

// mentionsVersionList looks for ".APIVersions" that is not followed by ".Has", in all files of the chart and its
// subcharts and in the values given (which templates may evaluate). One too many only makes the render key wider.
func (l *loadedChart) mentionsVersionList(given *given) bool {
	mentioned := takesVersionList(given.inline) || filesTakeVersionList(l.chart)
	return mentioned || slices.ContainsFunc(given.texts, func(text valuesText) bool { return takesVersionList(text.content) })
}

func filesTakeVersionList(searched *chart.Chart) bool {
	return slices.ContainsFunc(searched.Raw, func(file *common.File) bool { return takesVersionList(file.Data) }) ||
		slices.ContainsFunc(searched.Dependencies(), filesTakeVersionList)
}

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
