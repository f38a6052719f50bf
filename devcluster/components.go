package main

import (
	"context"
	"fmt"
	"net"

	"github.com/spf13/pflag"
	basecompatibility "k8s.io/component-base/compatibility"
	logsapi "k8s.io/component-base/logs/api/v1"
	apiserveroptions "k8s.io/kubernetes/cmd/kube-apiserver/app/options"
)

// components are the three parts of Kubernetes, configured and ready to run.
type components struct{ apiServer, controllerManager, scheduler func(context.Context) error }

// newComponents configures all parts before one runs: they share the feature gates of the process.
// The controller manager's flags come first; it overrides the default of a gate (WatchListClient),
// which is refused once the gates are part of another component's flags.
func newComponents(options Options, keys *keyring, etcdURL string, listener net.Listener) (*components, error) {
	manager, managerFlags, err := newControllerManagerOptions()
	if err != nil {
		return nil, err
	}
	apiServer, apiServerFlags := newAPIServerOptions()
	scheduler, schedulerFlags := newSchedulerOptions()
	serverArgs, err := apiServerArgs(options, keys, etcdURL, listener.Addr().(*net.TCPAddr).Port)
	if err != nil {
		return nil, err
	}
	for _, part := range []struct {
		flags *pflag.FlagSet
		args  []string
	}{
		{managerFlags, controllerManagerArgs(keys)},
		{apiServerFlags, serverArgs},
		{schedulerFlags, schedulerArgs(keys)},
	} {
		if err := part.flags.Parse(part.args); err != nil {
			return nil, fmt.Errorf("%s does not take its flags: %w", part.flags.Name(), err)
		}
	}
	if err := settle(apiServer); err != nil {
		return nil, err
	}
	return &components{
		apiServer:         func(ctx context.Context) error { return runAPIServer(ctx, apiServer, listener) },
		controllerManager: func(ctx context.Context) error { return runControllerManager(ctx, manager) },
		scheduler:         func(ctx context.Context) error { return runScheduler(ctx, scheduler) },
	}, nil
}

// settle fixes the feature gates and the logging of the whole process.
func settle(s *apiserveroptions.ServerRunOptions) error {
	registry := s.GenericServerRunOptions.ComponentGlobalsRegistry
	if err := registry.Set(); err != nil {
		return err
	}
	return logsapi.ValidateAndApply(s.Logs, registry.FeatureGateFor(basecompatibility.DefaultKubeComponent))
}
