package inventory_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim"
	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/aws/inventory/network"
	"github.com/k8s-lbc/lbc/internal/lib/await"
	"github.com/k8s-lbc/lbc/internal/lib/cache"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// hanging is a fixture whose account answers nothing while it hangs.
type hanging struct {
	*fixture
	until      atomic.Pointer[chan struct{}]
	interfaces *network.Interfaces
	instance   string
}

func newHanging(t *testing.T) *hanging {
	t.Helper()
	h := &hanging{fixture: &fixture{T: t, clock: clock.NewStepped(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))}}
	sim, err := awssim.New(awssim.Options{Clock: h.clock, Authorize: func(ctx context.Context, _, _, _ string,
		_ any) error {
		until := h.until.Load()
		if until == nil {
			return nil
		}
		select {
		case <-*until:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		h.answers()
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	h.sim = sim
	h.inv = inventory.New(awsclient.Clients{ELBV2: sim.Balancing, EC2: sim.Compute, ACM: sim.Trust, STS: sim.Identity,
		WAFv2: sim.Firewall, Shield: sim.Shield},
		inventory.Config{Cluster: cluster, VPC: vpc, Now: h.clock.Now, Moment: 20 * time.Millisecond})
	h.interfaces = network.NewInterfaces(sim.Compute, h.clock.Now)
	instances, err := sim.Compute.DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{})
	if err != nil || len(instances.Reservations) == 0 {
		t.Fatal(instances, err)
	}
	h.instance = aws.ToString(instances.Reservations[0].Instances[0].InstanceId)
	return h
}

// hangs has calls hang from now on; answers has AWS answer them, and all others.
func (h *hanging) hangs() {
	until := make(chan struct{})
	h.until.Store(&until)
}

func (h *hanging) answers() {
	if until := h.until.Swap(nil); until != nil {
		close(*until)
	}
}

// TestWhatWasKnownServesAtOnceWhileAWSHangs asks for everything that passes ask for, after its time is over, while no
// call comes back.
func TestWhatWasKnownServesAtOnceWhileAWSHangs(t *testing.T) {
	t.Parallel()
	ask := func(kind facts.NeedKind, key string) func(context.Context, *hanging) error {
		return func(ctx context.Context, h *hanging) error {
			f, err := h.inv.Answer(ctx, []facts.Need{{Kind: kind, Key: key}})
			if err == nil && len(f.Errors) > 0 {
				err = fmt.Errorf("%v", f.Errors)
			}
			return err
		}
	}
	for name, tc := range map[string]struct {
		ask func(context.Context, *hanging) error
		age time.Duration // beyond its lifetime
	}{
		"subnets":               {ask(facts.NeedSubnets, ""), 11 * time.Minute},
		"routes":                {ask(facts.NeedRoutes, ""), 11 * time.Minute},
		"VPC":                   {ask(facts.NeedVPC, ""), 11 * time.Minute},
		"security groups":       {ask(facts.NeedSecurityGroups, ""), 11 * time.Minute},
		"certificates":          {ask(facts.NeedCertificates, ""), 2 * time.Minute},
		"web ACLs":              {ask(facts.NeedWebACLs, ""), 61 * time.Minute},
		"another VPC's subnet":  {ask(facts.NeedForeignSubnet, "subnet-0a1de0000000000a1"), 21 * time.Minute},
		"another VPC's group":   {ask(facts.NeedForeignGroup, webGroup), 21 * time.Minute},
		"a target group's name": {ask(facts.NeedTargetGroupName, "theirs"), 21 * time.Minute},
		"rules of a group": {func(ctx context.Context, h *hanging) error {
			rules, _, err := h.inv.SecurityGroups().RulesAtHand(ctx, nodeGroup)
			if err == nil && len(rules) == 0 {
				err = fmt.Errorf("no rules")
			}
			return err
		}, 11 * time.Minute},
		"interfaces of an instance": {func(ctx context.Context, h *hanging) error {
			of, err := h.interfaces.OfInstances(ctx, []string{h.instance})
			if err == nil && len(of[h.instance]) == 0 {
				err = fmt.Errorf("no interfaces")
			}
			return err
		}, 11 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := 1
			if name == "routes" {
				want = 2 // they are a property of subnets
			}
			h := newHanging(t)
			_, err := h.sim.Balancing.CreateTargetGroup(t.Context(), &elbv2.CreateTargetGroupInput{
				Name: aws.String("theirs"), TargetType: elbv2types.TargetTypeEnumIp, Protocol: "HTTP", Port: aws.Int32(80),
				VpcId: aws.String(vpc)})
			if err != nil {
				t.Fatal(err)
			}
			served := func() (stale bool) {
				t.Helper()
				ctx, noted := cache.NoteStale(t.Context())
				if err := tc.ask(ctx, h); err != nil {
					t.Fatal(err)
				}
				return noted()
			}
			if served() {
				t.Error("the first answer is said to be old")
			}
			renewed := func(trouble string) {
				t.Helper()
				await.Until(t, "the answer that is under way", func() bool { return !served() })
				total := 0
				for _, n := range h.reads() {
					total += n
				}
				if total != want {
					t.Errorf("%d reads %s", total, trouble)
				}
			}
			h.reads()
			h.clock.Advance(tc.age)
			renewed("while AWS answers")
			h.clock.Advance(tc.age)
			h.hangs()
			for n := range 50 {
				if !served() {
					t.Fatalf("the answer to question %d is said to be new while AWS answers nothing", n)
				}
			}
			h.answers()
			renewed("for 50 passes while AWS hung")
		})
	}
}

// TestWhatIsForgottenOrMissingIsWaitedForWhileAWSHangs has nobody conclude from an old answer that something does not
// exist.
func TestWhatIsForgottenOrMissingIsWaitedForWhileAWSHangs(t *testing.T) {
	t.Parallel()
	absent := facts.Need{Kind: facts.NeedForeignGroup, Key: "sg-00000000000000bad"}
	for name, tc := range map[string]struct {
		need   facts.Need
		forget bool
	}{
		"groups forgotten":           {facts.Need{Kind: facts.NeedSecurityGroups}, true},
		"certificates forgotten":     {facts.Need{Kind: facts.NeedCertificates}, true},
		"a foreign group forgotten":  {facts.Need{Kind: facts.NeedForeignGroup, Key: webGroup}, true},
		"all foreign ones forgotten": {facts.Need{Kind: facts.NeedForeignGroup, Key: webGroup}, true},
		"a foreign group missing":    {absent, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHanging(t)
			h.answer(tc.need)
			h.clock.Advance(21 * time.Minute)
			if tc.forget {
				if need := tc.need; name == "all foreign ones forgotten" {
					need.Key = ""
					h.inv.InvalidateFacts(need)
				}
				h.inv.InvalidateFacts(tc.need)
			}
			h.hangs()
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			if f, err := h.inv.Answer(ctx, []facts.Need{tc.need}); err == nil && len(f.Errors) == 0 {
				t.Error("it is answered though AWS answers nothing")
			}
		})
	}
}

