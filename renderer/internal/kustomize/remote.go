package kustomize

import (
	"errors"
	"net/http"
	"path"
	"regexp"
	"strings"

	"trimtab.dev/renderer/internal/failure"
	"trimtab.dev/renderer/internal/tree"
)

const refusal = "the render worker has no network"

type refusingTransport struct{}

func (refusingTransport) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New(refusal)
}

// Disarm takes the network from the HTTP client that Kustomize fetches remote files with: no option
// of Kustomize does. The sandbox would stop it too; this gives the clearer message.
func Disarm() { http.DefaultTransport = refusingTransport{} }

// remoteShape knows the forms of remote bases: a scheme, git's scp-like form, or a host with a path
// (https://github.com/kubernetes-sigs/kustomize/blob/master/examples/remoteBuild.md).
var remoteShape = regexp.MustCompile(`^([a-z+]+::|[a-z+]+://|[\w.-]+@[\w.-]+:|gh:|(www\.)?(github|gitlab|bitbucket)\.(com|org)[:/])|\.git(/|\?|$)|\?(ref|version)=`)

// checkLocal refuses a remote entry of a kustomization, unless the tree has such a path.
func (f *files) checkLocal(kustomization, entry string) error {
	if !remoteShape.MatchString(entry) {
		return nil
	}
	if name, inside := tree.Clean(path.Join(path.Dir(kustomization), entry)); inside && !strings.Contains(entry, "://") {
		if _, err := f.view.Stat(name); err == nil {
			return nil
		}
	}
	return failure.New(failure.Unsupported, kustomization, "remote base %s is not fetched yet; vendor it into the repository and name its directory here", withoutCredentials(entry))
}

var credentials = regexp.MustCompile(`//[^/@]*@`)

func withoutCredentials(url string) string { return credentials.ReplaceAllString(url, "//") }
