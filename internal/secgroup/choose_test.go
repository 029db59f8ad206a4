package secgroup

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/inventory/network"
)

func TestTheGroupOfAnInterfaceIsItsOnlyOneOrTheOneWithTheClustersTag(t *testing.T) {
	t.Parallel()
	const ours = "kubernetes.io/cluster/demo"
	tags := map[string]map[string]string{
		"sg-plain": {"Name": "x"}, "sg-ours": {ours: "owned"}, "sg-shared": {ours: "shared", "tier": "web"}, "sg-other": {"kubernetes.io/cluster/other": "owned"},
	}
	for name, c := range map[string]struct {
		groups []string
		extra  map[string]string
		want   string
		err    string // a part of it
	}{
		"the only one needs no tag":     {[]string{"sg-plain"}, nil, "sg-plain", ""},
		"the tagged one of several":     {[]string{"sg-plain", "sg-other", "sg-ours"}, nil, "sg-ours", ""},
		"whatever the tag's value":      {[]string{"sg-plain", "sg-shared"}, nil, "sg-shared", ""},
		"none is tagged":                {[]string{"sg-plain", "sg-other"}, nil, "", "expected exactly one securityGroup tagged with kubernetes.io/cluster/demo for eni eni-1, got: []"},
		"two are tagged":                {[]string{"sg-ours", "sg-shared"}, nil, "", "got: [sg-ours sg-shared]"},
		"further tags choose among two": {[]string{"sg-ours", "sg-shared"}, map[string]string{"tier": "web"}, "sg-shared", ""},
		"further tags that nobody has":  {[]string{"sg-ours", "sg-shared"}, map[string]string{"tier": "db"}, "", "got: []"},
		"a further tag without a value": {[]string{"sg-ours", "sg-shared"}, map[string]string{"tier": ""}, "", "got: []"},
		"no groups at all":              {nil, nil, "", "got: []"},
	} {
		got, err := Chooser{Cluster: "demo", ExtraTags: c.extra}.Choose(network.Interface{ID: "eni-1", Groups: c.groups}, func(g string) map[string]string { return tags[g] })
		if got != c.want || (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %q, %v; want %q, %q", name, got, err, c.want, c.err)
		}
	}
}

func TestAPodIsBehindTheInterfaceThatCarriesItsAddress(t *testing.T) {
	t.Parallel()
	first := network.Interface{ID: "eni-1", Primary: true, Groups: []string{"sg-a"}, Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.1")}}
	second := network.Interface{ID: "eni-2", Groups: []string{"sg-b"}, Prefixes: []netip.Prefix{netip.MustParsePrefix("10.0.1.0/28")}}
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
