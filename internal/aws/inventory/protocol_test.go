package inventory

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim"
	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/lib/order"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// protocol is an inventory of an account with one target group of the stack web.
type protocol struct {
	*testing.T
	sim   *awssim.Simulator
	clock *clock.Stepped
	inv   *Inventory
	group string // ARN
}

var web = stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: "web"}}

func modify(p *protocol) plan.Operation {
	return awsop.ModifyTargetGroupAttributes{TargetGroup: stack.Literal(stack.KindTargetGroup, p.group)}
}

func literal(r stack.Ref) string { return r.Literal }

func newProtocol(t *testing.T) *protocol {
	t.Helper()
	p := &protocol{T: t, clock: clock.NewStepped(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))}
	sim, err := awssim.New(awssim.Options{Clock: p.clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	p.sim = sim
	p.inv = New(awsclient.Clients{ELBV2: sim.Balancing, EC2: sim.Compute}, Config{Cluster: "demo-cluster",
		VPC: "vpc-0a1de000000000001", Now: p.clock.Now})
	p.group = p.create("first")
	return p
}

// create makes a target group with the tags of the stack, as another process would.
func (p *protocol) create(name string) (arn string) {
	p.Helper()
	tags := map[string]string{"elbv2.k8s.aws/cluster": "demo-cluster", "ingress.k8s.aws/stack": "shop/web",
		"ingress.k8s.aws/resource": name}
	var ts []elbv2types.Tag
	for k, v := range tags {
		ts = append(ts, elbv2types.Tag{Key: aws.String(k), Value: aws.String(v)})
	}
	out, err := p.sim.Balancing.CreateTargetGroup(p.Context(), &elbv2.CreateTargetGroupInput{
		Name: aws.String(name), Port: aws.Int32(80), Protocol: elbv2types.ProtocolEnumHttp, VpcId: aws.String(p.inv.cfg.VPC),
		Tags: ts,
	})
	if err != nil {
		p.Fatal(err)
	}
	return aws.ToString(out.TargetGroups[0].TargetGroupArn)
}

func (p *protocol) delete() {
	p.Helper()
	if _, err := p.sim.Balancing.DeleteTargetGroup(p.Context(), &elbv2.DeleteTargetGroupInput{
		TargetGroupArn: aws.String(p.group)}); err != nil {
		p.Fatal(err)
	}
}

func (p *protocol) observe() {
	p.Helper()
	if _, err := p.inv.Observed(p.Context(), web, nil); err != nil {
		p.Fatal(err)
	}
}

// list makes a listing that begins now.
func (p *protocol) list() {
	p.Helper()
	p.inv.mu.Lock()
	need := order.Mark{N: p.inv.listed.N + 1}
	p.inv.mu.Unlock()
	if err := p.inv.list(p.Context(), need); err != nil {
		p.Fatal(err)
	}
}

func (p *protocol) reread() {
	p.Helper()
	if _, err := p.inv.Reread(p.Context(), web); err != nil {
		p.Fatal(err)
	}
}

// stackState is what may be concluded from an entry; see the table in the doc comment of this package.
type stackState string

const (
	stackUnlisted  stackState = "unlisted"
	stackListed    stackState = "listed"
	stackUncertain stackState = "uncertain"
	stackInvalid   stackState = "invalid"
	stackAssumed   stackState = "assumed"
)

// state is the state of an entry; nil is that of a stack without one. i.mu is held.
func (i *Inventory) state(e *entry) stackState {
	switch {
	case i.listed.N == 0:
		return stackUnlisted
	case e == nil:
		return stackListed
	case e.invalid():
		return stackInvalid
	case len(e.uncertain) > 0:
		return stackUncertain
	case e.obs.Assumed():
		return stackAssumed
	}
	return stackListed
}

func (p *protocol) state() stackState {
	p.inv.mu.Lock()
	defer p.inv.mu.Unlock()
	return p.inv.state(p.inv.stacks[web])
}

// TestEventsLeadFromStateToStateAsInTheTable is the second table of the package's doc comment.
func TestEventsLeadFromStateToStateAsInTheTable(t *testing.T) {
	t.Parallel()
	uncertain := func(p *protocol) { p.observe(); p.inv.MarkUncertain(web, modify(p), literal) }
	invalid := func(p *protocol) { p.observe(); p.inv.Invalidate(web) }
	assumed := func(p *protocol) {
		p.inv.Assume(Kept{Since: p.clock.Now(), Stacks: map[stack.Key]Snapshot{
			web: {Attributes: map[string]map[string]string{p.group: {"stickiness.enabled": "true"}}}}})
		p.observe()
	}
	for name, tc := range map[string]struct {
		from  func(*protocol)
		is    stackState
		event func(*protocol)
		then  stackState
	}{
		"unlisted, a question": {func(*protocol) {}, stackUnlisted, (*protocol).observe, stackListed},
		"unlisted, invalidated": {func(*protocol) {}, stackUnlisted,
			func(p *protocol) { p.inv.Invalidate(web) }, stackUnlisted},
		"listed, a listing shows the same": {(*protocol).observe, stackListed, (*protocol).list, stackListed},
		"listed, a listing shows more": {(*protocol).observe, stackListed,
			func(p *protocol) { p.create("second"); p.list() }, stackInvalid},
		"listed, a listing shows less": {(*protocol).observe, stackListed,
			func(p *protocol) { p.delete(); p.list() }, stackListed},
		"listed, written": {(*protocol).observe, stackListed,
			func(p *protocol) { p.inv.Record(web, modify(p), awsop.Output{}, literal) }, stackListed},
		"listed, a write of unknown outcome": {(*protocol).observe, stackListed, uncertain, stackUncertain},
		"listed, invalidated":                {(*protocol).observe, stackListed, invalid, stackInvalid},
		"listed, read again":                 {(*protocol).observe, stackListed, (*protocol).reread, stackListed},
		"listed, read again, something is gone": {(*protocol).observe, stackListed,
			func(p *protocol) { p.delete(); p.reread() }, stackInvalid},
		"listed, a target group was not found": {(*protocol).observe, stackListed,
			func(p *protocol) { p.inv.NotFound(web, p.group) }, stackInvalid},
		"listed, tagged for the stack by others": {(*protocol).observe, stackListed, func(p *protocol) {
			p.inv.mu.Lock()
			p.inv.gain(web, p.group)
			p.inv.mu.Unlock()
		}, stackUncertain},
		"uncertain, a question":  {uncertain, stackUncertain, (*protocol).observe, stackListed},
		"uncertain, a listing":   {uncertain, stackUncertain, (*protocol).list, stackUncertain},
		"uncertain, invalidated": {uncertain, stackUncertain, invalid, stackInvalid},
		"invalid, a question":    {invalid, stackInvalid, (*protocol).observe, stackListed},
		"invalid, a listing":     {invalid, stackInvalid, (*protocol).list, stackListed},
		"invalid, a write of unknown outcome": {invalid, stackInvalid, func(p *protocol) {
			p.inv.MarkUncertain(web, modify(p), literal)
		}, stackInvalid},
		"invalid, read again by name": {invalid, stackInvalid, (*protocol).reread, stackInvalid},
		"assumed, a question":         {assumed, stackAssumed, (*protocol).observe, stackAssumed},
		"assumed, verified": {assumed, stackAssumed, func(p *protocol) { p.inv.RereadAssumed(web) },
			stackListed},
		"assumed, read again":  {assumed, stackAssumed, (*protocol).reread, stackListed},
		"assumed, invalidated": {assumed, stackAssumed, invalid, stackInvalid},
		"listed, forgotten while something is left": {(*protocol).observe, stackListed,
			func(p *protocol) { p.inv.Forget(web) }, stackListed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProtocol(t)
			tc.from(p)
			if is := p.state(); is != tc.is {
				t.Fatalf("begins %s, want %s", is, tc.is)
			}
			tc.event(p)
			if then := p.state(); then != tc.then {
				t.Errorf("ends %s, want %s", then, tc.then)
			}
		})
	}
}

