package loadbalancer

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"testing"

	"github.com/k8s-lbc/lbc/awssim/dataplane/handshake"
	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
)

// conn is a connection of a client.
type conn struct {
	net.Conn
	client handshake.Client
}

func (c *conn) HelloOf() *handshake.Client { return &c.client }

// TestAHandshakeOutlivesTheProtocolOfItsListener has an edit take TLS from a listener after a client has connected.
func TestAHandshakeOutlivesTheProtocolOfItsListener(t *testing.T) {
	t.Parallel()
	snapshot := func(l topology.Listener) *Snapshot {
		s := &Snapshot{Listener: l}
		s.handshakes = func() *handshake.Server { return handshake.NewServer(&s.Listener, false) }
		return s
	}
	certificate := topology.Certificate{ARN: "arn:web", TLS: tls.Certificate{Leaf: &x509.Certificate{
		DNSNames: []string{"web"}}}}
	l := new(LoadBalancer).NewListener(snapshot(topology.Listener{Port: 443, Protocol: "TLS",
		Certificates: []topology.Certificate{certificate}}))
	l.Update(snapshot(topology.Listener{Port: 443, Protocol: "TCP"}))
	hello := &tls.ClientHelloInfo{ServerName: "web", Conn: &conn{}}
	config, err := l.TLS().GetConfigForClient(hello)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := config.GetCertificate(hello); err != nil {
		t.Error(err)
	}
}
