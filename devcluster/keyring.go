package main

import (
	"path/filepath"
	"time"

	"trimtab.dev/devcluster/pki"
)

// keyring is every key and kubeconfig of the cluster, as paths.
type keyring struct {
	authority         *pki.Authority
	server            pki.Pair
	serviceAccount    string
	controllerManager string // kubeconfigs from here on
	scheduler         string
	nodes             string
}

// newKeyring reads or makes the keys, and writes the kubeconfigs for the server at this address.
//
// The parts of the control plane are one process and trust each other: all are system:masters,
// which spares the start some thirty service accounts. Their user agents still tell them apart.
func newKeyring(options Options, server string, now time.Time) (*keyring, error) {
	authority, err := pki.Open(options.pkiDir(), now)
	if err != nil {
		return nil, err
	}
	kubeconfig := func(name string) string { return filepath.Join(options.pkiDir(), name+".kubeconfig") }
	keys := &keyring{
		authority:         authority,
		controllerManager: kubeconfig("kube-controller-manager"),
		scheduler:         kubeconfig("kube-scheduler"),
		nodes:             kubeconfig("fake-nodes"),
	}
	if keys.serviceAccount, err = authority.ServiceAccountKey(); err != nil {
		return nil, err
	}
	hosts := []string{"127.0.0.1", "localhost", "10.96.0.1", "kubernetes", "kubernetes.default", "kubernetes.default.svc"}
	if keys.server, err = authority.Issue(pki.Identity{File: "kube-apiserver", User: "kube-apiserver", Hosts: hosts}, now); err != nil {
		return nil, err
	}
	for _, client := range []struct {
		path, file, user string
	}{
		{options.Kubeconfig, "admin", "kubernetes-admin"},
		{keys.controllerManager, "kube-controller-manager", "system:kube-controller-manager"},
		{keys.scheduler, "kube-scheduler", "system:kube-scheduler"},
		{keys.nodes, "fake-nodes", "devcluster:fake-nodes"},
	} {
		pair, err := authority.Issue(pki.Identity{File: client.file, User: client.user, Groups: []string{"system:masters"}}, now)
		if err != nil {
			return nil, err
		}
		if err := pki.WriteKubeconfig(client.path, server, authority.CertFile(), pair); err != nil {
			return nil, err
		}
	}
	return keys, nil
}
