package accesslog

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// TLSConnection is the entry of one connection to a TLS listener in a network load balancer's access log.
type TLSConnection struct {
	Time         time.Time // when the connection ended
	LoadBalancer string    // "net/NAME/ID"
	Listener     string    // the last part of its ARN
	Client       netip.AddrPort
	Destination  netip.AddrPort // the load balancer's side
	Duration     time.Duration
	Handshake    time.Duration // negative: it failed before
	Received     int64         // bytes from the client, after decryption
	Sent         int64
	Alert        int    // that the client sent; negative: none
	Certificate  string // ARN of what was served
	Cipher       string // in OpenSSL's spelling
	Version      string // tlsv12, tlsv13, …
	NamedGroup   string
	Domain       string // the server name that the client asked for
	// FrontProtocol and BackProtocol are what ALPN agreed on with client and target.
	FrontProtocol, BackProtocol string
	Offered                     []string // by the client's ALPN
	Created                     time.Time
}

// Line is the entry as AWS writes it: 22 fields, times in whole seconds and durations in milliseconds.
func (c *TLSConnection) Line() string {
	var b builder
	second := func(t time.Time) { b.plain(t.UTC().Format("2006-01-02T15:04:05")) }
	b.plain("tls")
	b.plain("2.0")
	second(c.Time)
	b.plain(c.LoadBalancer)
	b.plain(c.Listener)
	b.address(c.Client)
	b.address(c.Destination)
	b.number(c.Duration.Milliseconds())
	if c.Handshake < 0 {
		b.plain("")
	} else {
		b.number(c.Handshake.Milliseconds())
	}
	b.number(c.Received)
	b.number(c.Sent)
	if c.Alert < 0 {
		b.plain("")
	} else {
		b.plain(strconv.Itoa(c.Alert))
	}
	b.plain(c.Certificate)
	b.plain("") // the serial number, which AWS never writes
	b.plain(c.Cipher)
	b.plain(c.Version)
	b.plain(c.NamedGroup)
	b.plain(c.Domain)
	b.plain(c.FrontProtocol)
	b.plain(c.BackProtocol)
	offered := make([]string, len(c.Offered))
	for i, p := range c.Offered {
		offered[i] = strconv.QuoteToASCII(p)
	}
	b.plain(strings.Join(offered, ","))
	second(c.Created)
	return b.String()
}
