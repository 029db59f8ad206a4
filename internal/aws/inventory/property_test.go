package inventory_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// meanwhile is what others do while AWS is being read: one thing before each call of a listing, and one before its
// answer arrives.
type meanwhile struct {
	mu   sync.Mutex
	todo []func()
}

func (m *meanwhile) next() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.todo) > 0 {
		f := m.todo[0]
		m.todo = m.todo[1:]
		f()
	}
}

type busyBalancing struct {
	awsclient.ELBV2
	m *meanwhile
}

func (b busyBalancing) DescribeLoadBalancers(ctx context.Context, in *elbv2.DescribeLoadBalancersInput,
	o ...func(*elbv2.Options)) (*elbv2.DescribeLoadBalancersOutput, error) {
	b.m.next()
	defer b.m.next()
	return b.ELBV2.DescribeLoadBalancers(ctx, in, o...)
}

func (b busyBalancing) DescribeTargetGroups(ctx context.Context, in *elbv2.DescribeTargetGroupsInput,
	o ...func(*elbv2.Options)) (*elbv2.DescribeTargetGroupsOutput, error) {
	b.m.next()
	defer b.m.next()
	return b.ELBV2.DescribeTargetGroups(ctx, in, o...)
}

func (b busyBalancing) DescribeTags(ctx context.Context, in *elbv2.DescribeTagsInput, o ...func(*elbv2.Options)) (
	*elbv2.DescribeTagsOutput, error) {
	b.m.next()
	defer b.m.next()
	return b.ELBV2.DescribeTags(ctx, in, o...)
}

type busyCompute struct {
	awsclient.EC2
	m *meanwhile
}

func (b busyCompute) DescribeSecurityGroups(ctx context.Context, in *ec2.DescribeSecurityGroupsInput,
	o ...func(*ec2.Options)) (*ec2.DescribeSecurityGroupsOutput, error) {
	b.m.next()
	defer b.m.next()
	return b.EC2.DescribeSecurityGroups(ctx, in, o...)
}

// busyAccount is an account that several stacks write to, and others too.
type busyAccount struct {
	*fixture
	raw awsclient.Clients
	n   int
	tgs map[stack.Key][]string
	sgs map[stack.Key][]string
}

func (a *busyAccount) tags(k stack.Key, id string) map[string]string {
	return map[string]string{"elbv2.k8s.aws/cluster": cluster, "ingress.k8s.aws/stack": k.ID.String(),
		"ingress.k8s.aws/resource": id}
}

// write sends an operation; told tells whether this process does it, or somebody else, after which the stack is to be
// read again.
func (a *busyAccount) write(k stack.Key, op plan.Operation, told bool) awsop.Output {
	out, err := awsclient.Write(context.Background(), a.raw, op, literally)
	if err != nil {
		a.Fatalf("%T: %v", op, err)
	}
	if told {
		a.inv.Record(k, op, out, literally)
	} else {
		a.inv.Invalidate(k)
		a.inv.InvalidateFacts(facts.Need{Kind: facts.NeedSecurityGroups})
	}
	return out
}

// change does one of the things that happen to a stack.
func (a *busyAccount) change(k stack.Key, what int, told bool) {
	a.n++
	name := fmt.Sprintf("x%d", a.n)
	tgs, sgs := a.tgs[k], a.sgs[k]
	group := func(id string) stack.Ref { return stack.Literal(stack.KindSecurityGroup, id) }
	target := func(arn string) stack.Ref { return stack.Literal(stack.KindTargetGroup, arn) }
	switch {
	case what == 0 && len(tgs) > 0:
		a.write(k, awsop.DeleteTargetGroup{TargetGroup: target(tgs[0])}, told)
		a.tgs[k] = tgs[1:]
	case what == 1 && len(sgs) > 0:
		a.write(k, awsop.DeleteSecurityGroup{Group: group(sgs[0])}, told)
		a.sgs[k] = sgs[1:]
	case what == 2 && len(tgs) > 0:
		a.write(k, awsop.AddTags{Resource: target(tgs[0]), Tags: map[string]string{"mark": name}}, told)
	case what == 3 && len(sgs) > 0:
		a.write(k, awsop.AuthorizeSecurityGroupIngress{Group: group(sgs[0]), Permissions: []stack.Permission{
			{Protocol: "tcp", FromPort: int32(a.n), ToPort: int32(a.n), CIDR: "10.0.0.0/8"}}}, told)
	case what == 4 && len(sgs) > 0:
		a.write(k, awsop.CreateTags{Group: group(sgs[0]), Tags: map[string]string{"mark": name}}, told)
	case what < 8:
		out := a.write(k, awsop.CreateTargetGroup{VPC: vpc, TargetGroup: stack.TargetGroup{ID: name, Name: name,
			TargetType: "ip", Port: 80, Protocol: "HTTP", ProtocolVersion: "HTTP1",
			IPAddressType: "ipv4", HealthCheck: stack.HealthCheck{Protocol: "HTTP", Port: "traffic-port", Path: "/",
				IntervalSeconds: 15, TimeoutSeconds: 5, HealthyThreshold: 2, UnhealthyThreshold: 2, Matcher: "200"},
			Tags: a.tags(k, name)}}, told)
		a.tgs[k] = append(a.tgs[k], out.ID)
	default:
		out := a.write(k, awsop.CreateSecurityGroup{VPC: vpc, Group: stack.SecurityGroup{ID: name, Name: name,
			Description: "d", Tags: a.tags(k, name)}}, told)
		a.sgs[k] = append(a.sgs[k], out.ID)
	}
}

