package targethealth

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// health answers with one target in the given state, or with none.
type health struct {
	state       elbtypes.TargetHealthStateEnum
	description string
}

func unseen(string, []registrar.Health) {}

func (h *health) DescribeTargetHealth(context.Context, *elbv2.DescribeTargetHealthInput, ...func(*elbv2.Options)) (
	*elbv2.DescribeTargetHealthOutput, error) {
	if h.state == "" {
		return &elbv2.DescribeTargetHealthOutput{}, nil
	}
	return &elbv2.DescribeTargetHealthOutput{TargetHealthDescriptions: []elbtypes.TargetHealthDescription{{
		Target: &elbtypes.TargetDescription{Id: aws.String("10.0.0.1"), Port: aws.Int32(80)},
		TargetHealth: &elbtypes.TargetHealth{State: h.state, Reason: elbtypes.TargetHealthReasonEnumTimeout,
			Description: aws.String(h.description)},
	}}}, nil
}

func TestUnhealthyTargetsAreReportedOnBinding(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	aws := &health{state: elbtypes.TargetHealthStateEnumUnhealthy}
	type event struct{ UID, Type, Reason string }
	var events []event
	h := NewWatch(registrar.NewRegistry(func(awsclient.Scope) (registrar.ScopeCalls, error) {
		return registrar.ScopeCalls{ELBV2: aws}, nil
	}),
		func(o diag.Object, e reporting.Event) {
			events = append(events, event{o.UID, e.Type, e.Reason})
			if e.Type == "Warning" && !strings.HasSuffix(e.Message, "["+string(diag.NoHealthyTargets)+"]") {
				t.Errorf("message: %s", e.Message)
			}
		}, unseen, func() time.Time { return now })
	h.Expect(registrar.Group{ARN: "arn"}, diag.Object{Kind: "TargetGroupBinding", Namespace: "shop",
		Name: "web", UID: "1"})
	look := func(after time.Duration) {
		now = now.Add(after)
		h.Look(t.Context())
	}
	look(time.Second) // too early
	look(firstLook)
	look(longestLook) // told already
	aws.state = elbtypes.TargetHealthStateEnumHealthy
	look(longestLook)
	look(longestLook) // nothing to look at any more
	want := []event{{"1", "Warning", "UnhealthyTargets"}, {"1", "Normal", "SuccessfullyReconciled"}}
	if d := cmp.Diff(want, events); d != "" {
		t.Error(d)
	}
	h.Expect(registrar.Group{ARN: "arn"}, diag.Object{Kind: "TargetGroupBinding", Namespace: "shop",
		Name: "web", UID: "1"})
	h.Forget(client.ObjectKey{Namespace: "shop", Name: "web"})
	if arn, _ := h.next(); arn != (registrar.Group{}) || len(h.due) != 0 {
		t.Errorf("a deleted binding's group is still looked at: %v", h.due)
	}
}

func TestTargetsInZonesWhereTheLoadBalancerIsNotAreReported(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	aws := &health{state: elbtypes.TargetHealthStateEnumUnused, description: zoneNotEnabled}
	var told []string
	h := NewWatch(registrar.NewRegistry(func(awsclient.Scope) (registrar.ScopeCalls, error) {
		return registrar.ScopeCalls{ELBV2: aws}, nil
	}),
		func(_ diag.Object, e reporting.Event) { told = append(told, e.Type+" "+e.Message) }, unseen,
		func() time.Time { return now })
	h.Expect(registrar.Group{ARN: "arn"}, diag.Object{Kind: "TargetGroupBinding", Namespace: "shop",
		Name: "web", UID: "1"})
	for range 2 {
		now = now.Add(longestLook)
		h.Look(t.Context())
	}
	if len(told) != 1 ||
		!strings.Contains(told[0], "Warning 1 of 1 targets, as 10.0.0.1:80, get no requests: the load balancer is not "+
			"enabled in their availability zone") || !strings.HasSuffix(told[0], "["+string(diag.ZoneNotEnabled)+"]") {
		t.Errorf("told %v", told)
	}
	aws.description = "Target group is not configured to receive traffic from the load balancer"
	h.Expect(registrar.Group{ARN: "arn"}, diag.Object{})
	now = now.Add(longestLook)
	if h.Look(t.Context()); len(told) != 1 {
		t.Errorf("of a group without load balancer it tells %v", told[1:])
	}
	aws.state, aws.description = elbtypes.TargetHealthStateEnumHealthy, "" // the load balancer has a subnet in the zone
	h.Expect(registrar.Group{ARN: "arn"}, diag.Object{Kind: "TargetGroupBinding", Namespace: "shop", Name: "web", UID: "1"})
	now = now.Add(longestLook)
	if h.Look(t.Context()); len(told) != 1 {
		t.Errorf("after the remedy it tells %v", told[1:])
	}
}

