package chaos

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// Fifty load balancers, or what stands for one.
const (
	soakAlone    = 20
	soakGroups   = 8
	soakMembers  = 4 // of a group, at most
	soakFronted  = 8 // Ingresses with a network load balancer before their own
	soakNets     = 8 // Services of type LoadBalancer
	soakBindings = 6 // of users
	soakServices = 4 // in each namespace, for Ingresses and bindings
)

var soakNamespaces = []string{"shop", "team-a", "team-b"}

// soakNodes can be targets of type instance; the first one has the pods, and stays.
var soakNodes = [][2]string{{"a", "aws:///us-west-2a/i-0a1de0000000000a1"},
	{"b", "aws:///us-west-2b/i-0a1de0000000000b1"}, {"c", "aws:///us-west-2c/i-0a1de0000000000c1"}}

// populate makes all objects.
func (s *soak) populate() {
	s.Helper()
	s.make(lab.Class())
	for _, n := range soakNodes {
		s.make(lab.Node(n[0], n[1]))
	}
	for _, namespace := range soakNamespaces {
		for n := range soakServices {
			service := lab.Service(fmt.Sprintf("s%d", n))
			service.Namespace, service.UID = namespace, types.UID("uid-"+namespace+service.Name)
			service.Spec.Type, service.Spec.Ports[0].NodePort = "NodePort", int32(30080+len(s.pods))
			s.make(service)
			s.scale(types.NamespacedName{Namespace: namespace, Name: service.Name}, s.newPods(2))
		}
	}
	for n := range soakAlone {
		s.ingress(fmt.Sprintf("alone%d", n), soakNamespaces[n%3], nil)
	}
	for n := range soakFronted {
		s.ingress(fmt.Sprintf("front%d", n), soakNamespaces[n%3], map[string]string{"enable-frontend-nlb": "true"})
	}
	for g := range soakGroups {
		s.member(g, 0)
		s.member(g, 1)
	}
	for n := range soakNets {
		name := types.NamespacedName{Namespace: "shop", Name: fmt.Sprintf("net%d", n)}
		s.scale(name, s.newPods(2))
		s.net(name)
	}
	for n := range soakBindings {
		s.TheirGroup(fmt.Sprintf("bound%d", n))
		s.binding(n)
	}
}

// make creates an object as the API server would.
func (s *soak) make(o client.Object) {
	s.Helper()
	o.SetCreationTimestamp(metav1.NewTime(s.Clock.Now().Truncate(time.Second)))
	s.address++
	o.SetUID(types.UID(fmt.Sprintf("uid-%d", s.address)))
	s.Create(o)
}

// ingress makes an Ingress that sends requests for its host to a Service.
func (s *soak) ingress(name, namespace string, annotations map[string]string) {
	s.Helper()
	service := fmt.Sprintf("s%d", s.random.IntN(soakServices))
	i := lab.Ingress(name, annotations, service)
	i.Namespace = namespace
	i.Spec.Rules[0].Host = hostOf(client.ObjectKeyFromObject(i))
	i.Spec.Rules[0].HTTP.Paths[0].Path = "/"
	s.make(i)
	s.expect(&soakClient{kind: ofIngress, object: client.ObjectKeyFromObject(i), service: service})
}

// member makes a member of a group.
func (s *soak) member(group, number int) {
	s.Helper()
	n := memberName(group, number)
	s.ingress(n.Name, n.Namespace, map[string]string{"group.name": fmt.Sprintf("g%d", group)})
}

func memberName(group, number int) types.NamespacedName {
	return types.NamespacedName{Namespace: soakNamespaces[number%3], Name: fmt.Sprintf("g%d-m%d", group, number)}
}

// net makes a Service with a network load balancer.
func (s *soak) net(name types.NamespacedName) {
	s.Helper()
	o := lab.CrashBalancer(name.Name)
	o.Namespace = name.Namespace
	s.make(o)
	s.expect(&soakClient{kind: ofService, object: name, service: name.Name})
}

// binding makes a user's binding.
func (s *soak) binding(n int) {
	s.Helper()
	name := fmt.Sprintf("bound%d", n)
	b := lab.Binding(arnOf(s.Lab, lab.TheirGroup(name)), v1beta1.TargetTypeIP)
	b.Name, b.Spec.ServiceRef.Name = name, fmt.Sprintf("s%d", s.random.IntN(soakServices))
	s.make(b)
	s.expect(&soakClient{kind: ofBinding, object: client.ObjectKeyFromObject(b), service: b.Spec.ServiceRef.Name})
}