// TestRulesAtHandAreWholeWhileTheyAreWritten is for the race detector: rules past their lifetime are asked for while
// writes are recorded.
func TestRulesAtHandAreWholeWhileTheyAreWritten(t *testing.T) {
	t.Parallel()
	h := newHanging(t)
	before, err := h.inv.SecurityGroups().Rules(t.Context(), nodeGroup)
	if err != nil {
		t.Fatal(err)
	}
	h.clock.Advance(11 * time.Minute)
	h.hangs()
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		op := awsop.AuthorizeSecurityGroupIngress{Group: stack.Literal(stack.KindSecurityGroup, nodeGroup),
			Permissions: []stack.Permission{{Protocol: "tcp", FromPort: 80, ToPort: 80, CIDR: "10.0.0.0/8"}}}
		for {
			select {
			case <-stop:
				return
			default:
				h.inv.Record(key(stack.Ingress, "web"), op, awsop.Output{}, literally)
			}
		}
	}()
	known := len(before)
	for range 500 {
		rules, young, err := h.inv.SecurityGroups().RulesAtHand(t.Context(), nodeGroup)
		if err != nil || young || len(rules) < known {
			t.Fatalf("%d rules after %d, young %t, %v", len(rules), known, young, err)
		}
		known = len(rules)
	}
	close(stop)
	<-ended
}
