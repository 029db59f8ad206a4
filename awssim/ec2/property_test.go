package ec2

import (
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestAddressesBelongToOneInterfaceEachAndAreCounted(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		a := newService(t).account
		subnet := a.Subnets[subnetA]
		free := subnet.AvailableIPs()
		var made []string
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			switch op := rapid.IntRange(0, 3).Draw(rt, "op"); {
			case op == 0 || len(made) == 0:
				n, err := a.NewInterface(subnetA, []string{nodeGroup}, "x", false)
				if err != nil {
					rt.Fatal(err)
				}
				made = append(made, n.ID)
			case op == 1:
				addr := netip.AddrFrom4([4]byte{10, 0, 128, byte(rapid.IntRange(0, 20).Draw(rt, "host"))})
				_, _ = a.AssignAddress(rapid.SampledFrom(made).Draw(rt, "eni"), addr) // may be refused
			case op == 2:
				if _, err := a.AssignPrefix(rapid.SampledFrom(made).Draw(rt, "eni")); err != nil {
					rt.Fatal(err)
				}
			default:
				i := rapid.IntRange(0, len(made)-1).Draw(rt, "eni")
				if err := a.DeleteInterface(made[i]); err != nil {
					rt.Fatal(err)
				}
				made = slices.Delete(made, i, i+1)
			}
		}
		held := map[netip.Addr]string{}
		for _, id := range made {
			n := a.Interfaces[id]
			all := []netip.Addr{}
			for _, p := range n.Addresses {
				all = append(all, p.Addr)
			}
			for _, p := range n.Prefixes {
				for addr := p.Addr(); p.Contains(addr); addr = addr.Next() {
					all = append(all, addr)
				}
			}
			for _, addr := range all {
				if other, ok := held[addr]; ok {
					rt.Fatalf("%s belongs to %s and %s", addr, other, id)
				}
				held[addr] = id
				if got, ok := a.InterfaceAt(vpcID, addr); !ok || got != n {
					rt.Fatalf("%s does not lead to %s", addr, id)
				}
			}
		}
		if got := free - subnet.AvailableIPs(); int(got) != len(held) {
			rt.Fatalf("%d addresses are counted, %d held", got, len(held))
		}
	})
}
