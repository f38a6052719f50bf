package fakekubelet

import (
	"errors"
	"net/netip"
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// podRange is where pod addresses come from, for all nodes together: nothing is ever sent to them.
var podRange = netip.MustParsePrefix("10.244.0.0/16")

// addresses hands out pod addresses, one a pod.
type addresses struct {
	lock  sync.Mutex
	of    map[types.UID]netip.Addr
	taken map[netip.Addr]types.UID
	last  netip.Addr
}

func newAddresses() *addresses {
	return &addresses{of: map[types.UID]netip.Addr{}, taken: map[netip.Addr]types.UID{}, last: podRange.Addr()}
}

// keep notes an address that a pod has already (from before a restart).
func (a *addresses) keep(uid types.UID, address string) {
	parsed, err := netip.ParseAddr(address)
	if err != nil || !podRange.Contains(parsed) {
		return
	}
	a.lock.Lock()
	defer a.lock.Unlock()
	a.of[uid], a.taken[parsed] = parsed, uid
}

// take returns the pod's address, a free one when it has none yet.
func (a *addresses) take(uid types.UID) (string, error) {
	a.lock.Lock()
	defer a.lock.Unlock()
	if address, found := a.of[uid]; found {
		return address.String(), nil
	}
	for range 1 << (32 - podRange.Bits()) {
		a.last = a.last.Next()
		if !podRange.Contains(a.last) {
			a.last = podRange.Addr().Next()
		}
		if _, found := a.taken[a.last]; !found {
			a.of[uid], a.taken[a.last] = a.last, uid
			return a.last.String(), nil
		}
	}
	return "", errors.New("all pod addresses of " + podRange.String() + " are in use")
}

// free takes the pod's address back.
func (a *addresses) free(uid types.UID) {
	a.lock.Lock()
	defer a.lock.Unlock()
	delete(a.taken, a.of[uid])
	delete(a.of, uid)
}
