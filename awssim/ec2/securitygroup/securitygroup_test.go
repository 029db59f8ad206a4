package securitygroup

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"pgregory.net/rapid"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/vpc"
	"github.com/k8s-lbc/lbc/awssim/call"
	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/awssim/seed"
)

// peers are groups of the built-in account.
var peers = []string{"sg-0a1de000000000001", "sg-0a1de000000000002"}

// drawPermission makes one permission for one peer out of a small world, so that collisions are frequent.
func drawPermission(t *rapid.T) types.IpPermission {
	p := types.IpPermission{IpProtocol: aws.String(rapid.SampledFrom([]string{"tcp", "6", "udp", "-1", "icmp"}).Draw(
		t, "protocol"))}
	from := rapid.Int32Range(1, 3).Draw(t, "from")
	p.FromPort, p.ToPort = aws.Int32(from), aws.Int32(from+rapid.Int32Range(0, 1).Draw(t, "width"))
	switch rapid.IntRange(0, 2).Draw(t, "peer") {
	case 0:
		p.IpRanges = []types.IpRange{
			{CidrIp: aws.String(fmt.Sprintf("10.0.0.%d/%d", rapid.IntRange(0, 3).Draw(t, "host"),
				rapid.SampledFrom([]int{8, 31, 32}).Draw(t, "bits")))}}
	case 1:
		p.Ipv6Ranges = []types.Ipv6Range{
			{CidrIpv6: aws.String(rapid.SampledFrom([]string{"::/0", "2001:db8::1/64"}).Draw(t, "block"))}}
	default:
		p.UserIdGroupPairs = []types.UserIdGroupPair{{GroupId: aws.String(rapid.SampledFrom(peers).Draw(t, "group"))}}
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

// held is a security group of the built-in account under test.
type held struct {
	*SecurityGroups
	id *string
}

func newGroup(t *rapid.T) held {
	a := &account.Account{Clock: clock.NewStepped(time.Unix(1_700_000_000, 0)), Profile: account.Instant()}
	if err := seed.Default().Apply(a); err != nil {
		t.Fatal(err)
	}
	s := New(call.Entry{Account: a})
	out, err := s.CreateSecurityGroup(context.Background(), &ec2.CreateSecurityGroupInput{
		GroupName: aws.String("g"), Description: aws.String("test"), VpcId: aws.String("vpc-0a1de000000000001"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return held{s, out.GroupId}
}

func (g held) authorize(p types.IpPermission) error {
	_, err := g.AuthorizeSecurityGroupIngress(context.Background(), &ec2.AuthorizeSecurityGroupIngressInput{
		GroupId: g.id, IpPermissions: []types.IpPermission{p}})
	return err
}

func (g held) revoke(list ...types.IpPermission) error {
	_, err := g.RevokeSecurityGroupIngress(context.Background(), &ec2.RevokeSecurityGroupIngressInput{
		GroupId: g.id, IpPermissions: list})
	return err
}

func (g held) permissions(t *rapid.T) []types.IpPermission {
	out, err := g.DescribeSecurityGroups(context.Background(), &ec2.DescribeSecurityGroupsInput{GroupIds: []string{*g.id}})
	if err != nil || len(out.SecurityGroups) != 1 {
		t.Fatalf("describe %s: %v, %v", *g.id, out, err)
	}
	return out.SecurityGroups[0].IpPermissions
}

func TestAGroupHoldsExactlyWhatWasAuthorisedAndNotRevoked(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		g := newGroup(rt)
		model := map[vpc.PermissionKey]bool{}
		for range rapid.IntRange(1, 30).Draw(rt, "steps") {
			p := drawPermission(rt)
			key := keyOf(rt, p)
			if rapid.Bool().Draw(rt, "authorize") {
				if err := g.authorize(p); (err == nil) == model[key] {
					rt.Fatalf("authorize %v: %v, present %v", key, err, model[key])
				}
				model[key] = true
			} else {
				if err := g.revoke(p); (err == nil) != model[key] {
					rt.Fatalf("revoke %v: %v, present %v", key, err, model[key])
				}
				delete(model, key)
			}
		}
		described := g.permissions(rt)
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
			if err := g.revoke(described...); err != nil { // as read, so removed
				rt.Fatal(err)
			}
		}
	})
}
