package flow

import (
	"net/netip"
	"testing"
)

func TestLoopbackAddressesAreStableAndDoNotCollide(t *testing.T) {
	t.Parallel()
	var pool Loopbacks
	seen := map[netip.Addr]bool{}
	for _, arn := range []string{"stable-a", "stable-b", "stable-a"} { // the third collides with the first
		l := pool.Take(arn)
		defer l.Release()
		if l.owned && seen[l.Address] {
			t.Errorf("%s was handed out twice", l.Address)
		}
		seen[l.Address] = true
	}
	first := pool.Take("stable-c")
	first.Release()
	second := pool.Take("stable-c")
	defer second.Release()
	if first.Address != second.Address {
		t.Errorf("%s, then %s", first.Address, second.Address)
	}
}
