package stacks

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/prometheus/client_golang/prometheus"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/controller/metrics"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/policy/drift"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

const idleTimeout = "idle_timeout.timeout_seconds"

// idle is the reconciler of an Ingress whose load balancer has a declared idle timeout, under a drift policy.
type idle struct {
	*Reconciler
	t      *testing.T
	key    stack.Key
	events *[]string
	counts *prometheus.Registry
}

func newIdle(t *testing.T, by string) *idle {
	t.Helper()
	s, events := newTestReconciler(t, served()...)
	i := &idle{s, t, stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: "web"}}, events,
		prometheus.NewRegistry()}
	s.Metrics = metrics.New(i.counts)
	i.annotate(annotation.DriftPolicy, by)
	i.annotate(annotation.LoadBalancerAttributes, idleTimeout+"=75")
	i.passes()
	return i
}

func (i *idle) annotate(k annotation.Key, value string) {
	i.t.Helper()
	ing := &networkingv1.Ingress{}
	if err := i.Client.Get(i.t.Context(), client.ObjectKey{Namespace: "shop", Name: "web"}, ing); err != nil {
		i.t.Fatal(err)
	}
	if ing.Annotations == nil {
		ing.Annotations = map[string]string{}
	}
	ing.Annotations[string(k)] = value
	if err := i.Client.Update(i.t.Context(), ing); err != nil {
		i.t.Fatal(err)
	}
}

func (i *idle) passes() {
	i.t.Helper()
	for range 3 {
		if _, err := i.Reconcile(i.t.Context(), i.key); err != nil {
			i.t.Fatal(err)
		}
	}
}

// balancer is the ARN of the load balancer, and its idle timeout in AWS.
func (i *idle) balancer() (arn, timeout string) {
	i.t.Helper()
	o, err := i.Inventory.Observed(i.t.Context(), i.key, nil)
	if err != nil || len(o.LoadBalancers) != 1 {
		i.t.Fatal(o.LoadBalancers, err)
	}
	arn = o.LoadBalancers[0].ARN
	out, err := i.Clients.ELBV2.DescribeLoadBalancerAttributes(i.t.Context(), &elbv2.DescribeLoadBalancerAttributesInput{
		LoadBalancerArn: &arn})
	if err != nil {
		i.t.Fatal(err)
	}
	for _, a := range out.Attributes {
		if aws.ToString(a.Key) == idleTimeout {
			timeout = aws.ToString(a.Value)
		}
	}
	return arn, timeout
}

// changeByHand sets the idle timeout in AWS, and has a check find it.
func (i *idle) changeByHand(timeout string) {
	i.t.Helper()
	arn, _ := i.balancer()
	if _, err := i.Clients.ELBV2.ModifyLoadBalancerAttributes(i.t.Context(), &elbv2.ModifyLoadBalancerAttributesInput{
		LoadBalancerArn: &arn,
		Attributes:      []types.LoadBalancerAttribute{{Key: aws.String(idleTimeout), Value: &timeout}}}); err != nil {
		i.t.Fatal(err)
	}
	i.check()
}

func (i *idle) check() {
	i.t.Helper()
	if _, err := i.Inventory.Reread(i.t.Context(), i.key); err != nil {
		i.t.Fatal(err)
	}
	i.NoteCheck(i.key)
	i.passes()
}

func (i *idle) expect(when, timeout string) {
	i.t.Helper()
	if _, got := i.balancer(); got != timeout {
		i.t.Errorf("%s: idle timeout %s, want %s", when, got, timeout)
	}
}

func (i *idle) said(text string) bool {
	return slices.ContainsFunc(*i.events, func(e string) bool { return strings.Contains(e, text) })
}

// found reports whether a pass came to a finding.
func (i *idle) found(code diag.Code) bool {
	i.t.Helper()
	families, err := i.counts.Gather()
	if err != nil {
		i.t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if f.GetName() == "lbc_findings_total" && l.GetName() == "code" && l.GetValue() == string(code) {
					return true
				}
			}
		}
	}
	return false
}

