package dns

import (
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// Question is a question of a client. Names here and below are in lower case and end in a dot; everything in them but
// letters, digits, "-", "_" and dots is escaped by three octal digits, as Route 53 writes it.
type Question struct {
	Name string
	Type string     // A, AAAA, CNAME, …, ANY
	From netip.Addr // the address that the client gives by EDNS client subnet; invalid: none
}

// Status is the outcome of a question.
type Status int

// The statuses: the name exists, it does not, or it is in no zone that is served.
const (
	Found Status = iota
	NoName
	Refused
)

func (s Status) rcode() int {
	return map[Status]int{Found: dns.RcodeSuccess, NoName: dns.RcodeNameError, Refused: dns.RcodeRefused}[s]
}

// Answer to a question.
type Answer struct {
	Status        Status
	Authoritative bool
	Records       []Record
	Authority     []Record // SOA of a negative answer, NS of a referral
}

// Record is one resource record, with its value as zone files write it but for octal escapes.
type Record struct {
	Name, Type string
	TTL        uint32 // seconds
	Value      string
}

// parse puts a record into wire form. The minimum of an SOA is bounded as times to live are.
func parse(r Record, ttl, bound uint32) (dns.RR, error) {
	header := dns.RR_Header{Name: decimal(r.Name), Class: dns.ClassINET, Ttl: ttl}
	switch r.Type { // addresses in the form that they have, which for AAAA may be that of IPv4 in IPv6
	case "A":
		header.Rrtype = dns.TypeA
		return &dns.A{Hdr: header, A: net.ParseIP(r.Value)}, nil
	case "AAAA":
		header.Rrtype = dns.TypeAAAA
		return &dns.AAAA{Hdr: header, AAAA: net.ParseIP(r.Value)}, nil
	}
	rr, err := dns.NewRR(fmt.Sprintf("%s %d IN %s %s", header.Name, ttl, r.Type, decimal(absolute(r.Type, r.Value))))
	if soa, ok := rr.(*dns.SOA); ok && bound > 0 {
		soa.Minttl = min(soa.Minttl, bound)
	}
	return rr, err
}

// absolute ends the domain name at the end of a value in a dot: Route 53 takes it without.
func absolute(kind, value string) string {
	switch kind {
	case "CNAME", "NS", "PTR", "MX", "SRV":
		if !strings.HasSuffix(value, ".") {
			return value + "."
		}
	}
	return value
}

var octalEscape = regexp.MustCompile(`\\[0-7]{3}`)

// decimal rewrites octal escapes as zone files have them.
func decimal(s string) string {
	return octalEscape.ReplaceAllStringFunc(s, func(escape string) string {
		n, _ := strconv.ParseUint(escape[1:], 8, 16) // three octal digits
		return fmt.Sprintf(`\%03d`, n)
	})
}

// canonical rewrites a name of the codec's as names are here.
func canonical(name string) string {
	var b strings.Builder
	name = dns.Fqdn(name)
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch {
		case c == '.':
			b.WriteByte('.')
			continue
		case c == '\\' && i+3 < len(name) && isDigit(name[i+1]):
			n, err := strconv.ParseUint(name[i+1:i+4], 10, 8)
			if err == nil {
				c = byte(n)
			}
			i += 3
		case c == '\\' && i+1 < len(name):
			i++
			c = name[i]
		}
		switch {
		case 'A' <= c && c <= 'Z':
			b.WriteByte(c - 'A' + 'a')
		case 'a' <= c && c <= 'z', isDigit(c), c == '-', c == '_':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, `\%03o`, c)
		}
	}
	return b.String()
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
