package network

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/lib/cache"
)

// nodes is an EC2 with instances of one interface each, by id, in pages of two.
type nodes struct {
	awsclient.EC2
	addresses map[string]string
	mu        sync.Mutex // guards calls
	calls     []string
}

func page[T any](all []T, token *string) (some []T, next *string) {
	const size = 2
	at := 0
	if token != nil {
		_, _ = fmt.Sscan(*token, &at)
	}
	if at+size >= len(all) {
		return all[at:], nil
	}
	return all[at : at+size], aws.String(fmt.Sprint(at + size))
}

func (n *nodes) DescribeInstances(_ context.Context, in *ec2.DescribeInstancesInput, _ ...func(*ec2.Options)) (
	*ec2.DescribeInstancesOutput, error) {
	var found []types.Reservation
	for _, id := range in.Filters[0].Values {
		if a, ok := n.addresses[id]; ok {
			found = append(found, types.Reservation{
				Instances: []types.Instance{{InstanceId: aws.String(id), NetworkInterfaces: []types.InstanceNetworkInterface{
					{NetworkInterfaceId: aws.String("eni-" + id), Attachment: &types.InstanceNetworkInterfaceAttachment{
						DeviceIndex: aws.Int32(0)},
						Groups:             []types.GroupIdentifier{{GroupId: aws.String("sg-2")}, {GroupId: aws.String("sg-1")}},
						PrivateIpAddresses: []types.InstancePrivateIpAddress{{PrivateIpAddress: aws.String(a)}},
						Ipv6Addresses:      []types.InstanceIpv6Address{{Ipv6Address: aws.String("2001:db8::1")}},
						Ipv4Prefixes:       []types.InstanceIpv4Prefix{{Ipv4Prefix: aws.String("10.9.0.0/28")}},
						Ipv6Prefixes:       []types.InstanceIpv6Prefix{{Ipv6Prefix: aws.String("2001:db8:1::/80")}}},
					{NetworkInterfaceId: aws.String("eni-2-" + id), Attachment: &types.InstanceNetworkInterfaceAttachment{
						DeviceIndex: aws.Int32(1)}},
				}}}})
		}
	}
	out, next := page(found, in.NextToken)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.calls = append(n.calls, fmt.Sprintf("instances %d", len(in.Filters[0].Values)))
	return &ec2.DescribeInstancesOutput{Reservations: out, NextToken: next}, nil
}

func (n *nodes) DescribeNetworkInterfaces(_ context.Context, in *ec2.DescribeNetworkInterfacesInput,
	_ ...func(*ec2.Options)) (*ec2.DescribeNetworkInterfacesOutput, error) {
	var wanted []string
	name := "by id"
	for _, f := range in.Filters {
		if aws.ToString(f.Name) != "vpc-id" {
			wanted, name = f.Values, aws.ToString(f.Name)
		}
	}
	var found []types.NetworkInterface
	for id, a := range n.addresses {
		eni := types.NetworkInterface{NetworkInterfaceId: aws.String("eni-" + id), Groups: []types.GroupIdentifier{
			{GroupId: aws.String("sg-1")}}}
		if ip := netip.MustParseAddr(a); ip.Is4() {
			eni.PrivateIpAddresses = []types.NetworkInterfacePrivateIpAddress{{PrivateIpAddress: aws.String(a)}}
		} else {
			eni.Ipv6Addresses = []types.NetworkInterfaceIpv6Address{{Ipv6Address: aws.String(a)}}
		}
		if slices.Contains(wanted, a) || slices.Contains(in.NetworkInterfaceIds, *eni.NetworkInterfaceId) {
			found = append(found, eni)
		}
	}
	slices.SortFunc(found, func(a, b types.NetworkInterface) int {
		return strings.Compare(*a.NetworkInterfaceId, *b.NetworkInterfaceId)
	})
	out, next := page(found, in.NextToken)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.calls = append(n.calls, fmt.Sprintf("%s %d", name, max(len(wanted), len(in.NetworkInterfaceIds))))
	return &ec2.DescribeNetworkInterfacesOutput{NetworkInterfaces: out, NextToken: next}, nil
}

type steps struct{ now time.Time }

