package accesslog

import (
	"net/netip"
	"time"
)

// Connection is the entry of one TLS connection attempt in an application load balancer's connection log.
type Connection struct {
	Time                time.Time
	Client              netip.AddrPort
	ListenerPort        int32
	TLSVersion, Cipher  string // empty when the handshake failed before
	Handshake           time.Duration
	Subject             string    // of the client's leaf certificate
	NotBefore, NotAfter time.Time // of that certificate; zero without one
	Serial              string    // of that certificate, upper-case hexadecimal
	// Verified is "Success" or "Failed:" and a reason; empty without a handshake that got so far.
	Verified    string
	TraceID     string // TID_…
	KeyExchange string
}

// Line is the entry as AWS writes it: 13 fields.
func (c *Connection) Line() string {
	var b builder
	b.time(c.Time)
	b.plain(c.Client.Addr().String())
	b.number(int64(c.Client.Port()))
	b.number(int64(c.ListenerPort))
	b.plain(c.TLSVersion)
	b.plain(c.Cipher)
	if c.TLSVersion == "" {
		b.plain("")
	} else {
		b.seconds(c.Handshake)
	}
	b.quoted(c.Subject)
	if c.NotBefore.IsZero() {
		b.plain("")
	} else {
		b.plain(Validity(c.NotBefore, c.NotAfter))
	}
	b.plain(c.Serial)
	b.plain(c.Verified)
	b.plain(c.TraceID)
	b.plain(c.KeyExchange)
	return b.String()
}

// Validity writes a certificate's period as logs and X-Amzn-Mtls-Clientcert-Validity have it.
func Validity(notBefore, notAfter time.Time) string {
	return "NotBefore=" + notBefore.UTC().Format(time.RFC3339) + ";NotAfter=" + notAfter.UTC().Format(time.RFC3339)
}

// Check is the entry of one health check in an application load balancer's health check log.
type Check struct {
	Type        string // http, https, h2, grpc, grpcs
	Time        time.Time
	Latency     time.Duration
	Target      netip.AddrPort
	TargetGroup string // name
	Passed      bool
	Status      int    // 0: no answer
	Reason      string // why it failed
}

// Line is the entry as AWS writes it: 8 fields.
func (c *Check) Line() string {
	var b builder
	b.plain(c.Type)
	b.time(c.Time)
	b.seconds(c.Latency)
	b.address(c.Target)
	b.plain(c.TargetGroup)
	if c.Passed {
		b.plain("PASS")
	} else {
		b.plain("FAIL")
	}
	b.status(c.Status)
	b.plain(c.Reason)
	return b.String()
}
