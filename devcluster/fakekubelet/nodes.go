package fakekubelet

import (
	"context"
	"fmt"
	"runtime"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"
	"k8s.io/utils/ptr"
)

// NodeLabel marks our nodes.
const NodeLabel = Prefix + "node"

const (
	beatInterval  = 10 * time.Second // a kubelet's
	leaseSeconds  = 40               // a kubelet's
	kubeletServes = "v1.34.4"
)

func nodeName(i int) string    { return fmt.Sprintf("node-%d", i+1) }
func nodeAddress(i int) string { return fmt.Sprintf("192.168.%d.%d", i/250, i%250+1) }

// register makes our nodes and their leases, or revives those of an earlier run, and removes what is too many.
func (k *kubelet) register(ctx context.Context) error {
	list, err := k.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{LabelSelector: NodeLabel})
	if err != nil {
		return err
	}
	for _, node := range list.Items {
		if _, wanted := k.nodes[node.Name]; !wanted {
			if err := k.client.CoreV1().Nodes().Delete(ctx, node.Name, metav1.DeleteOptions{}); err != nil {
				return err
			}
		}
	}
	for name, address := range k.nodes {
		if err := k.registerNode(ctx, name, address); err != nil {
			return fmt.Errorf("node %s cannot be registered: %w", name, err)
		}
		if err := k.renew(ctx, name); err != nil {
			return fmt.Errorf("the lease of node %s cannot be renewed: %w", name, err)
		}
	}
	return nil
}

func (k *kubelet) registerNode(ctx context.Context, name, address string) error {
	nodes := k.client.CoreV1().Nodes()
	node, err := nodes.Create(ctx, newNode(name), metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		node, err = nodes.Get(ctx, name, metav1.GetOptions{})
	}
	if err != nil {
		return err
	}
	node.Status = nodeStatus(name, address, metav1.Now())
	_, err = nodes.UpdateStatus(ctx, node, metav1.UpdateOptions{})
	return err
}

func newNode(name string) *corev1.Node {
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
		NodeLabel: "", corev1.LabelHostname: name, corev1.LabelOSStable: "linux", corev1.LabelArchStable: runtime.GOARCH,
	}}}
}

// nodeStatus is a healthy node, large enough for thousands of fake pods; a pod that asks for more is unschedulable, as in life.
func nodeStatus(name, address string, now metav1.Time) corev1.NodeStatus {
	capacity := corev1.ResourceList{
		corev1.ResourceCPU:              resource.MustParse("1000"),
		corev1.ResourceMemory:           resource.MustParse("4Ti"),
		corev1.ResourceEphemeralStorage: resource.MustParse("16Ti"),
		corev1.ResourcePods:             resource.MustParse("10000"),
	}
	condition := func(kind corev1.NodeConditionType, status corev1.ConditionStatus, reason, message string) corev1.NodeCondition {
		return corev1.NodeCondition{
			Type: kind, Status: status, Reason: reason, Message: message, LastHeartbeatTime: now, LastTransitionTime: now,
		}
	}
	return corev1.NodeStatus{
		Capacity: capacity, Allocatable: capacity.DeepCopy(), Phase: corev1.NodeRunning,
		Addresses: []corev1.NodeAddress{
			{Type: corev1.NodeInternalIP, Address: address}, {Type: corev1.NodeHostName, Address: name},
		},
		Conditions: []corev1.NodeCondition{
			condition(corev1.NodeMemoryPressure, corev1.ConditionFalse, "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
			condition(corev1.NodeDiskPressure, corev1.ConditionFalse, "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
			condition(corev1.NodePIDPressure, corev1.ConditionFalse, "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
			condition(corev1.NodeReady, corev1.ConditionTrue, "KubeletReady", "fake kubelet is ready"),
		},
		NodeInfo: corev1.NodeSystemInfo{
			MachineID: name, SystemUUID: name, BootID: name, KernelVersion: "fake", OSImage: "fake",
			ContainerRuntimeVersion: "fake://1.0", KubeletVersion: kubeletServes, OperatingSystem: "linux", Architecture: runtime.GOARCH,
		},
	}
}

// beat renews the leases until ctx ends. With fresh leases the controller manager needs no status from us.
func (k *kubelet) beat(ctx context.Context) {
	ticker := time.NewTicker(beatInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		for name := range k.nodes {
			if err := k.renew(ctx, name); err != nil && ctx.Err() == nil {
				klog.ErrorS(err, "A node's lease was not renewed", "node", name)
			}
		}
	}
}

// renew renews one node's lease, or makes it.
func (k *kubelet) renew(ctx context.Context, name string) error {
	leases := k.client.CoordinationV1().Leases(corev1.NamespaceNodeLease)
	spec := coordinationv1.LeaseSpec{
		HolderIdentity: ptr.To(name), LeaseDurationSeconds: ptr.To[int32](leaseSeconds), RenewTime: ptr.To(metav1.NowMicro()),
	}
	lease, err := leases.Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		_, err = leases.Create(ctx, &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: spec}, metav1.CreateOptions{})
		return err
	}
	if err != nil {
		return err
	}
	lease.Spec = spec
	_, err = leases.Update(ctx, lease, metav1.UpdateOptions{})
	return err
}
