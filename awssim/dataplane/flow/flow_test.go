package flow

import (
	"encoding/hex"
	"net/netip"
	"strings"
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

func TestProxyHeaderOfTheDocumentedExample(t *testing.T) {
	t.Parallel()
	got := hex.EncodeToString(ProxyHeader(ProxyTCP, netip.MustParseAddrPort("203.0.113.7:51234"),
		netip.MustParseAddrPort("10.0.1.10:443")))
	want := "0d0a0d0a000d0a515549540a" + "21" + "11" + "0054" + "cb007107" + "0a00010a" + "c822" + "01bb" +
		"030004ed5c9da3" + "04003e" + strings.Repeat("00", 62)
	if got != want {
		t.Errorf("\n%s, want\n%s", got, want)
	}
}

func TestProxyHeaderForIPv6HoldsBothAddresses(t *testing.T) {
	t.Parallel()
	h := ProxyHeader(ProxyUDP, netip.MustParseAddrPort("[2001:db8::7]:1"), netip.MustParseAddrPort("[2001:db8::1]:53"))
	if h[13] != 0x22 || int(h[14])<<8+int(h[15]) != len(h)-16 {
		t.Errorf("%x", h)
	}
}