func (s *soak) expect(c *soakClient) {
	s.state.Lock()
	defer s.state.Unlock()
	s.clients[c.String()] = c
}

// forget notes that an object goes.
func (s *soak) forget(c *soakClient) {
	s.state.Lock()
	defer s.state.Unlock()
	delete(s.clients, c.String())
}

func arnOf(l *lab.Lab, group string) string {
	for _, tg := range l.Sim.Resources().TargetGroups {
		if tg.Name == group {
			return tg.ARN
		}
	}
	return ""
}

// bindTheirs makes the bindings of users that another cluster has.
func bindTheirs(l *lab.Lab, bindings []v1beta1.TargetGroupBinding) {
	l.Helper()
	for n := range soakBindings {
		l.TheirGroup(fmt.Sprintf("bound%d", n))
	}
	for _, b := range bindings {
		if strings.HasPrefix(b.Name, "bound") {
			b.ResourceVersion, b.Finalizers, b.Status = "", nil, v1beta1.TargetGroupBindingStatus{}
			b.Spec.TargetGroupARN = arnOf(l, lab.TheirGroup(b.Name))
			l.Create(&b)
		}
	}
}

// newPods are addresses that no pod had so far.
func (s *soak) newPods(n int) []string {
	var out []string
	for range n {
		s.address++
		out = append(out, fmt.Sprintf("10.0.%d.%d", 128+s.address/200, 4+s.address%200))
	}
	return out
}

// scale gives a Service other pods.
func (s *soak) scale(service types.NamespacedName, addresses []string) {
	s.Helper()
	s.state.Lock()
	before := s.pods[service]
	after := soakPods{}
	for _, a := range addresses {
		after[a] = before[a]
	}
	s.pods[service] = after
	s.state.Unlock()
	slice := &discoveryv1.EndpointSlice{}
	key := types.NamespacedName{Namespace: service.Namespace, Name: service.Name + "-a"}
	there := client.IgnoreNotFound(s.Client.Get(s.Context(), key, slice)) == nil && slice.Name != ""
	slice.Namespace, slice.Name, slice.AddressType = key.Namespace, key.Name, discoveryv1.AddressTypeIPv4
	slice.Labels = map[string]string{discoveryv1.LabelServiceName: service.Name}
	slice.Ports = []discoveryv1.EndpointPort{{Name: ptr.To("http"), Port: ptr.To[int32](8080)}}
	slice.Endpoints = nil
	for _, a := range addresses {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: service.Namespace, Name: podName(service.Name, a)}}
		pod.Spec.NodeName, pod.Status.PodIP = "a", a
		if _, was := before[a]; !was {
			s.make(pod)
		}
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{
			Addresses: []string{a}, NodeName: ptr.To("a"), TargetRef: &corev1.ObjectReference{
				Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name},
		})
	}
	if there {
		s.Must(s.Client.Update(s.Context(), slice))
	} else {
		s.make(slice)
	}
	for a := range before {
		if !slices.Contains(addresses, a) {
			s.Must(s.Client.Delete(s.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: service.Namespace,
				Name: podName(service.Name, a)}}))
		}
	}
}

func podName(service, address string) string {
	return service + "-" + strings.ReplaceAll(address, ".", "-")
}

// deleteAll deletes whatever asks for a load balancer.
func (s *soak) deleteAll() {
	s.Helper()
	for _, c := range s.clients {
		s.remove(c)
	}
}

// remove deletes the object of a client.
func (s *soak) remove(c *soakClient) {
	s.Helper()
	s.forget(c)
	var o client.Object = &networkingv1.Ingress{}
	switch c.kind {
	case ofService:
		o = &corev1.Service{}
	case ofBinding:
		o = &v1beta1.TargetGroupBinding{}
	case ofIngress:
	}
	o.SetNamespace(c.object.Namespace)
	o.SetName(c.object.Name)
	s.Must(s.Client.Delete(s.Context(), o))
}

// at reads the object of an Ingress; false if it is there no more, or on its way out.
func (s *soak) at(n types.NamespacedName) (*networkingv1.Ingress, bool) {
	s.Helper()
	i := &networkingv1.Ingress{}
	err := s.Client.Get(s.Context(), n, i)
	s.Must(client.IgnoreNotFound(err))
	return i, err == nil && i.DeletionTimestamp == nil
}
