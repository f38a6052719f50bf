package fakecloud

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"
)

// asking is a claim for which the volume controller has called us.
func asking(change func(*corev1.PersistentVolumeClaim)) *corev1.PersistentVolumeClaim {
	claim := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{provisionerAnnotation: provisioner}},
		Spec:       corev1.PersistentVolumeClaimSpec{StorageClassName: ptr.To("standard")},
	}
	change(claim)
	return claim
}

// A volume is made for a claim that asks us, and for no other.
func TestWhichClaimsAskUs(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*corev1.PersistentVolumeClaim)
		want   bool
	}{
		"asks":               {func(*corev1.PersistentVolumeClaim) {}, true},
		"not yet asked":      {func(c *corev1.PersistentVolumeClaim) { delete(c.Annotations, provisionerAnnotation) }, false},
		"another's":          {func(c *corev1.PersistentVolumeClaim) { c.Annotations[provisionerAnnotation] = "example.com/disk" }, false},
		"bound":              {func(c *corev1.PersistentVolumeClaim) { c.Spec.VolumeName = "v" }, false},
		"being deleted":      {func(c *corev1.PersistentVolumeClaim) { c.DeletionTimestamp = &metav1.Time{} }, false},
		"told never to bind": {func(c *corev1.PersistentVolumeClaim) { c.Annotations[prefix+"never-bind"] = "true" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := asksUs(asking(test.change)); got != test.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

// withAddresses is a cloud whose Services have these addresses.
func withAddresses(t *testing.T, addresses ...string) *cloud {
	t.Helper()
	indexer := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{})
	for i, address := range addresses {
		service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint(i)}}
		service.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: address}}
		if err := indexer.Add(service); err != nil {
			t.Fatal(err)
		}
	}
	return &cloud{services: corelisters.NewServiceLister(indexer), given: map[cache.ObjectName]string{}}
}

// An address is free when no Service shows it and none was just given it.
func TestAddressesAreGivenOnce(t *testing.T) {
	c := withAddresses(t, "192.0.2.1", "192.0.2.3")
	c.given[cache.NewObjectName("default", "new")] = "192.0.2.2"
	if got, err := c.freeAddress(); got != "192.0.2.4" || err != nil {
		t.Errorf("got %s, %v", got, err)
	}
}

// When all addresses are given, that is an error, not a second owner.
func TestNoAddressIsGivenTwice(t *testing.T) {
	var all []string
	for i := 1; i < 255; i++ {
		all = append(all, fmt.Sprintf("192.0.2.%d", i))
	}
	if got, err := withAddresses(t, all...).freeAddress(); err == nil {
		t.Errorf("got %s", got)
	}
}
