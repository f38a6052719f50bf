// Package fakekubelet is what a kubelet is to the API server, without containers: it keeps nodes alive and moves the
// pods that are bound to them through their lives. Annotations on a pod steer how it fares (see Behaviour).
//
// The story of the tasks: an informer keeps a copy of every pod and puts the key of each that changes on one queue.
// A few workers take keys from it; each asks Next what the pod is to be by now, patches its status when that differs,
// and puts the key back for the moment when something is due by itself. A patch carries the resourceVersion that it
// was made from, so a worker whose copy is behind is refused and comes again. One more task renews the nodes' leases.
package fakekubelet

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
)

const workers = 8

// kubelet serves all pods of all our nodes.
type kubelet struct {
	client    kubernetes.Interface
	nodes     map[string]string // name → address
	pods      corelisters.PodLister
	queue     workqueue.TypedRateLimitingInterface[cache.ObjectName]
	addresses *addresses

	lock     sync.Mutex
	memories map[types.UID]Memory
}

// Run keeps this many nodes, and their pods, alive until ctx ends.
func Run(ctx context.Context, client kubernetes.Interface, nodes int) error {
	k := &kubelet{
		client: client, nodes: map[string]string{}, addresses: newAddresses(), memories: map[types.UID]Memory{},
		queue: workqueue.NewTypedRateLimitingQueue(
			workqueue.NewTypedItemExponentialFailureRateLimiter[cache.ObjectName](5*time.Millisecond, 5*time.Second)),
	}
	for i := range nodes {
		k.nodes[nodeName(i)] = nodeAddress(i)
	}
	if err := k.register(ctx); err != nil {
		return err
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	informer := factory.Core().V1().Pods()
	k.pods = informer.Lister()
	if _, err := informer.Informer().AddEventHandler(k.handler()); err != nil {
		return err
	}
	factory.Start(ctx.Done())
	defer factory.Shutdown()
	if !cache.WaitForCacheSync(ctx.Done(), informer.Informer().HasSynced) {
		return ctx.Err()
	}
	return k.work(ctx)
}

// work runs the workers and the heartbeat until ctx ends.
func (k *kubelet) work(ctx context.Context) error {
	var group sync.WaitGroup
	for range workers {
		group.Add(1)
		go func() {
			defer group.Done()
			for k.workOnce(ctx) {
			}
		}()
	}
	k.beat(ctx)
	k.queue.ShutDown()
	group.Wait()
	return nil
}

// handler puts the key of every pod of ours on the queue, and forgets what is gone.
func (k *kubelet) handler() cache.ResourceEventHandler {
	enqueue := func(object any) {
		if pod, is := object.(*corev1.Pod); is && k.ours(pod) {
			k.addresses.keep(pod.UID, pod.Status.PodIP)
			k.queue.Add(cache.MetaObjectToName(pod))
		}
	}
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    enqueue,
		UpdateFunc: func(_, object any) { enqueue(object) },
		DeleteFunc: func(object any) {
			if tombstone, is := object.(cache.DeletedFinalStateUnknown); is {
				object = tombstone.Obj
			}
			if pod, is := object.(*corev1.Pod); is {
				k.forget(pod.UID)
			}
		},
	}
}

func (k *kubelet) ours(pod *corev1.Pod) bool {
	_, found := k.nodes[pod.Spec.NodeName]
	return found
}

func (k *kubelet) workOnce(ctx context.Context) bool {
	name, shutdown := k.queue.Get()
	if shutdown {
		return false
	}
	defer k.queue.Done(name)
	again, err := k.reconcile(ctx, name)
	switch {
	case err == nil || apierrors.IsNotFound(err):
		k.queue.Forget(name)
		if again > 0 {
			k.queue.AddAfter(name, again)
		}
	case ctx.Err() != nil:
	default:
		if !apierrors.IsConflict(err) { // a conflict says that our copy is behind, which mends itself
			klog.ErrorS(err, "A pod was not served", "pod", name)
		}
		k.queue.AddRateLimited(name)
	}
	return true
}

