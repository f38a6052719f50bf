package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	cliflag "k8s.io/component-base/cli/flag"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
	apiserveroptions "k8s.io/kubernetes/cmd/kube-apiserver/app/options"

	"trimtab.dev/devcluster/pki"
)

const serviceRange = "10.96.0.0/16"

// auditPolicy records every request once it is answered, and the opening of every watch, without bodies.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules: [{level: Metadata}]
`

// listen takes the API server's port before it starts, so that no other process can take it in between.
func listen(port int) (net.Listener, error) {
	listener, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return nil, fmt.Errorf("port %d on 127.0.0.1 cannot be used: %w", port, err)
	}
	return listener, nil
}

// newAPIServerOptions defines the API server's flags. The controller manager's must be defined before (see components.go).
func newAPIServerOptions() (*apiserveroptions.ServerRunOptions, *pflag.FlagSet) {
	s := apiserveroptions.NewServerRunOptions()
	return s, join("kube-apiserver", s.Flags())
}

// apiServerArgs are the flags of our API server.
func apiServerArgs(options Options, keys *keyring, etcdURL string, port int) ([]string, error) {
	args := []string{
		"--etcd-servers=" + etcdURL,
		"--bind-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", port),
		"--advertise-address=127.0.0.1",
		"--endpoint-reconciler-type=none", // a loopback address is refused in Endpoints
		"--tls-cert-file=" + keys.server.Cert,
		"--tls-private-key-file=" + keys.server.Key,
		"--client-ca-file=" + keys.authority.CertFile(),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + keys.serviceAccount,
		"--service-account-signing-key-file=" + keys.serviceAccount,
		"--service-cluster-ip-range=" + serviceRange,
		"--authorization-mode=Node,RBAC",
		"--allow-privileged=true",
		"--profiling=false",
		"--shutdown-watch-termination-grace-period=1s", // else open watches of others hold up the stop
	}
	if options.AuditLog != "" {
		policy := filepath.Join(options.DataDir, "audit-policy.yaml")
		if err := pki.WriteFile(policy, []byte(auditPolicy)); err != nil {
			return nil, err
		}
		args = append(args, "--audit-policy-file="+policy, "--audit-log-path="+options.AuditLog)
	}
	return append(args, options.APIServerArgs...), nil
}

// runAPIServer serves on the listener until ctx ends.
func runAPIServer(ctx context.Context, s *apiserveroptions.ServerRunOptions, listener net.Listener) error {
	s.SecureServing.Listener = listener
	completed, err := s.Complete(ctx)
	if err != nil {
		return err
	}
	if errs := completed.Validate(); len(errs) > 0 {
		return utilerrors.NewAggregate(errs)
	}
	return app.Run(ctx, completed)
}

// join makes one flag set of a component's named ones.
func join(name string, named cliflag.NamedFlagSets) *pflag.FlagSet {
	flags := pflag.NewFlagSet(name, pflag.ContinueOnError)
	flags.SetOutput(os.Stderr)
	for _, set := range named.FlagSets {
		flags.AddFlagSet(set)
	}
	return flags
}
