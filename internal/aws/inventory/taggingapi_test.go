package inventory_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// populate makes target groups: ten stacks of the cluster's with twelve each, a foreign cluster's and some without
// tags. It returns their ARNs.
func (f *fixture) populate(of string) (arns []string) {
	f.Helper()
	for n := range 180 {
		in := &elbv2.CreateTargetGroupInput{Name: aws.String(fmt.Sprintf("%s-%d", of, n)), Protocol: "HTTP",
			Port: aws.Int32(80), VpcId: aws.String(vpc), TargetType: "ip"}
		name := cluster
		if n >= 120 {
			name = "another-cluster"
		}
		if n < 150 {
			for k, v := range map[string]string{"elbv2.k8s.aws/cluster": name, "service.k8s.aws/stack": fmt.Sprintf("shop/%s-%d",
				of, n%10), "service.k8s.aws/resource": fmt.Sprintf("shop/s:%d", n)} {
				in.Tags = append(in.Tags, elbv2types.Tag{Key: aws.String(k), Value: aws.String(v)})
			}
		}
		out, err := f.sim.Balancing.CreateTargetGroup(f.Context(), in)
		if err != nil {
			f.Fatal(err)
		}
		arns = append(arns, aws.ToString(out.TargetGroups[0].TargetGroupArn))
	}
	return arns
}

// inventories are a new one that reads tags by DescribeTags, and one that has the tagging API.
func (f *fixture) inventories() (plain, indexed *inventory.Inventory) {
	clients := awsclient.Clients{ELBV2: f.sim.Balancing, EC2: f.sim.Compute, ACM: f.sim.Trust, STS: f.sim.Identity,
		WAFv2: f.sim.Firewall, Shield: f.sim.Shield, Tagging: f.sim.Tagging}
	cfg := f.config()
	plain = inventory.New(clients, cfg)
	cfg.TaggingAPI = true
	return plain, inventory.New(clients, cfg)
}

// everyStack is what an inventory knows of each stack.
func (f *fixture) everyStack(i *inventory.Inventory) map[stack.Key]awsop.Observed {
	f.Helper()
	keys, err := i.Keys(f.Context())
	if err != nil {
		f.Fatal(err)
	}
	out := map[stack.Key]awsop.Observed{}
	for _, k := range keys {
		out[k] = i.Listed(k)
	}
	return out
}

// TestTagsByTheTaggingAPIAreThoseOfDescribeTags compares both over an account in steady state, with an index that lacks
// what is new, and with pages of one resource.
func TestTagsByTheTaggingAPIAreThoseOfDescribeTags(t *testing.T) {
	t.Parallel()
	f := newFixtureWith(t, account.Profile{TagIndex: time.Minute})
	f.populate("old")
	f.clock.Advance(2 * time.Minute)
	for _, c := range []struct {
		name    string
		before  func()
		pages   int // of GetResources
		batches int // of DescribeTags, by the tagging API
	}{
		{"in steady state", func() {}, 2, 2}, // thirty without tags
		{"while the index lacks what is new", func() { f.populate("new") }, 2, 11},
		{"when it has caught up", func() { f.clock.Advance(2 * time.Minute) }, 3, 3},
		{"in small pages", func() {
			f.sim.Account.Lock()
			defer f.sim.Account.Unlock()
			f.sim.Account.Trouble.PageSize = 25
		}, 12, 3},
	} {
		c.before()
		plain, indexed := f.inventories()
		f.reads()
		want := f.everyStack(plain)
		usual := f.reads()
		got := f.everyStack(indexed)
		calls := f.reads()
		if len(want) < 10 || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %d stacks by the tagging API, %d by DescribeTags, and they are not equal", c.name, len(got), len(want))
		}
		if calls["GetResources"] != c.pages || calls["DescribeTags"] != c.batches || usual["GetResources"] != 0 {
			t.Errorf("%s: %d pages and %d batches, instead of %d batches", c.name, calls["GetResources"], calls["DescribeTags"],
				usual["DescribeTags"])
		}
	}
}

func TestADeniedTaggingAPIIsReplacedByDescribeTags(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.populate("old")
	if _, err := f.sim.Gate.AddFault(gate.Fault{Action: "GetResources", Code: "AccessDeniedException", Status: 400,
		Message: "User is not authorized to perform: tag:GetResources"}); err != nil {
		t.Fatal(err)
	}
	plain, indexed := f.inventories()
	if got, want := f.everyStack(indexed), f.everyStack(plain); !reflect.DeepEqual(got, want) {
		t.Errorf("%d stacks, want %d", len(got), len(want))
	}
	if calls := f.reads(); calls["GetResources"] != 1 || calls["DescribeTags"] != 2*9 {
		t.Errorf("calls %v", calls)
	}
}

// TestAStaleIndexDoesNotUndoWhatThisProcessHasRead has a stack read again whose tags were changed before the index
// noticed.
func TestAStaleIndexDoesNotUndoWhatThisProcessHasRead(t *testing.T) {
	t.Parallel()
	f := newFixtureWith(t, account.Profile{TagIndex: time.Hour})
	arns := f.populate("old")
	f.clock.Advance(2 * time.Hour)
	_, indexed := f.inventories()
	before := f.everyStack(indexed)
	if _, err := f.sim.Balancing.AddTags(t.Context(), &elbv2.AddTagsInput{ResourceArns: arns[:1], Tags: []elbv2types.Tag{
		{Key: aws.String("team"), Value: aws.String("blue")}}}); err != nil {
		t.Fatal(err)
	}
	for k := range before {
		indexed.Invalidate(k)
	}
	after, err := indexed.Observed(t.Context(), stack.Key{Owner: stack.Service, ID: stack.ID{
		Namespace: "shop", Name: "old-0"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if tg := after.TargetGroup(arns[0]); tg == nil || tg.Tags["team"] != "blue" {
		t.Errorf("%+v", tg)
	}
}
