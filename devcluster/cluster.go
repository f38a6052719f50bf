package main

// The story of the tasks.
//
// etcd starts first and is waited for. The API server runs in a task of its own from then on; when /readyz says ok,
// the controller manager, the scheduler, the fake nodes and the fake cloud start, each in its task. A task that ends
// before it was told to reports that on `failed`, and the whole cluster stops. Stopping goes the other way round:
// the clients of the API server, then the API server, then etcd; who takes too long is left behind, since the
// process ends anyway and all that is worth keeping is in etcd.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"

	"trimtab.dev/devcluster/fakecloud"
	"trimtab.dev/devcluster/fakekubelet"
)

// patience is how long each step of stopping may take.
const patience = 4 * time.Second

// cluster is a running control plane.
type cluster struct {
	server  string // URL
	store   *store
	clients tasks // of the API server
	servers tasks // the API server itself
	failed  chan error
}

// tasks run under one context and are stopped together.
type tasks struct {
	cancel context.CancelFunc
	ctx    context.Context
	group  sync.WaitGroup
}

// start brings the cluster up; the error is one sentence, and nothing is left running with it.
func start(ctx context.Context, options Options) (*cluster, error) {
	limited, cancel := context.WithTimeout(ctx, options.StartTimeout)
	defer cancel()
	c := &cluster{failed: make(chan error, 1)}
	c.clients.ctx, c.clients.cancel = context.WithCancel(context.Background())
	c.servers.ctx, c.servers.cancel = context.WithCancel(context.Background())
	err := c.start(limited, options)
	if err == nil {
		return c, nil
	}
	c.stop()
	switch {
	case ctx.Err() != nil:
		return nil, errors.New("stopped before the cluster was ready")
	case limited.Err() != nil:
		return nil, fmt.Errorf("the cluster was not ready within %s (%w): see %s", options.StartTimeout, err, options.logFile())
	}
	return nil, err
}

func (c *cluster) start(ctx context.Context, options Options) error {
	os.Args[0] = processName
	if err := nameVersion(); err != nil {
		return err
	}
	listener, err := listen(options.Port)
	if err != nil {
		return err
	}
	served := false
	defer func() {
		if !served { // from then on it is the API server's
			_ = listener.Close()
		}
	}()
	c.server = "https://" + listener.Addr().String()
	keys, err := newKeyring(options, c.server, time.Now())
	if err != nil {
		return err
	}
	if c.store, err = startEtcd(ctx, options); err != nil {
		return err
	}
	parts, err := newComponents(options, keys, c.store.url, listener)
	if err != nil {
		return err
	}
	nodes, cloud, err := newClients(keys)
	if err != nil {
		return err
	}
	served = true
	c.run(&c.servers, "kube-apiserver", parts.apiServer)
	if err := c.await(ctx, answers(nodes)); err != nil {
		return err
	}
	c.run(&c.clients, "kube-controller-manager", parts.controllerManager)
	c.run(&c.clients, "kube-scheduler", parts.scheduler)
	c.run(&c.clients, "fake nodes", func(ctx context.Context) error { return fakekubelet.Run(ctx, nodes, options.Nodes) })
	c.run(&c.clients, "fake cloud", func(ctx context.Context) error { return fakecloud.Run(ctx, cloud) })
	return c.await(ctx, usable(nodes, options.Nodes))
}

// run starts a task, and notices when it ends before its time.
func (c *cluster) run(group *tasks, name string, task func(context.Context) error) {
	klog.InfoS("Starting", "part", name)
	group.group.Add(1)
	go func() {
		defer group.group.Done()
		err := task(group.ctx)
		if group.ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("no reason given")
		}
		select {
		case c.failed <- fmt.Errorf("%s ended: %w", name, err):
		default: // the first failure is the one to tell
		}
	}()
}

// wait returns when ctx ends (nil) or a part fails (its error), after the cluster is stopped.
func (c *cluster) wait(ctx context.Context) error {
	var err error
	select {
	case <-ctx.Done():
	case err = <-c.failed:
	}
	c.stop()
	return err
}

// stop ends every task and etcd, in order.
func (c *cluster) stop() {
	c.clients.stop()
	c.servers.stop()
	if c.store != nil {
		patiently(c.store.stop)
	}
}

func (t *tasks) stop() {
	t.cancel()
	patiently(t.group.Wait)
}

// patiently does what may hang, and leaves it behind after a while.
func patiently(do func()) {
	ended := make(chan struct{})
	go func() {
		do()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(patience):
	}
}

// newClients make the clients of the fake nodes and of the fake cloud, named as what they stand for.
func newClients(keys *keyring) (nodes, cloud kubernetes.Interface, err error) {
	if nodes, err = newClient(keys.nodes, "kubelet"); err != nil {
		return nil, nil, err
	}
	cloud, err = newClient(keys.nodes, "cloud-controller-manager")
	return nodes, cloud, err
}

// newClient makes a client: unthrottled, and in protobuf, which costs least.
func newClient(kubeconfig, name string) (kubernetes.Interface, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS = -1
	config.ContentType = "application/vnd.kubernetes.protobuf"
	config.AcceptContentTypes = config.ContentType + ",application/json"
	config.UserAgent = name + "/" + kubernetesVersion + " (devcluster)" // the name before "/" becomes the field manager
	config.WarningHandler = rest.NoWarnings{}
	return kubernetes.NewForConfig(config)
}
