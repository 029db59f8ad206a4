package ec2

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"pgregory.net/rapid"

	"github.com/k8s-lbc/lbc/awssim/account/vpc"
)

// drawPermission makes one permission for one peer out of a small world, so that collisions are frequent.
func drawPermission(t *rapid.T) types.IpPermission {
	p := types.IpPermission{IpProtocol: aws.String(rapid.SampledFrom([]string{"tcp", "6", "udp", "-1", "icmp"}).Draw(t, "protocol"))}
	from := rapid.Int32Range(1, 3).Draw(t, "from")
	p.FromPort, p.ToPort = aws.Int32(from), aws.Int32(from+rapid.Int32Range(0, 1).Draw(t, "width"))
	switch rapid.IntRange(0, 2).Draw(t, "peer") {
	case 0:
		p.IpRanges = []types.IpRange{{CidrIp: aws.String(fmt.Sprintf("10.0.0.%d/%d", rapid.IntRange(0, 3).Draw(t, "host"), rapid.SampledFrom([]int{8, 31, 32}).Draw(t, "bits")))}}
	case 1:
		p.Ipv6Ranges = []types.Ipv6Range{{CidrIpv6: aws.String(rapid.SampledFrom([]string{"::/0", "2001:db8::1/64"}).Draw(t, "block"))}}
	default:
		p.UserIdGroupPairs = []types.UserIdGroupPair{{GroupId: aws.String(rapid.SampledFrom([]string{nodeGroup, webGroup}).Draw(t, "group"))}}
	}
	return p
}

func keyOf(t *rapid.T, p types.IpPermission) vpc.PermissionKey {
	parsed, err := parsePermissions([]types.IpPermission{p})
	if err != nil || len(parsed) != 1 {
		t.Fatalf("parse %+v: %v, %v", p, parsed, err)
	}
	return parsed[0].PermissionKey
}

func TestAGroupHoldsExactlyWhatWasAuthorisedAndNotRevoked(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		s := newService(t)
		g := newGroup(t, s, "g")
		model := map[vpc.PermissionKey]bool{}
		for range rapid.IntRange(1, 30).Draw(rt, "steps") {
			p := drawPermission(rt)
			key := keyOf(rt, p)
			if rapid.Bool().Draw(rt, "authorize") {
				if err := authorize(s, g, p); (err == nil) == model[key] {
					rt.Fatalf("authorize %v: %v, present %v", key, err, model[key])
				}
				model[key] = true
			} else {
				if err := revoke(s, g, p); (err == nil) != model[key] {
					rt.Fatalf("revoke %v: %v, present %v", key, err, model[key])
				}
				delete(model, key)
			}
		}
		described := describeGroup(t, s, g).IpPermissions
		var shown []vpc.Permission
		if len(described) > 0 {
			var err error
			if shown, err = parsePermissions(described); err != nil {
				rt.Fatalf("what is described cannot be given back: %v", err)
			}
		}
		if len(shown) != len(model) {
			rt.Fatalf("described %d permissions, want %d", len(shown), len(model))
		}
		for _, p := range shown {
			if !model[p.PermissionKey] {
				rt.Fatalf("described %v, which was not authorised", p.PermissionKey)
			}
		}
		if len(described) > 0 {
			if err := revoke(s, g, described...); err != nil { // as read, so removed
				rt.Fatal(err)
			}
		}
	})
}

func TestWildcardsMeanWhatTheirRegularExpressionsMean(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		pattern := rapid.StringOfN(rapid.RuneFrom([]rune(`ab*?\`)), 0, 8, -1).Draw(rt, "pattern")
		text := rapid.StringOfN(rapid.RuneFrom([]rune(`ab*?\`)), 0, 8, -1).Draw(rt, "text")
		var b strings.Builder
		b.WriteString(`^(?s)`)
		runes := []rune(pattern)
		for i := 0; i < len(runes); i++ {
			switch {
			case runes[i] == '\\' && i+1 < len(runes):
				i++
				b.WriteString(regexp.QuoteMeta(string(runes[i])))
			case runes[i] == '*':
				b.WriteString(`.*`)
			case runes[i] == '?':
				b.WriteString(`.`)
			default:
				b.WriteString(regexp.QuoteMeta(string(runes[i])))
			}
		}
		b.WriteString(`$`)
		if got, want := parseGlob(pattern).matches(text), regexp.MustCompile(b.String()).MatchString(text); got != want {
			rt.Fatalf("pattern %q on %q: %v, want %v", pattern, text, got, want)
		}
	})
}

func TestAddressesBelongToOneInterfaceEachAndAreCounted(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		a := newService(t).account
		subnet := a.Subnets[subnetA]
		free := subnet.AvailableIPs()
		var made []string
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			switch op := rapid.IntRange(0, 3).Draw(rt, "op"); {
			case op == 0 || len(made) == 0:
				n, err := a.NewInterface(subnetA, []string{nodeGroup}, "x", false)
				if err != nil {
					rt.Fatal(err)
				}
				made = append(made, n.ID)
			case op == 1:
				addr := netip.AddrFrom4([4]byte{10, 0, 128, byte(rapid.IntRange(0, 20).Draw(rt, "host"))})
				_, _ = a.AssignAddress(rapid.SampledFrom(made).Draw(rt, "eni"), addr) // may be refused
			case op == 2:
				if _, err := a.AssignPrefix(rapid.SampledFrom(made).Draw(rt, "eni")); err != nil {
					rt.Fatal(err)
				}
			default:
				i := rapid.IntRange(0, len(made)-1).Draw(rt, "eni")
				if err := a.DeleteInterface(made[i]); err != nil {
					rt.Fatal(err)
				}
				made = slices.Delete(made, i, i+1)
			}
		}
		held := map[netip.Addr]string{}
		for _, id := range made {
			n := a.Interfaces[id]
			all := []netip.Addr{}
			for _, p := range n.Addresses {
				all = append(all, p.Addr)
			}
			for _, p := range n.Prefixes {
				for addr := p.Addr(); p.Contains(addr); addr = addr.Next() {
					all = append(all, addr)
				}
			}
			for _, addr := range all {
				if other, ok := held[addr]; ok {
					rt.Fatalf("%s belongs to %s and %s", addr, other, id)
				}
				held[addr] = id
				if got, ok := a.InterfaceAt(vpcID, addr); !ok || got != n {
					rt.Fatalf("%s does not lead to %s", addr, id)
				}
			}
		}
		if got := free - subnet.AvailableIPs(); int(got) != len(held) {
			rt.Fatalf("%d addresses are counted, %d held", got, len(held))
		}
	})
}