func newBusyAccount(t *testing.T) (*busyAccount, *meanwhile) {
	t.Helper()
	f, m := newFixture(t), &meanwhile{}
	f.inv = inventory.New(awsclient.Clients{ELBV2: busyBalancing{f.sim.Balancing, m}, EC2: busyCompute{f.sim.Compute, m}},
		f.config())
	return &busyAccount{fixture: f, raw: awsclient.Clients{ELBV2: f.sim.Balancing, EC2: f.sim.Compute},
		tgs: map[stack.Key][]string{}, sgs: map[stack.Key][]string{}}, m
}

func TestTagsOfWhatIsNotKnownOfAStackYetAreReadAgainWithIt(t *testing.T) {
	t.Parallel()
	a, m := newBusyAccount(t)
	web, other := key(stack.Ingress, "web"), key(stack.Ingress, "other")
	look := func(k stack.Key) awsop.Observed { return must[awsop.Observed](t)(a.inv.Observed(t.Context(), k, nil)) }
	const create, tag = 5, 2
	look(web)
	look(other)
	a.inv.Invalidate(other)
	m.todo = []func(){func() { a.change(web, create, false) }} // which the listing for the other stack shows
	look(other)
	m.todo = []func(){func() { a.change(web, tag, false) }} // while the one for this stack is under way
	if o := look(web); len(o.TargetGroups) != 1 || o.TargetGroups[0].Tags["mark"] == "" {
		t.Errorf("%+v", o.TargetGroups)
	}
}

// shape is what is compared of an observation.
func shape(o awsop.Observed) map[string]any {
	out := map[string]any{}
	for _, tg := range o.TargetGroups {
		tg.Attributes = nil // which a listing does not tell
		out[tg.ARN] = tg.TargetGroup
	}
	for _, g := range o.SecurityGroups {
		slices.SortFunc(g.Ingress, func(a, b stack.Permission) int { return cmp.Compare(a.FromPort, b.FromPort) })
		out[g.GroupID] = g.SecurityGroup
	}
	return out
}

func TestWhateverHappensWhileTheAccountIsReadIsKnownInTheEnd(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		a, m := newBusyAccount(t)
		f := a.fixture
		var stacks []stack.Key
		for n := range 3 {
			k := key(stack.Ingress, fmt.Sprint("s", n))
			if _, err := f.inv.Observed(t.Context(), k, nil); err != nil {
				r.Fatal(err)
			}
			stacks = append(stacks, k)
		}
		one := rapid.IntRange(0, len(stacks)-1)
		what, told := rapid.IntRange(0, 9), rapid.Bool()
		for range rapid.IntRange(1, 8).Draw(r, "passes") {
			if rapid.Bool().Draw(r, "look for drift") { // beside whatever passes write
				m.todo = nil
				for range rapid.IntRange(0, 3).Draw(r, "meanwhile") {
					who, did, us := stacks[one.Draw(r, "stack")], what.Draw(r, "change"), told.Draw(r, "by us")
					m.todo = append(m.todo, func() { a.change(who, did, us) })
				}
				if _, err := f.inv.Reread(t.Context(), stacks[one.Draw(r, "look at")]); err != nil {
					r.Fatal(err)
				}
			}
			k := stacks[one.Draw(r, "pass over")]
			m.todo = nil
			for range rapid.IntRange(0, 8).Draw(r, "others") {
				who, did, us := stacks[one.Draw(r, "stack")], what.Draw(r, "change"), told.Draw(r, "by us")
				if us = us && who != k; us { // one pass over a stack at a time
					m.todo = append(m.todo, func() { a.change(who, did, true) })
				} else {
					m.todo = append(m.todo, func() { a.change(who, did, false) })
				}
			}
			if rapid.Bool().Draw(r, "changed by hand") {
				a.change(k, what.Draw(r, "by hand"), false)
			} else if rapid.Bool().Draw(r, "doubted") {
				f.inv.Invalidate(k)
			}
			if rapid.Bool().Draw(r, "another is doubted") { // by a pass that goes on writing
				f.inv.Invalidate(stacks[one.Draw(r, "the other")])
			}
			if _, err := f.inv.Observed(t.Context(), k, nil); err != nil {
				r.Fatal(err)
			}
			m.todo = nil
			f.inv.CheckTotals(t)
			for range rapid.IntRange(0, 3).Draw(r, "writes") {
				a.change(k, what.Draw(r, "write"), true)
			}
		}
		truth := inventory.New(a.raw, f.config())
		for _, k := range stacks {
			got, err := f.inv.Observed(t.Context(), k, nil)
			if err != nil {
				r.Fatal(err)
			}
			want, err := truth.Observed(t.Context(), k, nil)
			if err != nil {
				r.Fatal(err)
			}
			if diff := gocmp.Diff(shape(want), shape(got)); diff != "" {
				r.Fatalf("%s: %s", k, diff)
			}
		}
		all, err := f.inv.Answer(t.Context(), []facts.Need{{Kind: facts.NeedSecurityGroups}})
		if err != nil {
			r.Fatal(err)
		}
		right, err := truth.Answer(t.Context(), []facts.Need{{Kind: facts.NeedSecurityGroups}})
		if err != nil {
			r.Fatal(err)
		}
		if diff := gocmp.Diff(right.SecurityGroups, all.SecurityGroups); diff != "" {
			r.Fatal(diff)
		}
		for id := range right.SecurityGroups {
			got, err := f.inv.SecurityGroups().Rules(t.Context(), id)
			if err != nil {
				r.Fatal(err)
			}
			want, err := truth.SecurityGroups().Rules(t.Context(), id)
			if err != nil {
				r.Fatal(err)
			}
			if len(got) != len(want) {
				r.Fatalf("%s: %d rules, want %d", id, len(got), len(want))
			}
		}
	})
}
