package bench

import (
	"net/netip"
	"testing"

	"github.com/k8s-lbc/lbc/awssim"
	"github.com/k8s-lbc/lbc/awssim/seed"
)

func TestTheAccountHasAddressesForAllPods(t *testing.T) {
	t.Parallel()
	all, err := choose(nil)
	if err != nil {
		t.Fatal(err)
	}
	n := addresses(all)
	f := roomy(seed.Default(), n, 0)
	sim, err := awssim.New(awssim.Options{Seed: &f})
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	if n < crowd*podsOfCrowd || len(f.Cluster.Nodes)*podsPerNode < n {
		t.Errorf("%d nodes for %d pods", len(f.Cluster.Nodes), n)
	}
	room := 0
	for _, s := range f.VPC.Subnets {
		if !s.Public {
			room += 1 << (32 - netip.MustParsePrefix(s.CIDR).Bits())
		}
	}
	if room < n {
		t.Errorf("%d addresses for %d pods", room, n)
	}
	if few := roomy(seed.Default(), 100, 0); len(few.Cluster.Nodes) != len(seed.Default().Cluster.Nodes) {
		t.Errorf("%d nodes for few pods", len(few.Cluster.Nodes))
	}
}
