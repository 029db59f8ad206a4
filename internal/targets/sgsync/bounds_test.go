package sgsync

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestRangesThatAreTooWide(t *testing.T) {
	t.Parallel()
	pieces := func(form string, n int) (out []string) {
		for i := range n {
			out = append(out, fmt.Sprintf(form, i))
		}
		return out
	}
	every := func(bits int) (out []string) { // of IPv4, in ranges of a length
		for i := range 1 << bits {
			out = append(out, netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(i << (8 - bits)), 0, 0, 0}), bits).String())
		}
		return out
	}
	for name, c := range map[string]struct{ ranges, wide []string }{
		"everybody":                    {[]string{"0.0.0.0/0"}, []string{"0.0.0.0/0"}},
		"everybody by another address": {[]string{"52.1.2.3/0"}, []string{"0.0.0.0/0"}},
		"two halves":                   {[]string{"0.0.0.0/1", "128.0.0.0/1"}, []string{"0.0.0.0/1", "128.0.0.0/1"}},
		"one half":                     {[]string{"128.0.0.0/1"}, []string{"128.0.0.0/1"}},
		"four quarters":                {every(2), every(2)},
		"256 ranges, two private": {
			every(8), slices.DeleteFunc(every(8), func(s string) bool { return s == "10.0.0.0/8" })},
		"257 of 65,536": {pieces("52.%d.0.0/16", 256), nil},
		"one more": {append(pieces("52.%d.0.0/16", 256), "53.0.0.0/16"),
			append(pieces("52.%d.0.0/16", 256), "53.0.0.0/16")},
		"an office beside everybody": {[]string{"198.51.100.0/24", "0.0.0.0/0", "10.0.0.0/8"}, []string{"0.0.0.0/0"}},
		"one range twice":            {[]string{"9.0.0.0/8", "9.0.0.0/8", "9.1.0.0/16"}, nil},
		"all private": {[]string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10",
			"fc00::/7", "fe80::/10"}, nil},
		"a private one and its like":  {[]string{"10.0.0.0/7"}, nil},
		"a private one in a wide one": {[]string{"8.0.0.0/5", "10.0.0.0/8"}, []string{"8.0.0.0/5"}},
		"everybody in IPv6":           {[]string{"::/0", "2600:1f00::/24"}, []string{"::/0"}},
		"halves in IPv6":              {[]string{"::/1", "8000::/1"}, []string{"::/1", "8000::/1"}},
		"what is in use of IPv6":      {[]string{"2000::/3"}, []string{"2000::/3"}},
		"a provider in IPv6":          {[]string{"2600:1f00::/24", "2a05:d000::/25", "2001:db8::/128"}, nil},
		"everybody as IPv6":           {[]string{"::ffff:0.0.0.0/96"}, []string{"::ffff:0.0.0.0/96"}},
		"halves as IPv6": {[]string{"::ffff:0.0.0.0/97", "128.0.0.0/1"},
			[]string{"::ffff:0.0.0.0/97", "128.0.0.0/1"}},
		"nobody": {nil, nil},
	} {
		var ranges []netip.Prefix
		for _, text := range c.ranges {
			ranges = append(ranges, netip.MustParsePrefix(text))
		}
		var got []string
		for _, p := range Wide(ranges) {
			got = append(got, p.String())
		}
		slices.Sort(got)
		slices.Sort(c.wide)
		if !slices.Equal(got, c.wide) {
			t.Errorf("%s: %d wide, want %d: %s", name, len(got), len(c.wide), strings.Join(got[:min(len(got), 5)], " "))
		}
	}
}

func TestPortsAtWhichTargetsListen(t *testing.T) {
	t.Parallel()
	l := Listening{Ports: []int32{8080, 8443}, Health: 9000}
	of := func(protocol string, from, to int32) stack.Permission {
		return stack.Permission{Protocol: protocol, FromPort: from, ToPort: to, CIDR: "10.0.0.0/8"}
	}
	for name, c := range map[string]struct{ asked, within, beyond []stack.Permission }{
		"a port of targets": {[]stack.Permission{of("tcp", 8080, 8080)}, []stack.Permission{of("tcp", 8080, 8080)},
			nil},
		"another one": {[]stack.Permission{of("tcp", 22, 22), of("tcp", 8443, 8443)}, []stack.Permission{
			of("tcp", 8443, 8443)}, []stack.Permission{of("tcp", 22, 22)}},
		"that of health checks": {[]stack.Permission{of("tcp", 9000, 9000)}, []stack.Permission{of("tcp", 9000, 9000)},
			nil},
		"health checks are TCP": {[]stack.Permission{of("udp", 9000, 9000)}, nil, []stack.Permission{
			of("udp", 9000, 9000)}},
		"all ports": {[]stack.Permission{of("tcp", 0, 65535)}, []stack.Permission{of("tcp", 8080, 8080),
			of("tcp", 8443, 8443), of("tcp", 9000, 9000)}, nil},
		"all ports of UDP": {[]stack.Permission{of("udp", 0, 65535)}, []stack.Permission{of("udp", 8080, 8080),
			of("udp", 8443, 8443)}, nil},
		"the first port is not a set": {[]stack.Permission{of("tcp", 0, 0)}, nil, []stack.Permission{of("tcp", 0, 0)}},
	} {
		within, beyond := l.Limit(c.asked)
		if !slices.Equal(within, c.within) || !slices.Equal(beyond, c.beyond) {
			t.Errorf("%s: %v and %v", name, within, beyond)
		}
	}
}
