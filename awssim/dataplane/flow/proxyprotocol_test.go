package flow

import (
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
)

func TestProxyHeaderOfTheDocumentedExample(t *testing.T) {
	t.Parallel()
	got := hex.EncodeToString(ProxyHeader(ProxyTCP, netip.MustParseAddrPort("203.0.113.7:51234"), netip.MustParseAddrPort("10.0.1.10:443")))
	want := "0d0a0d0a000d0a515549540a" + "21" + "11" + "0054" + "cb007107" + "0a00010a" + "c822" + "01bb" + "030004ed5c9da3" + "04003e" + strings.Repeat("00", 62)
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
