package main

import (
	"net/http"
	"strings"

	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/rest"
)

// The name of the program stands first in the user agent of every client, and becomes the field manager of what it
// writes: managedFields must read as in any cluster. In one process all parts would have one name. So the process
// takes the API server's, and the controller manager's requests are renamed on their way. The scheduler makes its
// clients where nobody can reach them: it keeps the API server's name, with "/scheduler" at the end of the user agent.
const processName = "kube-apiserver"

// actAs makes every client of a configuration bear this program name.
func actAs(name string, config *rest.Config) {
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return renamed{name, next} })
}

// renamed is a transport that replaces the program name in the user agent.
type renamed struct {
	name string
	next http.RoundTripper
}

// RoundTrip sends a copy of the request under the other name.
func (r renamed) RoundTrip(request *http.Request) (*http.Response, error) {
	request = utilnet.CloneRequest(request)
	if rest, found := strings.CutPrefix(request.UserAgent(), processName+"/"); found {
		request.Header.Set("User-Agent", r.name+"/"+rest)
	}
	return r.next.RoundTrip(request)
}

// WrappedRoundTripper lets client-go reach the transport below, to close its connections.
func (r renamed) WrappedRoundTripper() http.RoundTripper { return r.next }