func TestADriftPolicyDecidesWhatBecomesOfAChangeByHand(t *testing.T) {
	t.Parallel()
	for by, want := range map[string]struct {
		drifted, edited, event string
		code                   diag.Code
	}{
		"correct": {"75", "90", "undoing a change made in AWS: ModifyLoadBalancerAttributes LoadBalancer " +
			"(idle_timeout.timeout_seconds 30 → 75)", diag.DriftCorrected},
		"report": {"30", "90", "a change made in AWS stays because of drift policy report; the controller " +
			"would do: ModifyLoadBalancerAttributes LoadBalancer (idle_timeout.timeout_seconds 30 → 75)", diag.DriftReported},
		"load-balancer=ignore": {"30", "30", "", ""},
		"tags=report":          {"75", "90", "undoing a change made in AWS", diag.DriftCorrected},
	} {
		t.Run(by, func(t *testing.T) {
			t.Parallel()
			i := newIdle(t, by)
			i.expect("at first", "75")
			i.changeByHand("30")
			i.expect("changed by hand", want.drifted)
			if want.event != "" && !i.said(want.event) || want.event == "" && i.said("changed in AWS") {
				t.Errorf("events %q", *i.events)
			}
			for _, code := range []diag.Code{diag.DriftCorrected, diag.DriftReported} {
				if found := i.found(code); found != (code == want.code) {
					t.Errorf("finding %s: %v", code, found)
				}
			}
			if got := counted(t, i.counts, "lbc_drift_groups_found_total"); got != 1 {
				t.Errorf("counted %v", got)
			}
			i.annotate(annotation.Tags, "Team=shop")
			i.passes()
			i.expect("after an edit of something else", want.drifted)
			i.annotate(annotation.LoadBalancerAttributes, idleTimeout+"=90")
			i.passes()
			i.expect("edited", want.edited)
			i.annotate(annotation.DriftPolicy, "correct")
			i.passes()
			i.expect("corrected", "90")
		})
	}
}

func TestAnEditThatSetsADriftPolicyTakesEffectWhole(t *testing.T) {
	t.Parallel()
	i := newIdle(t, "correct")
	i.annotate(annotation.DriftPolicy, "report")
	i.annotate(annotation.LoadBalancerAttributes, idleTimeout+"=90")
	i.passes()
	i.expect("edited", "90")
	i.changeByHand("30")
	i.expect("changed by hand", "30")
}

func TestTheNextProcessUndoesNothingThatADriftPolicyReports(t *testing.T) {
	t.Parallel()
	for _, lost := range []bool{false, true} {
		i := newIdle(t, "report")
		i.changeByHand("30")
		i.mu.Lock()
		memory := i.states[i.key].memory
		if lost {
			memory = nil
		}
		i.states = map[stack.Key]*stackState{i.key: {memory: memory}}
		i.mu.Unlock()
		i.check()
		i.expect("after a start", "30")
		i.annotate(annotation.LoadBalancerAttributes, idleTimeout+"=90")
		i.passes()
		i.expect("edited", "90")
	}
}

// TestAnEditWhileNoProcessRunsTakesEffectUnderReport has the next process begin with what is in the checkpoint.
func TestAnEditWhileNoProcessRunsTakesEffectUnderReport(t *testing.T) {
	t.Parallel()
	i := newIdle(t, "report")
	i.changeByHand("30")
	i.mu.Lock()
	text, err := json.Marshal(i.states[i.key].memory)
	memory := &compile.Memory{}
	if err = cmp.Or(err, json.Unmarshal(text, memory)); err != nil {
		t.Fatal(err)
	}
	i.states = map[stack.Key]*stackState{i.key: {memory: memory}}
	i.mu.Unlock()
	i.annotate(annotation.LoadBalancerAttributes, idleTimeout+"=90")
	i.check()
	i.expect("edited", "90")
}

func TestTheFlagIsTheDriftPolicyOfWhatDeclaresNone(t *testing.T) {
	t.Parallel()
	i := newIdle(t, "tags=correct")
	i.DriftPolicy = drift.Policies{drift.LoadBalancer: drift.Report, drift.Tags: drift.Report}
	i.passes()
	i.changeByHand("30")
	i.expect("changed by hand", "30")
}
