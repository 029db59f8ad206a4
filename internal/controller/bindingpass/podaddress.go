package bindingpass

import (
	"context"
	"fmt"
	"hash/fnv"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// PodsByAddress is the cache index of pods by their addresses.
const PodsByAddress = "status.podIPs"

// addressKeys is how many keys the index PodsByAddress has at most. A key takes half a kilobyte, as much as is kept of
// a pod, and a pod below a key that others have takes a tenth of that.
const addressKeys = 4096

// addressKey is the key of an address in the index PodsByAddress, which others share.
func addressKey(address string) string {
	h := fnv.New32a()
	h.Write([]byte(address))
	return strconv.FormatUint(uint64(h.Sum32()%addressKeys), 10)
}

// AddressesOf returns the keys of a pod in the index PodsByAddress.
func AddressesOf(o client.Object) (keys []string) {
	p, ok := o.(*corev1.Pod)
	if !ok {
		return nil
	}
	for _, ip := range registrar.Addresses(p) {
		keys = append(keys, addressKey(ip))
	}
	return keys
}

// podsAt are the pods of a namespace that have one of the addresses, and some others. Nobody changes them.
func (b *Reconciler) podsAt(ctx context.Context, namespace string, addresses map[string]bool) (all []*corev1.Pod,
	err error) {
	keys := map[string]bool{}
	for address := range addresses {
		keys[addressKey(address)] = true
	}
	for key := range keys {
		pods, answers := b.Shared.PodsWith(PodsByAddress, namespace, key)
		if answers {
			all = append(all, pods...)
			continue
		}
		var list corev1.PodList
		if err := b.Client.List(ctx, &list, client.InNamespace(namespace), client.MatchingFields{PodsByAddress: key},
			client.UnsafeDisableDeepCopy); err != nil {
			return nil, fmt.Errorf("reading the pods of namespace %s: %w", namespace, err)
		}
		all = append(all, pointers(list.Items)...)
	}
	return all, nil
}
