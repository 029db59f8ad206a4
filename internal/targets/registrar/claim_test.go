package registrar

import (
	"context"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

// behind is a cluster whose cache is behind the API server.
type behind struct {
	cluster
	live map[string]*corev1.Pod
}

func (b behind) ConfirmedPod(_ context.Context, _, name, _ string) (*corev1.Pod, bool) {
	p, ok := b.live[name]
	return p, ok
}

// claiming is a slice of namespace shop with one endpoint.
func claiming(e discoveryv1.Endpoint, ipv6 bool) *discoveryv1.EndpointSlice {
	return &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop"}, AddressType: familyOf(ipv6),
		Ports: []discoveryv1.EndpointPort{{Port: ptr.To[int32](80)}}, Endpoints: []discoveryv1.Endpoint{e},
	}
}

func TestAnEndpointOfAPodHasAnAddressOfThePod(t *testing.T) {
	t.Parallel()
	const address = "10.0.0.1"
	of := func(edit func(*corev1.Pod)) map[string]*corev1.Pod {
		p := pod("a", "good", corev1.ConditionTrue, address, "2001:db8::1")
		p.UID, p.Status.HostIP, p.Status.HostIPs = "u-1", "10.0.9.9", []corev1.HostIP{{IP: "10.0.9.9"}, {IP: "2001:db8::9"}}
		edit(p)
		return map[string]*corev1.Pod{"a": p}
	}
	as := func(*corev1.Pod) {}
	none := map[string]*corev1.Pod{}
	for name, c := range map[string]struct {
		cached, live map[string]*corev1.Pod // live nil = the cluster is not behind
		address      string
		uid          types.UID
		not          bool // ready
		why          string
		quiet        bool // not Refused
	}{
		"its address": {cached: of(as), address: address},
		"its only address": {
			cached: of(func(p *corev1.Pod) { p.Status.PodIP, p.Status.PodIPs = address, nil }), address: address},
		"its address of the other family": {cached: of(as), address: "2001:db8::1"},
		"that in another form":            {cached: of(as), address: "2001:db8:0::1"},
		"another":                         {cached: of(as), address: "10.0.0.2", why: "its address is none of its pod's"},
		"that of its node":                {cached: of(as), address: "10.0.9.9", why: "its address is none of its pod's"},
		"that of its node, whose network": {cached: of(func(p *corev1.Pod) { p.Spec.HostNetwork = true }),
			address: "10.0.9.9"},
		"the other one of that node": {cached: of(func(p *corev1.Pod) { p.Spec.HostNetwork = true }),
			address: "2001:db8::9"},
		"that of another node": {cached: of(func(p *corev1.Pod) { p.Spec.HostNetwork = true }),
			address: "10.0.9.8", why: "its address is none of its pod's"},
		"its address mapped to IPv6": {cached: of(as), address: "::ffff:10.0.0.1",
			why: "its address is none of its pod's"},
		"its address in a zone": {cached: of(as), address: "2001:db8::1%eth0",
			why: "its address is none of its pod's"},
		"no address": {cached: of(as), address: "localhost",
			why: "its address is none of its pod's"},
		"of a pod that does not exist": {cached: none, address: address, why: podMissing},
		"of a pod without address": {cached: of(func(p *corev1.Pod) { p.Status = corev1.PodStatus{} }),
			address: address, why: "its address is none of its pod's"},
		"of a pod that is done": {cached: of(func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded }),
			address: address, why: "its pod has ended", quiet: true},
		"of a pod that has failed": {cached: of(func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }),
			address: address, why: "its pod has ended", quiet: true},
		"of a pod that is asked to end": {cached: of(func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{} }),
			address: address, why: podTerminates, quiet: true},
		"of one that ends, by another UID": {
			cached: of(func(p *corev1.Pod) { p.DeletionTimestamp, p.UID = &metav1.Time{}, "u-2" }), address: address, uid: "u-1",
			why: podTerminates, quiet: true},
		"of its successor in the cache": {
			cached: of(func(p *corev1.Pod) { p.DeletionTimestamp, p.UID = &metav1.Time{}, "u-2" }), live: of(as),
			address: address, uid: "u-1"},
		"not ready, another": {cached: of(as), address: "10.0.0.2", not: true,
			why: "its address is none of its pod's"},
		"not ready, its address":          {cached: of(as), address: address, not: true},
		"of a pod that is not cached yet": {cached: none, live: of(as), address: address},
		"of a pod cached without address": {cached: of(func(p *corev1.Pod) { p.Status = corev1.PodStatus{} }),
			live: of(as), address: address},
		"another, by the API server": {cached: none, live: of(as), address: "10.0.0.2",
			why: "its address is none of its pod's"},
		"of none, by the API server": {cached: none, live: none, address: address, why: podMissing},
		// a deletion is about to reach the cache
		"of one that is gone from there": {cached: of(as), live: none, address: address},
		"of one done, by the API server": {
			cached: none, live: of(func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }), address: address,
			why: "its pod has ended", quiet: true},
		"of one that ends, by the same": {
			cached: none, live: of(func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{} }), address: address,
			why: podTerminates, quiet: true},
		"not ready, and not in the cache": {cached: none, live: of(as), address: address, not: true, why: podMissing,
			quiet: true},
		"a metadata address of a real pod": {cached: of(as), address: "169.254.169.254",
			why: "its address is none of its pod's"},
		"loopback in the network of the node": {cached: of(func(p *corev1.Pod) { p.Spec.HostNetwork = true }),
			address: "127.0.0.1", why: "its address is none of its pod's"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var of Cluster = cluster{pods: c.cached, nodes: map[string]*corev1.Node{
				"good": node("good", "", corev1.ConditionTrue, nil)}}
			if c.live != nil {
				of = behind{of.(cluster), c.live} //nolint:forcetypeassert // it is made above
			}
			a, _ := netip.ParseAddr(c.address)
			ipv6 := a.Is6()
			s := claiming(endpoint(c.address, "a", ptr.To(!c.not), nil), ipv6)
			s.Endpoints[0].TargetRef.UID = c.uid
			got := PodCandidates(t.Context(), of, corev1.ServicePort{}, []*discoveryv1.EndpointSlice{s}, ipv6)
			if len(got) != 1 || got[0].Why != c.why || got[0].Refused != (c.why != "" && !c.quiet) {
				t.Fatalf("%+v, want %q", got, c.why)
			}
			if targets := ChooseServing(got, true); (len(targets) == 1) != (c.why == "") {
				t.Errorf("targets %v", targets)
			}
			s.Labels = map[string]string{discoveryv1.LabelManagedBy: sliceController}
			if again := PodCandidates(t.Context(), of, corev1.ServicePort{}, []*discoveryv1.EndpointSlice{s},
				ipv6)[0]; again.Why != c.why || again.Refused {
				t.Errorf("in a slice that Kubernetes makes: %+v", again)
			}
		})
	}
}

