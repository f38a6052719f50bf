package main

import (
	"context"

	"github.com/spf13/pflag"
	"k8s.io/client-go/kubernetes"
	"k8s.io/kubernetes/cmd/kube-controller-manager/app"
	manageroptions "k8s.io/kubernetes/cmd/kube-controller-manager/app/options"
)

// newControllerManagerOptions defines the controller manager's flags.
func newControllerManagerOptions() (*manageroptions.KubeControllerManagerOptions, *pflag.FlagSet, error) {
	s, err := manageroptions.NewKubeControllerManagerOptions()
	if err != nil {
		return nil, nil, err
	}
	named := s.Flags(app.KnownControllers(), app.ControllersDisabledByDefault(), app.ControllerAliases())
	s.ParsedFlags = &named
	return s, join("kube-controller-manager", named), nil
}

// controllerManagerArgs are the flags of our controller manager.
func controllerManagerArgs(keys *keyring) []string {
	return []string{
		"--kubeconfig=" + keys.controllerManager,
		"--secure-port=0",
		"--leader-elect=false",
		"--kube-api-qps=1000", "--kube-api-burst=2000", // 20 a second, the default, would take seconds of the start
		"--service-account-private-key-file=" + keys.serviceAccount,
		"--root-ca-file=" + keys.authority.CertFile(),
		"--cluster-signing-cert-file=" + keys.authority.CertFile(),
		"--cluster-signing-key-file=" + keys.authority.KeyFile(),
		"--service-cluster-ip-range=" + serviceRange,
	}
}

// runControllerManager runs every built-in controller until ctx ends. The API server must be ready.
func runControllerManager(ctx context.Context, s *manageroptions.KubeControllerManagerOptions) error {
	config, err := s.Config(ctx, app.KnownControllers(), app.ControllersDisabledByDefault(), app.ControllerAliases())
	if err != nil {
		return err
	}
	actAs("kube-controller-manager", config.Kubeconfig)
	if config.Client, err = kubernetes.NewForConfig(config.Kubeconfig); err != nil {
		return err
	}
	return app.Run(ctx, config.Complete())
}