// reconcile moves one pod on, and tells when to come again.
func (k *kubelet) reconcile(ctx context.Context, name cache.ObjectName) (time.Duration, error) {
	pod, err := k.pods.Pods(name.Namespace).Get(name.Name)
	if err != nil {
		return 0, err
	}
	if pod.DeletionTimestamp != nil {
		return k.finish(ctx, pod, time.Now())
	}
	moment := Next(pod, k.recall(pod.UID), time.Now())
	if !over(moment.Status.Phase) || moment.Status.PodIP == "" {
		if err := k.place(pod, &moment.Status); err != nil {
			return 0, err
		}
	}
	if err := k.patch(ctx, pod, &moment.Status); err != nil {
		return 0, err
	}
	k.remember(pod.UID, moment.Memory)
	return moment.Again, nil
}

// finish lets a deleted pod go: its containers end, then the object. With finalizers on it, those who hold them still
// look at the status, so it tells the end first.
func (k *kubelet) finish(ctx context.Context, pod *corev1.Pod, now time.Time) (time.Duration, error) {
	if *pod.DeletionGracePeriodSeconds == 0 && over(pod.Status.Phase) {
		return 0, nil // all is done, finalizers are awaited
	}
	if left := stopLeft(pod, now); left > 0 {
		return left, nil
	}
	if len(pod.Finalizers) > 0 {
		if status := Stopped(pod, now); !equality.Semantic.DeepEqual(status, pod.Status) {
			return 0, k.patch(ctx, pod, &status) // its event brings us here again
		}
	}
	return 0, k.client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{
		GracePeriodSeconds: new(int64), Preconditions: metav1.NewUIDPreconditions(string(pod.UID)),
	})
}

// stopLeft is how long the containers of a deleted pod still run: stop-after, at most the grace period.
func stopLeft(pod *corev1.Pod, now time.Time) time.Duration {
	b, err := Read(pod)
	if err != nil || over(pod.Status.Phase) {
		return 0
	}
	grace := time.Duration(*pod.DeletionGracePeriodSeconds) * time.Second
	asked := pod.DeletionTimestamp.Add(-grace)
	return asked.Add(min(b.StopAfter, grace)).Sub(now)
}

// place gives the pod its addresses.
func (k *kubelet) place(pod *corev1.Pod, status *corev1.PodStatus) error {
	host := k.nodes[pod.Spec.NodeName]
	status.HostIP, status.HostIPs = host, []corev1.HostIP{{IP: host}}
	address := host
	if !pod.Spec.HostNetwork {
		var err error
		if address, err = k.addresses.take(pod.UID); err != nil {
			return err
		}
	}
	status.PodIP, status.PodIPs = address, []corev1.PodIP{{IP: address}}
	return nil
}

// patch writes the status, if it differs, on top of exactly the pod that it was made from.
func (k *kubelet) patch(ctx context.Context, pod *corev1.Pod, status *corev1.PodStatus) error {
	if equality.Semantic.DeepEqual(status, &pod.Status) {
		return nil
	}
	body, err := statusPatch(pod, status)
	if err != nil {
		return err
	}
	_, err = k.client.CoreV1().Pods(pod.Namespace).Patch(
		ctx, pod.Name, types.StrategicMergePatchType, body, metav1.PatchOptions{}, "status")
	return err
}

func statusPatch(pod *corev1.Pod, status *corev1.PodStatus) ([]byte, error) {
	type object struct {
		Metadata map[string]string `json:"metadata,omitempty"`
		Status   *corev1.PodStatus `json:"status"`
	}
	was, err := json.Marshal(object{Status: &pod.Status})
	if err != nil {
		return nil, err
	}
	is, err := json.Marshal(object{
		Metadata: map[string]string{"uid": string(pod.UID), "resourceVersion": pod.ResourceVersion}, Status: status,
	})
	if err != nil {
		return nil, err
	}
	body, err := strategicpatch.CreateTwoWayMergePatch(was, is, corev1.Pod{})
	if err != nil {
		return nil, fmt.Errorf("no patch for pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	return body, nil
}

func (k *kubelet) recall(uid types.UID) Memory {
	k.lock.Lock()
	defer k.lock.Unlock()
	return k.memories[uid]
}

func (k *kubelet) remember(uid types.UID, memory Memory) {
	k.lock.Lock()
	defer k.lock.Unlock()
	k.memories[uid] = memory
}

func (k *kubelet) forget(uid types.UID) {
	k.addresses.free(uid)
	k.lock.Lock()
	defer k.lock.Unlock()
	delete(k.memories, uid)
}
