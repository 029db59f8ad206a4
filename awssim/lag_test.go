package awssim

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/clock"
)

// believer is a controller that believes what it reads: what Describe calls do not show it creates, and after an error
// it tries again soon and then ever later. AWS has no other words for its mistakes than those of duplicates.
type believer struct {
	*Simulator
	refused map[string]int
}

var ports = []int32{80, 443}

// pass brings the security group of a load balancer to what it should be.
func (b *believer) pass(name string) error {
	ctx := context.Background()
	filter := ec2types.Filter{Name: aws.String("tag:balancer"), Values: []string{name}}
	found, err := b.Compute.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{
		Filters: []ec2types.Filter{filter}})
	if err != nil {
		return err
	}
	group := ec2types.SecurityGroup{}
	if len(found.SecurityGroups) > 0 {
		group = found.SecurityGroups[0]
	} else {
		tags := []ec2types.TagSpecification{
			{ResourceType: "security-group", Tags: []ec2types.Tag{{Key: aws.String("balancer"), Value: &name}}}}
		made, err := b.Compute.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{GroupName: &name, Description: &name,
			VpcId: aws.String(b.Seed().VPC.ID), TagSpecifications: tags})
		if err != nil {
			return err
		}
		group.GroupId = made.GroupId
	}
	for _, port := range ports {
		if slices.ContainsFunc(group.IpPermissions, func(p ec2types.IpPermission) bool { return *p.FromPort == port }) {
			continue
		}
		_, err := b.Compute.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: group.GroupId,
			IpPermissions: []ec2types.IpPermission{{
				IpProtocol: aws.String("tcp"), FromPort: &port, ToPort: &port, IpRanges: []ec2types.IpRange{
					{CidrIp: aws.String("0.0.0.0/0")}},
			}}})
		if err != nil {
			return err
		}
	}
	return nil
}

// refusals are how many calls of a believer are refused, by code, while it makes n load balancers. Besides passes after
// errors there are some that changes of other objects cause.
func refusals(t *testing.T, chance float64, seed uint64, n int) map[string]int {
	t.Helper()
	c := clock.NewStepped(time.Unix(1_700_000_000, 0))
	p := account.Real()
	p.LagChance = chance
	sim, err := New(Options{Clock: c, Profile: p, Random: seed})
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	b := &believer{sim, map[string]int{}}
	for i := range n {
		name := fmt.Sprint("web", i)
		// of other objects' changes
		for _, pause := range []time.Duration{0, 20 * time.Millisecond, 100 * time.Millisecond, 500 * time.Millisecond,
			2 * time.Second} {
			c.Advance(pause)
			errs := 0
			for err := b.pass(name); err != nil; err = b.pass(name) {
				b.refused[apierr.CodeOf(err)]++
				c.Advance(5 * time.Millisecond << min(errs, 10))
				errs++
			}
		}
	}
	if len(sim.Account.SecurityGroups) != n+len(sim.Seed().SecurityGroups)+1 { // the VPC has one of its own
		t.Errorf("%d security groups", len(sim.Account.SecurityGroups))
	}
	return b.refused
}

// An existing controller met 21 duplicate groups and 65 duplicate rules with three load balancers, when each read
// missed each write. Those of AWS's reads that do are few.
func TestAControllerThatBelievesItsReadsMeetsFewDuplicates(t *testing.T) {
	t.Parallel()
	const runs, balancers = 200, 3
	all, clean := map[string]int{}, 0
	for seed := range uint64(runs) {
		sum := 0
		for c, n := range refusals(t, account.DefaultLagChance, seed+1, balancers) {
			all[c] += n
			sum += n
		}
		if sum == 0 {
			clean++
		}
	}
	always := refusals(t, 0, 1, balancers)
	t.Logf("refused in %d runs: %v, nothing in %d of them; while every read lags, in one: %v", runs, all, clean, always)
	if clean < runs/2 {
		t.Errorf("%d of %d runs had no refusal, want half of them at least", clean, runs)
	}
	for _, c := range []string{"InvalidGroup.Duplicate", "InvalidPermission.Duplicate"} {
		if mean := float64(all[c]) / runs; mean > 2 {
			t.Errorf("%s: %.1f in a run of %d load balancers, want 2 at most", c, mean, balancers)
		}
		if all[c] == 0 {
			t.Errorf("%s: never, as if no read lagged", c)
		}
		if always[c] < 20 {
			t.Errorf("%s: %d while every read lags, want 20 or more: this client would not notice", c, always[c])
		}
	}
}
