package inventory_test

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/facts"
	"github.com/k8s-lbc/lbc/internal/inventory"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// lateGroups lets something happen between a listing of security groups and the arrival of the answer.
type lateGroups struct {
	cloud.EC2
	meanwhile func()
}

func (l *lateGroups) DescribeSecurityGroups(ctx context.Context, in *ec2.DescribeSecurityGroupsInput, o ...func(*ec2.Options)) (*ec2.DescribeSecurityGroupsOutput, error) {
	out, err := l.EC2.DescribeSecurityGroups(ctx, in, o...)
	if f := l.meanwhile; len(in.GroupIds) == 0 && f != nil {
		l.meanwhile = nil
		f()
	}
	return out, err
}

// listGroups lists the groups of the VPC anew, and returns them; something happens before the answer arrives.
func (f *fixture) listGroups(l *lateGroups, meanwhile func()) map[string]facts.SecurityGroup {
	f.Helper()
	l.meanwhile = meanwhile
	f.inv.InvalidateFacts(facts.Need{Kind: facts.NeedSecurityGroups})
	return f.answer(facts.Need{Kind: facts.NeedSecurityGroups}).SecurityGroups
}

func (f *fixture) late() *lateGroups {
	f.Helper()
	l := &lateGroups{EC2: f.sim.Compute}
	f.inv = inventory.New(cloud.Clients{ELBV2: f.sim.Balancing, EC2: l, ACM: f.sim.Trust, STS: f.sim.Identity},
		inventory.Config{Cluster: cluster, VPC: vpc, Now: f.clock.Now})
	if err := f.inv.Load(f.Context()); err != nil {
		f.Fatal(err)
	}
	return l
}

func literally(r stack.Ref) string { return r.Literal }

func TestAListingThatBeganBeforeAGroupWasChangedDoesNotHideIt(t *testing.T) {
	t.Parallel()
	allow := []stack.Permission{{Protocol: "tcp", FromPort: 80, ToPort: 80, CIDR: "10.0.0.0/8"}}
	ref := stack.Literal(stack.KindSecurityGroup, nodeGroup)
	authorize := func(f *fixture) {
		if _, err := f.sim.Compute.AuthorizeSecurityGroupIngress(f.Context(), &ec2.AuthorizeSecurityGroupIngressInput{
			GroupId: aws.String(nodeGroup), IpPermissions: cloud.Permissions(allow, literally)}); err != nil {
			f.Fatal(err)
		}
		f.inv.Record(key(stack.Ingress, "web"), plan.AuthorizeIngress{Group: ref, Permissions: allow}, plan.Output{}, literally)
	}
	rules := func(f *fixture) int {
		ps, err := f.inv.GroupRules(f.Context(), nodeGroup)
		if err != nil {
			f.Fatal(err)
		}
		return len(ps)
	}
	for name, meanwhile := range map[string]func(f *fixture){
		"written": authorize,
		"written and read again": func(f *fixture) {
			authorize(f)
			f.inv.InvalidateGroup(nodeGroup)
			rules(f)
		},
	} {
		f := newFixture(t)
		l := f.late()
		before := rules(f)
		f.listGroups(l, func() { meanwhile(f) })
		if got := rules(f); got != before+1 {
			t.Errorf("%s: %d rules, want %d", name, got, before+1)
		}
	}
}

func TestAListingThatBeganBeforeAGroupWasDeletedDoesNotBringItBack(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	made, err := f.sim.Compute.CreateSecurityGroup(t.Context(), &ec2.CreateSecurityGroupInput{GroupName: aws.String("web"), Description: aws.String("d"), VpcId: aws.String(vpc),
		TagSpecifications: []ec2types.TagSpecification{{ResourceType: ec2types.ResourceTypeSecurityGroup, Tags: []ec2types.Tag{{Key: aws.String("Name"), Value: aws.String("web")}}}}})
	if err != nil {
		t.Fatal(err)
	}
	id := *made.GroupId
	l := f.late()
	groups := f.listGroups(l, func() {
		if _, err := f.sim.Compute.DeleteSecurityGroup(t.Context(), &ec2.DeleteSecurityGroupInput{GroupId: aws.String(id)}); err != nil {
			t.Error(err)
		}
		f.inv.Record(key(stack.Ingress, "web"), plan.DeleteSecurityGroup{Group: stack.Literal(stack.KindSecurityGroup, id)}, plan.Output{}, literally)
	})
	if _, there := groups[id]; there {
		t.Error("a group that was deleted is back")
	}
	if _, err := f.inv.GroupRules(t.Context(), id); err == nil || cloud.Classify(err).Code != cloud.CodeGroupNotFound {
		t.Errorf("reading its rules: %v", err)
	}
}
