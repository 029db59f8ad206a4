package chaos

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// rollOut gives a Service more pods, or ends pods, of which those stay that all clients reach: so long a rollout waits.
func (s *soak) rollOut() {
	s.Helper()
	n := s.someService()
	s.judge("before a rollout")
	s.state.Lock()
	pods := maps.Clone(s.pods[n])
	s.state.Unlock()
	addresses := slices.Sorted(maps.Keys(pods))
	if len(addresses) < 2 || s.random.IntN(3) == 0 {
		addresses = append(addresses, s.newPods(1+s.random.IntN(3))...)
		s.tell("%s has pods %v", n, addresses)
		s.scale(n, addresses)
		return
	}
	s.random.Shuffle(len(addresses), func(i, j int) { addresses[i], addresses[j] = addresses[j], addresses[i] })
	for at, a := range addresses {
		if pods[a] { // one that all reach stays
			addresses[0], addresses[at] = a, addresses[0]
			addresses = addresses[:1+s.random.IntN(len(addresses)-1)]
			slices.Sort(addresses)
			s.tell("%s has pods %v only", n, addresses)
			s.scale(n, addresses)
			return
		}
	}
}

func (s *soak) someService() types.NamespacedName {
	if s.random.IntN(3) == 0 {
		if c := s.someClient(ofService, whole); c != nil {
			return c.object
		}
	}
	return types.NamespacedName{Namespace: soakNamespaces[s.random.IntN(3)],
		Name: fmt.Sprintf("s%d", s.random.IntN(soakServices))}
}

// breakDown ends all pods of a Service; others come by a rollout.
func (s *soak) breakDown() {
	s.Helper()
	n := s.someService()
	s.tell("%s has no pods", n)
	s.scale(n, nil)
}

// netEdit has a network load balancer come, go or change.
func (s *soak) netEdit() {
	s.Helper()
	n := types.NamespacedName{Namespace: "shop", Name: fmt.Sprintf("net%d", s.random.IntN(soakNets))}
	c, o := s.known(ofService, n), &corev1.Service{}
	err := s.Client.Get(s.Context(), n, o)
	s.Must(client.IgnoreNotFound(err))
	switch {
	case c == nil && err != nil:
		s.tell("%s comes", n)
		s.net(n)
	case c == nil: // it is on its way out
	case s.random.IntN(4) == 0:
		s.tell("%s goes", n)
		s.remove(c)
	default:
		s.toggle(c, o, "service.beta.kubernetes.io/", soakNetSettings[s.random.IntN(len(soakNetSettings))])
	}
}

// bindingEdit has a user's binding come, go or change.
func (s *soak) bindingEdit() {
	s.Helper()
	number := s.random.IntN(soakBindings)
	n := types.NamespacedName{Namespace: "shop", Name: fmt.Sprintf("bound%d", number)}
	c, o := s.known(ofBinding, n), &v1beta1.TargetGroupBinding{}
	err := s.Client.Get(s.Context(), n, o)
	s.Must(client.IgnoreNotFound(err))
	switch {
	case c == nil && err != nil:
		s.tell("%s comes", n)
		s.binding(number)
	case c == nil:
	default:
		s.tell("%s goes", n)
		s.remove(c)
	}
}

// nodeEvent has a node come or go; no pod runs on it.
func (s *soak) nodeEvent() {
	s.Helper()
	n := soakNodes[1+s.random.IntN(2)]
	o := &corev1.Node{}
	if err := s.Client.Get(s.Context(), types.NamespacedName{Name: n[0]}, o); err != nil {
		s.Must(client.IgnoreNotFound(err))
		s.tell("node %s comes", n[0])
		s.make(lab.Node(n[0], n[1]))
		return
	}
	s.tell("node %s goes", n[0])
	s.Must(s.Client.Delete(s.Context(), o))
}