func TestReservedAddresses(t *testing.T) {
	t.Parallel()
	want := map[string]bool{
		"10.0.0.10": false, "10.0.0.2": false, "192.168.0.1": false, "203.0.113.7": false, "2001:db8::1": false,
		"fd12::1": false, "2600:1f14::1": false,
		"169.254.169.254": true, "169.254.169.253": true, "169.254.170.23": true, "169.254.0.1": true, "127.0.0.1": true,
		"127.1.2.3": true, "0.0.0.0": true, "0.1.2.3": true,
		"224.0.0.1": true, "255.255.255.255": true, "240.0.0.1": true,
		"::1": true, "::": true, "fe80::1": true, "fec0::1": true, "ff02::1": true, "fd00:ec2::254": true,
		"fd00:ec2::253": true, "fd00:ec2::23": true,
		"::ffff:10.0.0.10": true, "::ffff:a9fe:a9fe": true, "::10.0.0.10": true, "64:ff9b::a9fe:a9fe": true,
		"64:ff9b:1::a9fe:a9fe": true, "2002:a9fe:a9fe::1": true,
		"fe80::1%eth0": true, "2001:db8::1%eth0": true, "010.0.0.10": true, "167772170": true, "0x0a00000a": true,
		"localhost": true, "": true, "10.0.0.10:80": true, " 10.0.0.10": true,
	}
	got := map[string]bool{}
	for a := range want {
		got[a] = Reserved(a)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestNodeAtAnAddress(t *testing.T) {
	t.Parallel()
	n := node("n", "", corev1.ConditionTrue, nil)
	n.Status.Addresses = []corev1.NodeAddress{
		{Type: corev1.NodeHostName, Address: "n.example.com"}, {Type: corev1.NodeInternalIP, Address: "10.0.128.10"},
		{Type: corev1.NodeInternalIP, Address: "2001:db8:0::10"},
		{Type: corev1.NodeExternalIP, Address: "203.0.113.10"},
	}
	for address, want := range map[string]string{
		"10.0.128.10": "n", "203.0.113.10": "n", "2001:db8::10": "n", "::ffff:10.0.128.10": "n", "10.0.128.11": "",
		"n.example.com": "", "": "",
	} {
		if name, ok := NodesAt([]*corev1.Node{node("other", "", corev1.ConditionTrue, nil), n})(address); name != want ||
			ok != (want != "") {
			t.Errorf("%s: %q", address, name)
		}
	}
}
