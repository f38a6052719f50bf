// Package fakecloud is what a cloud is to a cluster: it makes volumes for claims and addresses for load balancers.
//
// The story of the tasks: one informer a kind keeps a copy; each change of a claim, a volume or a Service puts its key
// on one queue, which one worker empties. Nothing is due by itself.
package fakecloud

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	storagelisters "k8s.io/client-go/listers/storage/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
)

// prefix begins the annotations that steer the cloud, and its provisioner's name.
const prefix = "dev.trimtab.dev/"

// key names one object on the queue.
type key struct {
	kind string
	name cache.ObjectName
}

type cloud struct {
	client   kubernetes.Interface
	claims   corelisters.PersistentVolumeClaimLister
	volumes  corelisters.PersistentVolumeLister
	services corelisters.ServiceLister
	classes  storagelisters.StorageClassLister
	queue    workqueue.TypedRateLimitingInterface[key]
	given    map[cache.ObjectName]string // Service → load balancer address; the worker's alone
}

// Run serves claims and load balancers until ctx ends.
func Run(ctx context.Context, client kubernetes.Interface) error {
	if err := createStorageClass(ctx, client); err != nil {
		return fmt.Errorf("the default StorageClass cannot be made: %w", err)
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	core, storage := factory.Core().V1(), factory.Storage().V1()
	c := &cloud{
		client: client, claims: core.PersistentVolumeClaims().Lister(), volumes: core.PersistentVolumes().Lister(),
		services: core.Services().Lister(), classes: storage.StorageClasses().Lister(),
		given: map[cache.ObjectName]string{},
		queue: workqueue.NewTypedRateLimitingQueue(
			workqueue.NewTypedItemExponentialFailureRateLimiter[key](5*time.Millisecond, 5*time.Second)),
	}
	for kind, informer := range map[string]cache.SharedIndexInformer{
		"claim": core.PersistentVolumeClaims().Informer(), "volume": core.PersistentVolumes().Informer(), "service": core.Services().Informer(),
	} {
		if _, err := informer.AddEventHandler(c.handler(kind)); err != nil {
			return err
		}
	}
	factory.Start(ctx.Done())
	defer factory.Shutdown()
	factory.WaitForCacheSync(ctx.Done())
	go func() {
		<-ctx.Done()
		c.queue.ShutDown()
	}()
	for c.workOnce(ctx) {
	}
	return nil
}

func (c *cloud) handler(kind string) cache.ResourceEventHandler {
	enqueue := func(object any) {
		if name, err := cache.DeletionHandlingObjectToName(object); err == nil {
			c.queue.Add(key{kind, name})
		}
	}
	return cache.ResourceEventHandlerFuncs{
		AddFunc: enqueue, DeleteFunc: enqueue, UpdateFunc: func(_, object any) { enqueue(object) },
	}
}

func (c *cloud) workOnce(ctx context.Context) bool {
	item, shutdown := c.queue.Get()
	if shutdown {
		return false
	}
	defer c.queue.Done(item)
	err := c.reconcile(ctx, item)
	switch {
	case err == nil:
		c.queue.Forget(item)
	case ctx.Err() != nil:
	default:
		klog.ErrorS(err, "The fake cloud could not serve an object", "kind", item.kind, "name", item.name)
		c.queue.AddRateLimited(item)
	}
	return true
}

// reconcile serves one object. Of what is gone, only a Service leaves something behind: its address.
func (c *cloud) reconcile(ctx context.Context, item key) error {
	switch item.kind {
	case "claim":
		claim, err := c.claims.PersistentVolumeClaims(item.name.Namespace).Get(item.name.Name)
		if err != nil {
			return unlessGone(err)
		}
		return c.provision(ctx, claim)
	case "volume":
		volume, err := c.volumes.Get(item.name.Name)
		if err != nil {
			return unlessGone(err)
		}
		return unlessGone(c.reclaim(ctx, volume))
	}
	service, err := c.services.Services(item.name.Namespace).Get(item.name.Name)
	if apierrors.IsNotFound(err) {
		delete(c.given, item.name)
	}
	if err != nil {
		return unlessGone(err)
	}
	return unlessGone(c.balance(ctx, service))
}

func unlessGone(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// told tells whether an annotation of ours is "true".
func told(annotations map[string]string, name string) bool { return annotations[prefix+name] == "true" }
