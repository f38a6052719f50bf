package fakecloud

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"
)

// balance gives a Service of type LoadBalancer an address of 192.0.2.0/24 (RFC 5737: documentation, never routed),
// and takes it back when the type changes. With loadBalancerClass the Service belongs to someone else.
func (c *cloud) balance(ctx context.Context, service *corev1.Service) error {
	wanted := service.Spec.Type == corev1.ServiceTypeLoadBalancer
	if !wanted {
		delete(c.given, cache.MetaObjectToName(service))
	}
	has := len(service.Status.LoadBalancer.Ingress) > 0
	if wanted == has || service.Spec.LoadBalancerClass != nil || told(service.Annotations, "never-provision") {
		return nil
	}
	is := service.DeepCopy()
	is.Status.LoadBalancer = corev1.LoadBalancerStatus{}
	if wanted {
		address, err := c.freeAddress()
		if err != nil {
			return err
		}
		c.given[cache.MetaObjectToName(service)] = address
		is.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: address, IPMode: ptr.To(corev1.LoadBalancerIPModeVIP)}}
	}
	_, err := c.client.CoreV1().Services(is.Namespace).UpdateStatus(ctx, is, metav1.UpdateOptions{})
	return err
}

// freeAddress is the lowest address that no Service has, by our copies and by what we gave that they may not show yet.
func (c *cloud) freeAddress() (string, error) {
	services, err := c.services.List(labels.Everything())
	if err != nil {
		return "", err
	}
	taken := map[string]bool{}
	for _, address := range c.given {
		taken[address] = true
	}
	for _, service := range services {
		for _, ingress := range service.Status.LoadBalancer.Ingress {
			taken[ingress.IP] = true
		}
	}
	for i := 1; i < 255; i++ {
		if address := fmt.Sprintf("192.0.2.%d", i); !taken[address] {
			return address, nil
		}
	}
	return "", errors.New("all 254 addresses of 192.0.2.0/24 are given to Services")
}
