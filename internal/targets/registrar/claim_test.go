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

const (
	itsAddress   = "10.0.0.1"
	podEnded     = "its pod has ended"
	podElsewhere = "the pod does not have this address"
)

// claimed is pod a as a cluster knows it: with itsAddress and 2001:db8::1, on a node with 10.0.9.9 and 2001:db8::9.
func claimed(edit func(*corev1.Pod)) map[string]*corev1.Pod {
	p := pod("a", "good", corev1.ConditionTrue, itsAddress, "2001:db8::1")
	p.UID, p.Status.HostIP, p.Status.HostIPs = "u-1", "10.0.9.9", []corev1.HostIP{{IP: "10.0.9.9"}, {IP: "2001:db8::9"}}
	edit(p)
	return map[string]*corev1.Pod{"a": p}
}

// claimCase is an endpoint of pod a, and what comes of it.
type claimCase struct {
	cached, live map[string]*corev1.Pod // live nil = the cache is not behind
	address      string
	uid          types.UID
	unready      bool
	why          string
	quiet        bool // not Refused
}

func TestAnEndpointOfAPodHasAnAddressOfThePod(t *testing.T) {
	t.Parallel()
	is := claimed(func(*corev1.Pod) {})
	onHost := claimed(func(p *corev1.Pod) { p.Spec.HostNetwork = true })
	unborn := claimed(func(p *corev1.Pod) { p.Status = corev1.PodStatus{} })
	single := claimed(func(p *corev1.Pod) { p.Status.PodIP, p.Status.PodIPs = itsAddress, nil })
	done := claimed(func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded })
	failed := claimed(func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed })
	ending := claimed(func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{} })
	successor := claimed(func(p *corev1.Pod) { p.DeletionTimestamp, p.UID = &metav1.Time{}, "u-2" })
	none := map[string]*corev1.Pod{}
	for name, c := range map[string]claimCase{
		"its address":                     {cached: is, address: itsAddress},
		"its only address":                {cached: single, address: itsAddress},
		"its address of the other family": {cached: is, address: "2001:db8::1"},
		"that in another form":            {cached: is, address: "2001:db8:0::1"},
		"another":                         {cached: is, address: "10.0.0.2", why: podElsewhere},
		"that of its node":                {cached: is, address: "10.0.9.9", why: podElsewhere},
		"that of its node, whose network": {cached: onHost, address: "10.0.9.9"},
		"the other one of that node":      {cached: onHost, address: "2001:db8::9"},
		"that of another node":            {cached: onHost, address: "10.0.9.8", why: podElsewhere},
		"its address mapped to IPv6":      {cached: is, address: "::ffff:10.0.0.1", why: podElsewhere},
		"its address in a zone":           {cached: is, address: "2001:db8::1%eth0", why: podElsewhere},
		"no address":                      {cached: is, address: "localhost", why: podElsewhere},
		"of a pod that does not exist":    {cached: none, address: itsAddress, why: podMissing},
		"of a pod without address":        {cached: unborn, address: itsAddress, why: podElsewhere},
		"of a pod that is done":           {cached: done, address: itsAddress, why: podEnded, quiet: true},
		"of a pod that has failed":        {cached: failed, address: itsAddress, why: podEnded, quiet: true},
		"of a pod that is asked to end":   {cached: ending, address: itsAddress, why: podTerminates, quiet: true},
		"of one that ends, by another UID": {cached: successor, address: itsAddress, uid: "u-1", why: podTerminates,
			quiet: true},
		"of its successor in the cache":   {cached: successor, live: is, address: itsAddress, uid: "u-1"},
		"not ready, another":              {cached: is, address: "10.0.0.2", unready: true, why: podElsewhere},
		"not ready, its address":          {cached: is, address: itsAddress, unready: true},
		"of a pod that is not cached yet": {cached: none, live: is, address: itsAddress},
		"of a pod cached without address": {cached: unborn, live: is, address: itsAddress},
		"another, by the API server":      {cached: none, live: is, address: "10.0.0.2", why: podElsewhere},
		"of none, by the API server":      {cached: none, live: none, address: itsAddress, why: podMissing},
		// a deletion is about to reach the cache
		"of one that is gone from there": {cached: is, live: none, address: itsAddress},
		"of one done, by the API server": {cached: none, live: failed, address: itsAddress, why: podEnded, quiet: true},
		"of one that ends, by the same":  {cached: none, live: ending, address: itsAddress, why: podTerminates, quiet: true},
		"not ready, and not in the cache": {cached: none, live: is, address: itsAddress, unready: true, why: podMissing,
			quiet: true},
		"a metadata address of a real pod":    {cached: is, address: "169.254.169.254", why: podElsewhere},
		"loopback in the network of the node": {cached: onHost, address: "127.0.0.1", why: podElsewhere},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.judge(t)
		})
	}
}

func (c claimCase) judge(t *testing.T) {
	t.Helper()
	known := cluster{pods: c.cached, nodes: map[string]*corev1.Node{"good": node("good", "", corev1.ConditionTrue, nil)}}
	var of Cluster = known
	if c.live != nil {
		of = behind{known, c.live}
	}
	a, _ := netip.ParseAddr(c.address)
	ipv6 := a.Is6()
	s := claiming(endpoint(c.address, "a", ptr.To(!c.unready), nil), ipv6)
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
