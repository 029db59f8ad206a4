package inventory_test

import (
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// TestWhatTheFirstListingMissedWakesItsStack has a former process make a load balancer a moment before the first
// listing.
func TestWhatTheFirstListingMissedWakesItsStack(t *testing.T) {
	t.Parallel()
	web := key(stack.Ingress, "web")
	for name, c := range map[string]struct {
		known   bool                   // the stack was asked for before
		written bool                   // and something of it is written while the second listing is made
		list    func(f *fixture) error // the listing that shows it
	}{
		"a stack that a pass was made over":             {known: true},
		"a stack that nobody asked for":                 {},
		"a stack that is written to while it is listed": {known: true, written: true},
		"a listing that another stack calls for": {known: true, list: func(f *fixture) error {
			f.inv.Invalidate(key(stack.Ingress, "other"))
			return f.observe("other")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixtureWith(t, lagging())
			late := &lateGroups{EC2: f.sim.Compute}
			var woken []stack.Key
			f.inv = inventory.New(awsclient.Clients{ELBV2: f.sim.Balancing, EC2: late, ACM: f.sim.Trust, STS: f.sim.Identity},
				inventory.Config{Cluster: cluster, VPC: vpc, Now: f.clock.Now, AddOnTimeout: time.Minute,
					Freed: func(keys []stack.Key) {
						woken = append(woken, keys...)
					}})
			f.balancer("web", tracking("web"))
			if err := f.inv.Load(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, other := range []string{"web", "other"} {
				if c.known {
					if err := f.observe(other); err != nil {
						t.Fatal(err)
					}
				}
			}
			f.clock.Advance(time.Minute)
			if c.written {
				late.meanwhile = func() { f.inv.Record(web, awsop.AddTags{}, awsop.Output{}, literally) }
			}
			list := c.list
			if list == nil {
				list = func(f *fixture) error { return f.inv.ListAgain(t.Context()) }
			}
			if err := list(f); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(woken, []stack.Key{web}) {
				t.Errorf("woken are %v", woken)
			}
			if o := f.listed(web); len(o.LoadBalancers) != 1 || len(o.TargetGroups) != 1 {
				t.Errorf("observed are %d load balancers and %d target groups", len(o.LoadBalancers), len(o.TargetGroups))
			}
			f.reads()
			if err := f.inv.ListAgain(t.Context()); err != nil || len(f.reads()) > 0 || len(woken) != 1 {
				t.Errorf("what is known is listed again: %v, woken are %v", err, woken)
			}
		})
	}
}

func TestWhatThisProcessDeletesWhileItIsListedWakesNoStack(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	web := key(stack.Ingress, "web")
	lb, tg := f.balancer("web", tracking("web"))
	out, err := f.sim.Compute.CreateSecurityGroup(t.Context(), &ec2.CreateSecurityGroupInput{
		GroupName: aws.String("web"), Description: aws.String("d"), VpcId: aws.String(vpc),
		TagSpecifications: []ec2types.TagSpecification{{ResourceType: ec2types.ResourceTypeSecurityGroup,
			Tags: []ec2types.Tag{
				{Key: aws.String("elbv2.k8s.aws/cluster"), Value: aws.String(cluster)}, {Key: aws.String("ingress.k8s.aws/stack"),
					Value: aws.String("shop/web")},
				{Key: aws.String("ingress.k8s.aws/resource"), Value: aws.String("ManagedLBSecurityGroup")}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	late := &lateGroups{EC2: f.sim.Compute}
	var woken []stack.Key
	f.inv = inventory.New(awsclient.Clients{ELBV2: f.sim.Balancing, EC2: late, ACM: f.sim.Trust, STS: f.sim.Identity},
		inventory.Config{Cluster: cluster, VPC: vpc, Now: f.clock.Now, AddOnTimeout: time.Minute,
			Freed: func(keys []stack.Key) {
				woken = append(woken, keys...)
			}})
	if o := f.listed(web); len(o.LoadBalancers)+len(o.TargetGroups)+len(o.SecurityGroups) != 3 {
		t.Fatalf("observed are %+v", o)
	}
	late.meanwhile = func() {
		for _, op := range []plan.Operation{
			awsop.DeleteLoadBalancer{LoadBalancer: stack.Literal(stack.KindLoadBalancer, lb)}, awsop.DeleteTargetGroup{
				TargetGroup: stack.Literal(stack.KindTargetGroup, tg)},
			awsop.DeleteSecurityGroup{Group: stack.Literal(stack.KindSecurityGroup, *out.GroupId)},
		} {
			f.inv.Record(web, op, awsop.Output{}, literally)
		}
	}
	f.clock.Advance(time.Minute)
	if err := f.inv.ListAgain(t.Context()); err != nil || len(woken) > 0 {
		t.Errorf("%v, woken are %v", err, woken)
	}
	if o := f.listed(web); len(o.LoadBalancers)+len(o.TargetGroups)+len(o.SecurityGroups) != 0 {
		t.Errorf("observed are %+v", o)
	}
	f.reads()
	if gone, _, err := f.inv.ProveAbsence(t.Context(), web, f.clock.Now().Add(-time.Hour)); !gone.Proven() ||
		err != nil || len(f.reads()) > 0 {
		t.Errorf("that listing is no proof: %q, %v", gone, err)
	}
}

// observe asks for a stack.
func (f *fixture) observe(name string) error {
	_, err := f.inv.Observed(f.Context(), key(stack.Ingress, name), nil)
	return err
}
