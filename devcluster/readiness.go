package main

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"trimtab.dev/devcluster/fakekubelet"
)

// check tells what is still missing; nil: nothing.
type check func(context.Context) error

// await asks again and again until nothing is missing. It gives up when ctx ends or a part fails, with the last answer.
func (c *cluster) await(ctx context.Context, ask check) error {
	for {
		missing := ask(ctx)
		if missing == nil {
			return nil
		}
		select {
		case err := <-c.failed:
			return err
		case <-ctx.Done():
			return missing
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// answers asks whether the API server says that it is ready.
func answers(client kubernetes.Interface) check {
	return func(ctx context.Context) error {
		if _, err := client.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx); err != nil {
			return fmt.Errorf("the API server does not say that it is ready: %w", err)
		}
		return nil
	}
}

// usable asks whether a workload would run: the nodes are Ready and the service account that pods need is there.
func usable(client kubernetes.Interface, nodes int) check {
	return func(ctx context.Context) error {
		if _, err := client.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{}); err != nil {
			return fmt.Errorf("the default service account is missing: %w", err)
		}
		list, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{LabelSelector: fakekubelet.NodeLabel})
		if err != nil {
			return err
		}
		ready := 0
		for _, node := range list.Items {
			ready += readiness(&node)
		}
		if ready != nodes {
			return fmt.Errorf("%d of %d nodes are Ready", ready, nodes)
		}
		return nil
	}
}

// readiness is 1 for a node that takes pods, 0 for another.
func readiness(node *corev1.Node) int {
	if len(node.Spec.Taints) > 0 {
		return 0 // the controller manager takes the not-ready taint away a moment later
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady && condition.Status == corev1.ConditionTrue {
			return 1
		}
	}
	return 0
}
