package curl

import (
	"context"
	"net/netip"
	"testing"

	"github.com/k8s-lbc/lbc/awssim/simclient"
)

func TestAnAcceleratorIsFoundByItsNameForBothFamiliesToo(t *testing.T) {
	t.Parallel()
	at := netip.MustParseAddrPort("127.0.0.9:8080")
	endpoints := Endpoints(func(context.Context) ([]simclient.Endpoint, error) {
		return []simclient.Endpoint{{
			DNSName: "a0123456789abcdef.awsglobalaccelerator.com", Address: at.Addr(), Listeners: []simclient.ListenerAddr{
				{Port: 80, Protocol: "TCP", Address: at}},
		}}, nil
	})
	for _, name := range []string{"a0123456789abcdef.awsglobalaccelerator.com",
		"A0123456789abcdef.dualstack.awsglobalaccelerator.com."} {
		if got, err := endpoints.Locate(t.Context(), name+":80"); err != nil || got != at.String() {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
}
