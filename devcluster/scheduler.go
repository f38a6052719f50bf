package main

import (
	"context"

	"github.com/spf13/pflag"
	"k8s.io/kubernetes/cmd/kube-scheduler/app"
	scheduleroptions "k8s.io/kubernetes/cmd/kube-scheduler/app/options"
)

// newSchedulerOptions defines the scheduler's flags.
func newSchedulerOptions() (*scheduleroptions.Options, *pflag.FlagSet) {
	s := scheduleroptions.NewOptions()
	return s, join("kube-scheduler", *s.Flags)
}

// schedulerArgs are the flags of our scheduler.
func schedulerArgs(keys *keyring) []string {
	return []string{
		"--kubeconfig=" + keys.scheduler,
		"--secure-port=0",
		"--leader-elect=false",
		"--kube-api-qps=1000", "--kube-api-burst=2000",
	}
}

// runScheduler binds pods to nodes until ctx ends. The API server must be ready.
func runScheduler(ctx context.Context, s *scheduleroptions.Options) error {
	config, scheduler, err := app.Setup(ctx, s)
	if err != nil {
		return err
	}
	return app.Run(ctx, config, scheduler)
}