func TestASickGroupThatLosesAllItsTargetsIsNotCalledHealthy(t *testing.T) {
	t.Parallel()
	for _, after := range []elbtypes.TargetHealthStateEnum{"", elbtypes.TargetHealthStateEnumDraining,
		elbtypes.TargetHealthStateEnumUnused} {
		now := time.Unix(0, 0)
		aws := &health{state: elbtypes.TargetHealthStateEnumUnhealthy}
		var events []string
		h := NewWatch(registrar.NewRegistry(func(awsclient.Scope) (registrar.ScopeCalls, error) {
			return registrar.ScopeCalls{ELBV2: aws}, nil
		}), func(_ diag.Object, e reporting.Event) { events = append(events, e.Reason) }, unseen,
			func() time.Time { return now })
		h.Expect(registrar.Group{ARN: "arn"}, diag.Object{Kind: "TargetGroupBinding", Namespace: "shop", Name: "web"})
		for _, state := range []elbtypes.TargetHealthStateEnum{aws.state, after, ""} {
			aws.state = state
			now = now.Add(longestLook)
			h.Look(t.Context())
		}
		if d := cmp.Diff([]string{"UnhealthyTargets"}, events); d != "" {
			t.Errorf("unhealthy, then %q: %s", after, d)
		}
		if len(h.due) != 0 {
			t.Errorf("unhealthy, then %q, then no targets: still looked at", after)
		}
	}
}

// TestGroupThatIsAttachedLaterIsLookedAtThen has AWS refuse the rule of a group for a while: what was seen of its
// targets before is shown as their health.
func TestGroupThatIsAttachedLaterIsLookedAtThen(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	aws := &health{state: elbtypes.TargetHealthStateEnumUnused}
	var seen []string
	h := NewWatch(registrar.NewRegistry(func(awsclient.Scope) (registrar.ScopeCalls, error) {
		return registrar.ScopeCalls{ELBV2: aws}, nil
	}), func(diag.Object, reporting.Event) {},
		func(_ string, all []registrar.Health) { seen = append(seen, all[0].State) }, func() time.Time { return now })
	look := func() {
		now = now.Add(longestLook)
		h.Look(t.Context())
	}
	h.Expect(registrar.Group{ARN: "arn"}, diag.Object{Kind: "TargetGroupBinding", Namespace: "shop", Name: "web"})
	look()
	aws.state = elbtypes.TargetHealthStateEnumHealthy
	look()
	look() // nothing to look at any more
	if d := cmp.Diff([]string{"unused", "healthy"}, seen); d != "" {
		t.Error(d)
	}
	aws.state, seen = elbtypes.TargetHealthStateEnumUnused, nil
	h.Expect(registrar.Group{ARN: "arn"}, diag.Object{Kind: "TargetGroupBinding", Namespace: "shop", Name: "web"})
	for range 2 * mostUnused {
		look()
	}
	if len(seen) != mostUnused || h.Groups() != 0 {
		t.Errorf("a group that nothing uses is looked at %d times; %d groups are left", len(seen), h.Groups())
	}
}

func TestNewTargetsAreLookedAtUntilTheyHaveAnsweredTheirChecks(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	aws := &health{state: elbtypes.TargetHealthStateEnumInitial}
	var seen []string
	h := NewWatch(registrar.NewRegistry(func(awsclient.Scope) (registrar.ScopeCalls, error) {
		return registrar.ScopeCalls{ELBV2: aws}, nil
	}), func(diag.Object, reporting.Event) {},
		func(_ string, all []registrar.Health) { seen = append(seen, all[0].State) }, func() time.Time { return now })
	h.Expect(registrar.Group{ARN: "arn"}, diag.Object{Name: "web"})
	for _, state := range []elbtypes.TargetHealthStateEnum{"initial", "healthy", "healthy"} {
		aws.state = state
		now = now.Add(longestLook)
		h.Look(t.Context())
	}
	if d := cmp.Diff([]string{"initial", "healthy"}, seen); d != "" {
		t.Error(d)
	}
}

func TestTargetsInZonesWithoutSubnetAreReportedOnce(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	aws := &health{state: elbtypes.TargetHealthStateEnumUnused, description: zoneNotEnabled}
	var events []string
	h := NewWatch(registrar.NewRegistry(func(awsclient.Scope) (registrar.ScopeCalls, error) {
		return registrar.ScopeCalls{ELBV2: aws}, nil
	}),
		func(o diag.Object, e reporting.Event) { events = append(events, o.Kind+" "+e.Message) }, unseen,
		func() time.Time { return now })
	for range 2 {
		h.Expect(registrar.Group{ARN: "arn"}, diag.Object{Kind: "TargetGroupBinding", Name: "web"}, diag.Object{
			Kind: "Service", Name: "web"})
		now = now.Add(firstLook)
		h.Look(t.Context())
	}
	for i, kind := range []string{"TargetGroupBinding", "Service"} {
		if i >= len(events) || !strings.HasPrefix(events[i], kind+" 1 of 1 targets, as 10.0.0.1:80, get no requests") {
			t.Errorf("event %d is not of the %s: %q", i, kind, events)
		}
	}
}

// TestLookThatHangsDelaysNoOtherNamespace has a look under way while those of two namespaces are due.
func TestLookThatHangsDelaysNoOtherNamespace(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	w := NewWatch(nil, nil, unseen, func() time.Time { return now })
	for i, namespace := range []string{"mal", "mal", "shop"} {
		w.Expect(registrar.Group{ARN: fmt.Sprint(i)}, diag.Object{Namespace: namespace, Name: fmt.Sprint(i)})
		now = now.Add(time.Second)
	}
	now = now.Add(time.Hour)
	first, _ := w.next()
	second, _ := w.next()
	third, _ := w.next()
	if first.ARN != "0" || second.ARN != "2" || third.ARN != "" {
		t.Errorf("looks at %q, %q, %q", first.ARN, second.ARN, third.ARN)
	}
	w.looked("mal")
	if again, _ := w.next(); again.ARN != "1" {
		t.Errorf("then at %q", again.ARN)
	}
}
