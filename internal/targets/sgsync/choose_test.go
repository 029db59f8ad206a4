package sgsync

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/aws/inventory/network"
)

func TestChooseGroupOfInterface(t *testing.T) {
	t.Parallel()
	const ours = "kubernetes.io/cluster/demo"
	tags := map[string]map[string]string{
		"sg-plain": {"Name": "x"}, "sg-ours": {ours: "owned"}, "sg-shared": {ours: "shared", "tier": "web"}, "sg-other": {
			"kubernetes.io/cluster/other": "owned"},
	}
	tags["sg-owned"] = map[string]string{ours: "owned"}
	web := map[string]string{"tier": "web"}
	for name, c := range map[string]struct {
		groups []string
		serves []string // groups that have rules for load balancers
		unread bool     // whether they have cannot be read
		named  string
		extra  map[string]string
		want   string
		doubt  bool
		err    string // a part of it
	}{
		"the only one needs no tag": {groups: []string{"sg-plain"}, want: "sg-plain"},
		"the tagged one of several": {groups: []string{"sg-plain", "sg-other", "sg-ours"},
			want: "sg-ours"},
		"whatever the tag's value": {groups: []string{"sg-plain", "sg-shared"}, want: "sg-shared"},
		"further tags choose among two": {groups: []string{"sg-ours", "sg-shared"}, extra: web,
			want: "sg-shared"},
		"the named one, whatever the tags": {groups: []string{"sg-plain", "sg-ours"}, named: "sg-plain",
			want: "sg-plain"},
		"tags, where the interface lacks the named": {groups: []string{"sg-plain", "sg-ours"}, named: "sg-elsewhere",
			want: "sg-ours"},
		"of two that are tagged the one that serves": {groups: []string{"sg-ours", "sg-shared"}, serves: []string{
			"sg-shared"}, want: "sg-shared", doubt: true},
		"of two that serve the one the cluster owns": {groups: []string{"sg-shared", "sg-ours"}, serves: []string{
			"sg-shared", "sg-ours"}, want: "sg-ours", doubt: true},
		"of two that are tagged the one that is owned": {groups: []string{"sg-shared", "sg-ours"}, want: "sg-ours",
			doubt: true},
		"of two that are owned the first": {groups: []string{"sg-owned", "sg-ours"}, want: "sg-ours",
			doubt: true},
		"without tags the one that serves": {groups: []string{"sg-plain", "sg-other"}, serves: []string{
			"sg-plain"}, want: "sg-plain", doubt: true},
		"none is tagged": {groups: []string{"sg-plain", "sg-other"},
			err: "network interface eni-1: 0 security groups have the tag kubernetes.io/cluster/demo, "},
		"further tags that nobody has": {groups: []string{"sg-ours", "sg-shared"}, extra: map[string]string{
			"tier": "db"}, err: "kubernetes.io/cluster/demo and tier=db, and exactly one should []"},
		"a further tag without a value": {groups: []string{"sg-ours", "sg-shared"}, extra: map[string]string{
			"tier": ""}, err: "name it by --node-security-group"},
		"no groups at all": {err: "and exactly one should []"},
		"several that are tagged, and cannot be read": {groups: []string{"sg-ours", "sg-shared"}, unread: true,
			err: "has rules for load balancers: throttled"},
		"none is tagged, and they cannot be read": {groups: []string{"sg-plain", "sg-other"}, unread: true,
			err: "has rules for load balancers: throttled"},
		"one that needs no reading": {groups: []string{"sg-plain", "sg-ours"}, unread: true,
			want: "sg-ours"},
	} {
		for range 2 { // whatever the order in which EC2 lists them
			got, err := Chooser{Cluster: "demo", Group: c.named, ExtraTags: c.extra}.Choose(network.Interface{
				ID: "eni-1", Groups: c.groups},
				Groups{Tags: func(g string) map[string]string { return tags[g] }, Serves: func(g string) (bool, error) {
					if c.unread {
						return false, errors.New("throttled")
					}
					return slices.Contains(c.serves, g), nil
				}})
			if got.Group != c.want || (got.Doubt != "") != c.doubt || (err != nil) != (c.err != "") || err != nil &&
				!strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %+v, %v; want %q, %q", name, got, err, c.want, c.err)
			}
			slices.Reverse(c.groups)
		}
	}
}

func TestAPodIsBehindTheInterfaceThatCarriesItsAddress(t *testing.T) {
	t.Parallel()
	first := network.Interface{ID: "eni-1", Primary: true, Groups: []string{"sg-a"}, Addresses: []netip.Addr{
		netip.MustParseAddr("10.0.0.1")}}
	second := network.Interface{ID: "eni-2", Groups: []string{"sg-b"}, Prefixes: []netip.Prefix{
		netip.MustParsePrefix("10.0.1.0/28")}}
	alike := second
	alike.Groups = first.Groups
	for name, c := range map[string]struct {
		of      []network.Interface
		address string
		want    string
	}{
		"an address":                             {[]network.Interface{second, first}, "10.0.0.1", "eni-1"},
		"an address of a prefix":                 {[]network.Interface{first, second}, "10.0.1.9", "eni-2"},
		"unknown, and it does not matter":        {[]network.Interface{first, alike}, "10.0.9.9", "eni-1"},
		"unknown, and their groups are not one":  {[]network.Interface{first, second}, "10.0.9.9", ""},
		"a node without interfaces, or no nodes": {nil, "10.0.0.1", ""},
	} {
		got, ok := ForPod(c.of, netip.MustParseAddr(c.address))
		if got.ID != c.want || ok != (c.want != "") {
			t.Errorf("%s: %q, %t; want %q", name, got.ID, ok, c.want)
		}
	}
	if got, ok := ForNode([]network.Interface{second, first}); !ok || got.ID != "eni-1" {
		t.Errorf("a node is reached through %q, %t", got.ID, ok)
	}
	if got, ok := ForNode([]network.Interface{second}); ok {
		t.Errorf("a node whose primary interface is not known is reached through %q", got.ID)
	}
}