// lateDescribe is an ELBV2 that has something happen after it has read target groups and before the answer arrives.
type lateDescribe struct {
	awsclient.ELBV2
	meanwhile func()
}

func (l *lateDescribe) DescribeTargetGroups(ctx context.Context, in *elbv2.DescribeTargetGroupsInput,
	o ...func(*elbv2.Options)) (*elbv2.DescribeTargetGroupsOutput, error) {
	out, err := l.ELBV2.DescribeTargetGroups(ctx, in, o...)
	if f := l.meanwhile; f != nil {
		l.meanwhile = nil
		f()
	}
	return out, err
}

// TestReadsThatBeganBeforeAnEventDoNotHideIt is about listings and rereads under way.
func TestReadsThatBeganBeforeAnEventDoNotHideIt(t *testing.T) {
	t.Parallel()
	remove := func(p *protocol) {
		p.delete()
		p.inv.Record(web, awsop.DeleteTargetGroup{TargetGroup: stack.Literal(stack.KindTargetGroup, p.group)},
			awsop.Output{}, literal)
	}
	for name, tc := range map[string]struct {
		from, read, event func(*protocol)
		then              stackState
		groups            int
	}{
		"a listing of a listed stack, a write": {(*protocol).observe, (*protocol).list, remove, stackListed, 0},
		"a listing of an invalid stack, invalidated again": {func(p *protocol) { p.observe(); p.inv.Invalidate(web) },
			(*protocol).list,
			func(p *protocol) { p.inv.Invalidate(web) }, stackInvalid, 1},
		"a listing of an invalid stack, a write": {func(p *protocol) { p.observe(); p.inv.Invalidate(web) }, (*protocol).list,
			remove, stackInvalid, 0},
		"a reread, a write of unknown outcome": {(*protocol).observe, (*protocol).reread,
			func(p *protocol) { p.inv.MarkUncertain(web, modify(p), literal) }, stackUncertain, 1},
		"a reread, a write": {(*protocol).observe, (*protocol).reread,
			func(p *protocol) { p.inv.Record(web, modify(p), awsop.Output{}, literal) }, stackListed, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProtocol(t)
			late := &lateDescribe{ELBV2: p.sim.Balancing}
			p.inv.clients.ELBV2 = late
			tc.from(p)
			late.meanwhile = func() { tc.event(p) }
			tc.read(p)
			if then := p.state(); then != tc.then {
				t.Errorf("ends %s, want %s", then, tc.then)
			}
			if n := len(p.inv.stacks[web].obs.TargetGroups); n != tc.groups {
				t.Errorf("%d target groups are known, want %d", n, tc.groups)
			}
		})
	}
}
