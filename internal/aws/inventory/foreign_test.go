package inventory_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// foreign is an inventory that has listed a number of load balancers of others, with a target group each. It tells whom
// it wakes.
func (f *fixture) foreign(balancers int) (arns []string, woken func() []stack.Key) {
	f.Helper()
	for n := range balancers {
		lb, _ := f.balancer(fmt.Sprintf("other%03d", n), map[string]string{"team": "data"})
		arns = append(arns, lb)
	}
	var keys []stack.Key
	f.inv = inventory.New(awsclient.Clients{ELBV2: f.sim.Balancing, EC2: f.sim.Compute, ACM: f.sim.Trust,
		STS: f.sim.Identity},
		inventory.Config{Cluster: cluster, VPC: vpc, Now: f.clock.Now, AddOnTimeout: time.Minute,
			Freed: func(k []stack.Key) {
				keys = append(keys, k...)
			}})
	if err := f.inv.Load(f.Context()); err != nil {
		f.Fatal(err)
	}
	return arns, func() []stack.Key { return keys }
}

// tag has somebody else write the tags of a load balancer.
func (f *fixture) tag(arn string, tags map[string]string) {
	f.Helper()
	var ts []elbv2types.Tag
	for k, v := range tags {
		ts = append(ts, elbv2types.Tag{Key: aws.String(k), Value: aws.String(v)})
	}
	if _, err := f.sim.Balancing.AddTags(f.Context(), &elbv2.AddTagsInput{ResourceArns: []string{arn}, Tags: ts}); err !=
		nil {
		f.Fatal(err)
	}
}

func TestTaggedLoadBalancerIsFoundInBackground(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	arns, woken := f.foreign(30)
	web := key(stack.Ingress, "web")
	f.tag(arns[7], tracking("web"))
	f.reads()
	if read, err := f.inv.RereadTags(t.Context()); read || err != nil || len(f.reads()) > 0 {
		t.Errorf("tags that were just read are read again: %v, %v", read, err)
	}
	f.clock.Advance(2 * time.Hour)
	calls := 0
	for read := true; read; calls++ {
		var err error
		if read, err = f.inv.RereadTags(t.Context()); err != nil || calls > 10 {
			t.Fatal(calls, err)
		}
	}
	if got := f.reads(); len(got) != 1 || got["DescribeTags"] != 3 { // thirty load balancers and as many target groups
		t.Errorf("calls %v", got)
	}
	if !slices.Equal(woken(), []stack.Key{web}) {
		t.Errorf("woken are %v", woken())
	}
	o, err := f.inv.Observed(t.Context(), web, nil)
	if err != nil || len(o.LoadBalancers) != 1 || o.LoadBalancers[0].ARN != arns[7] {
		t.Errorf("observed are %+v, %v", o.LoadBalancers, err)
	}
	if got := f.reads(); got["DescribeLoadBalancers"] != 1 {
		t.Errorf("to know it, %v are called", got)
	}
}

func TestForeignResourcesAreReadAgainInBackground(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	arns, _ := f.foreign(30)
	kept := f.inv.Foreign()
	var woken []stack.Key
	f.inv = inventory.New(awsclient.Clients{ELBV2: f.sim.Balancing, EC2: f.sim.Compute, ACM: f.sim.Trust,
		STS: f.sim.Identity},
		inventory.Config{Cluster: cluster, VPC: vpc, Now: f.clock.Now, AddOnTimeout: time.Minute,
			Freed: func(keys []stack.Key) {
				woken = append(woken, keys...)
			}})
	f.inv.Assume(inventory.Kept{Foreign: kept, Since: f.clock.Now()})
	f.reads()
	if err := f.inv.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := f.reads(); got["DescribeTags"] > 0 {
		t.Errorf("calls %v", got)
	}
	f.tag(arns[7], tracking("web"))
	f.clock.Advance(2 * time.Hour)
	for read := true; read; {
		var err error
		if read, err = f.inv.RereadTags(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if web := key(stack.Ingress, "web"); !slices.Equal(woken, []stack.Key{web}) || len(f.listed(web).LoadBalancers) != 1 {
		t.Errorf("woken are %v", woken)
	}
}

func TestBeforeALoadBalancerIsCreatedTheTagsOfOthersAreReadAgain(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	arns, _ := f.foreign(45)
	web := key(stack.Ingress, "web")
	if o, err := f.inv.Observed(t.Context(), web, nil); err != nil || len(o.LoadBalancers) > 0 {
		t.Fatalf("%+v, %v", o, err)
	}
	f.clock.Advance(11 * time.Minute)
	f.tag(arns[7], tracking("web"))
	f.reads()
	news, err := f.inv.ConfirmAbsence(t.Context(), web)
	if got := f.reads()["DescribeTags"]; !news || err != nil || got != 3 {
		t.Errorf("news %v, %v, after %d calls for tags", news, err, got)
	}
	o, err := f.inv.Observed(t.Context(), web, nil)
	if err != nil || len(o.LoadBalancers) != 1 || o.LoadBalancers[0].ARN != arns[7] {
		t.Errorf("observed are %+v, %v", o.LoadBalancers, err)
	}
}
