package accesslog

import (
	"net/netip"
	"testing"
	"time"
)

func TestATLSConnectionsLineHasAWSsFields(t *testing.T) {
	t.Parallel()
	c := TLSConnection{
		Time: time.Date(2020, 4, 1, 8, 51, 42, 999, time.UTC), LoadBalancer: "net/my-nlb/c6e77e28c25b2234",
		Listener: "g3d4b5e8bb8464cd",
		Client:   netip.MustParseAddrPort("72.21.218.154:51341"), Destination: netip.MustParseAddrPort("172.100.100.185:443"),
		Duration: 5 * time.Millisecond, Handshake: 2 * time.Millisecond, Received: 98, Sent: 246, Alert: -1,
		Certificate: "arn:aws:acm:us-east-2:671290407336:certificate/2a108f19", Cipher: "ECDHE-RSA-AES128-SHA",
		Version: "tlsv12",
		Domain:  "my-nlb.example.com", FrontProtocol: "h2", BackProtocol: "h2", Offered: []string{"h2", "http/1.1"},
		Created: time.Date(2020, 4, 1, 8, 51, 20, 0, time.UTC),
	}
	want :=
		`tls 2.0 2020-04-01T08:51:42 net/my-nlb/c6e77e28c25b2234 g3d4b5e8bb8464cd 72.21.218.154:51341 172.100.100.185:443 5 2 98 246 - ` +
			`arn:aws:acm:us-east-2:671290407336:certificate/2a108f19 - ECDHE-RSA-AES128-SHA tlsv12 - my-nlb.example.com h2 h2 "h2","http/1.1" 2020-04-01T08:51:20`
	if got := c.Line(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	failed := TLSConnection{
		LoadBalancer: "net/n/1", Listener: "2", Client: c.Client, Destination: c.Destination, Handshake: -1, Alert: 42,
		Time: c.Time, Created: c.Created,
	}
	want =
		`tls 2.0 2020-04-01T08:51:42 net/n/1 2 72.21.218.154:51341 172.100.100.185:443 0 - 0 0 42 - - - - - - - - - 2020-04-01T08:51:20`
	if got := failed.Line(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