func (s *steps) Now() time.Time { return s.now }

func (n *nodes) called() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := n.calls
	n.calls = nil
	return out
}

func TestInterfacesAreForgottenWithTheirNodes(t *testing.T) {
	t.Parallel()
	clock := &steps{time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	n := &nodes{addresses: map[string]string{"i-1": "10.0.0.1", "i-2": "10.0.0.2", "i-3": "10.0.0.3"}}
	x := NewInterfaces(n, clock.Now)
	ask := func(ids ...string) map[string][]Interface {
		t.Helper()
		got, err := x.OfInstances(t.Context(), ids)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	got := ask("i-3", "i-1", "i-2", "i-1", "i-gone")
	want := Interface{ID: "eni-i-1", Primary: true, Groups: []string{"sg-1", "sg-2"}, Addresses: []netip.Addr{
		netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("2001:db8::1")},
		Prefixes: []netip.Prefix{netip.MustParsePrefix("10.9.0.0/28"), netip.MustParsePrefix("2001:db8:1::/80")}}
	if len(got) != 3 || len(got["i-1"]) != 2 || got["i-1"][1].Primary {
		t.Fatalf("%+v", got)
	}
	if diff := cmp.Diff(want, got["i-1"][0], cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
		cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	for a, carries := range map[string]bool{"10.0.0.1": true, "10.0.0.2": false, "10.9.0.15": true, "10.9.0.16": false,
		"2001:db8::1": true, "2001:db8:1::5": true} {
		if want.Carries(netip.MustParseAddr(a)) != carries {
			t.Errorf("carries %s: %t", a, !carries)
		}
	}
	if diff := cmp.Diff([]string{"instances 4", "instances 4"}, n.called()); diff != "" {
		t.Errorf("two pages: %s", diff)
	}
	ask("i-1", "i-2", "i-3")
	if calls := n.called(); len(calls) > 0 {
		t.Errorf("%v though all is known", calls)
	}
	n.addresses["i-1"] = "10.0.0.9"
	if got, err := x.Reread(t.Context(), map[string][]netip.Addr{"i-1": {netip.MustParseAddr("10.0.0.9")}}); err != nil ||
		got["i-1"][0].Addresses[0].String() != "10.0.0.9" {
		t.Errorf("afresh %v, %v", got, err)
	}
	n.called()
	delete(n.addresses, "i-3")
	clock.now = clock.now.Add(interfaceLifetime)
	if ask("i-2"); len(n.called()) > 0 {
		t.Error("read again within the lifetime")
	}
	clock.now = clock.now.Add(time.Second)
	if got := ask("i-2"); len(got) != 1 || len(n.called()) != 1 {
		t.Errorf("after the lifetime %v", got)
	}
	clock.now = clock.now.Add(interfaceLifetime + cache.Stale)
	if ask("i-2"); x.instances.Len() != 1 {
		t.Errorf("%d nodes are remembered, nobody asks for but one", x.instances.Len())
	}
	if got := ask("i-3"); len(got) != 0 {
		t.Errorf("a node that is gone has %v", got)
	}
}

func TestInterfacesAreFoundByTheirIDs(t *testing.T) {
	t.Parallel()
	clock := &steps{time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	n := &nodes{addresses: map[string]string{"1": "10.0.0.1", "2": "10.0.0.2", "3": "10.0.0.3"}}
	x := NewInterfaces(n, clock.Now)
	for time, calls := range [][]string{{"by id 3", "by id 3"}, nil} {
		got, err := x.ByID(t.Context(), []string{"eni-1", "eni-2", "eni-3"})
		if err != nil || len(got) != 3 || got["eni-2"].Addresses[0].String() != "10.0.0.2" || got["eni-3"].ID != "eni-3" {
			t.Errorf("%+v %v", got, err)
		}
		if diff := cmp.Diff(calls, n.called()); diff != "" {
			t.Errorf("time %d: %s", time, diff)
		}
	}
}

func TestInterfacesOfAddressesAreReadInBatches(t *testing.T) {
	t.Parallel()
	clock := &steps{time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	n := &nodes{addresses: map[string]string{"6": "2001:db8::6"}}
	var all []Address
	for i := range 250 {
		a := fmt.Sprintf("10.0.%d.%d", i/200, i%200+1)
		n.addresses[fmt.Sprint("v4-", i)] = a
		all = append(all, Address{"pod", netip.MustParseAddr(a)})
	}
	six, nobody := Address{"pod", netip.MustParseAddr("2001:db8::6")}, Address{"pod", netip.MustParseAddr("10.7.7.7")}
	x := NewInterfaces(n, clock.Now)
	ask := func(of ...Address) map[Address]Interface {
		t.Helper()
		got, err := x.ByAddress(t.Context(), "vpc-1", of)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	got := ask(append(slices.Clone(all), six, nobody)...)
	if len(got) != 251 || got[six].ID != "eni-6" || got[all[7]].ID != "eni-v4-7" {
		t.Errorf("%d found: %+v", len(got), got[six])
	}
	sizes := map[string]int{}
	for _, c := range n.called() {
		sizes[c]++
	}
	if diff := cmp.Diff(map[string]int{"addresses.private-ip-address 199": 100, "addresses.private-ip-address 52": 26,
		"ipv6-addresses.ipv6-address 1": 1}, sizes); diff != "" {
		t.Error(diff)
	}
	if ask(all...); len(n.called()) > 0 {
		t.Error("read again though all is known")
	}
	n.addresses["v4-9"], n.addresses["v4-0"] = n.addresses["v4-0"], n.addresses["v4-9"]
	another := Address{"another pod", all[0].IP}
	if got := ask(all[0], another); got[all[0]].ID != "eni-v4-0" || got[another].ID != "eni-v4-9" {
		t.Errorf("of another holder %+v", got)
	}
	clock.now = clock.now.Add(interfaceLifetime + time.Second)
	if got := ask(all[0]); got[all[0]].ID != "eni-v4-9" {
		t.Errorf("after the lifetime %+v", got)
	}
	clock.now = clock.now.Add(interfaceLifetime + cache.Stale)
	if ask(all[0]); x.byAddress[false].Len() != 1 {
		t.Errorf("%d addresses are remembered", x.byAddress[false].Len())
	}
}

func TestAddressesThatNoInterfaceHasAreLookedUpSeldomAndTogether(t *testing.T) {
	t.Parallel()
	clock := &steps{time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	n := &nodes{addresses: map[string]string{"i-1": "10.0.0.1"}}
	x := NewInterfaces(n, clock.Now)
	const bindings = 200
	look := func() {
		for i := range bindings {
			a := netip.MustParseAddr(fmt.Sprintf("10.1.%d.%d", i/100, i%100+1))
			if got, err := x.Reread(t.Context(), map[string][]netip.Addr{"i-1": {a}}); err != nil || len(got["i-1"]) == 0 {
				t.Fatal(got, err)
			}
			if got, err := x.ByAddress(t.Context(), "vpc-1", []Address{{fmt.Sprint("pod ", i), a}}); err != nil ||
				len(got) != 0 {
				t.Fatal(got, err)
			}
		}
	}
	look()
	if calls := len(n.called()); calls > 2*bindings+1 {
		t.Errorf("%d calls when they came", calls)
	}
	for range 40 { // ten minutes of passes
		clock.now = clock.now.Add(15 * time.Second)
		look()
	}
	if calls := len(n.called()); calls > 40 {
		t.Errorf("%d calls in ten minutes for %d bindings", calls, bindings)
	}
	n.addresses["i-2"] = "10.1.0.7"
	clock.now = clock.now.Add(cache.AbsencePauses.Longest)
	got, err := x.ByAddress(t.Context(), "vpc-1", []Address{{"pod 6", netip.MustParseAddr("10.1.0.7")}})
	if err != nil || len(got) != 1 {
		t.Errorf("%v, %v: it exists by now", got, err)
	}
	clock.now = clock.now.Add(interfaceLifetime + cache.Stale + time.Second)
	if _, err := x.ByAddress(t.Context(), "vpc-1", []Address{{"new", netip.MustParseAddr("10.1.0.8")}}); err != nil ||
		x.byAddress[false].Len() != 1 {
		t.Errorf("%v; %d addresses are remembered", err, x.byAddress[false].Len())
	}
}
