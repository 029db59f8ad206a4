package reporting

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/view/timeline"
)

// TestManyFindingsOfAnObjectAreFewEvents has a tenant make thousands of mistakes in one object: events of others would
// be dropped.
func TestManyFindingsOfAnObjectAreFewEvents(t *testing.T) {
	t.Parallel()
	var told []string
	r := NewReporter(func(o diag.Object, e Event) { told = append(told, o.Name+": "+e.Message) },
		func() time.Time { return time.Unix(0, 0) })
	evil, web := diag.Object{Kind: "Ingress", Namespace: "mal", Name: "evil"}, diag.Object{Kind: "Ingress",
		Namespace: "shop", Name: "web"}
	var found diag.List
	for i := range 5000 {
		found = append(found, diag.New(evil, "spec", diag.InvalidAnnotation, fmt.Sprint("mistake ", i), "correct it"))
	}
	found = append(found, diag.New(web, "spec", diag.InvalidAnnotation, "mistake", "correct it"))
	for range 2 {
		r.Report("front", Report{Objects: []diag.Object{evil, web}, Found: found, Unedited: true})
	}
	if len(told) != mostEvents+1 || !strings.Contains(told[mostEvents-1], "shows 4975 more findings") ||
		!strings.HasPrefix(told[mostEvents], "web") {
		t.Errorf("%d events: %s", len(told), strings.Join(told, "\n"))
	}
}

// TestGuardIsToldBeforeManyNotes has more notes about an object than are recorded, and then a guard that is not
// applied.
func TestGuardIsToldBeforeManyNotes(t *testing.T) {
	t.Parallel()
	var told []string
	r := NewReporter(func(_ diag.Object, e Event) { told = append(told, e.Type+" "+e.Message) }, time.Now)
	web := diag.Object{Kind: "Ingress", Namespace: "shop", Name: "web"}
	var found diag.List
	for i := range 2 * mostEvents {
		found = append(found, diag.New(web, "spec", diag.IgnoredSetting, fmt.Sprint("note ", i), "remove it"))
	}
	found = append(found, diag.New(web, "spec", diag.GuardNotApplied, "open to all", "restrict it"))
	r.Report("web", Report{Objects: []diag.Object{web}, Found: found})
	if len(told) != mostEvents+1 || !strings.HasPrefix(told[0], "Warning open to all") { // and the event of success
		t.Errorf("%d events: %s", len(told), strings.Join(told, "\n"))
	}
}

// TestFindingsOfOthersStayInTheStatus has a tenant make more mistakes than the status of a load balancer shows.
func TestFindingsOfOthersStayInTheStatus(t *testing.T) {
	t.Parallel()
	var found diag.List
	for i := range 2 * maxFindings {
		found = append(found, diag.New(diag.Object{Kind: "Ingress", Namespace: "mal", Name: "evil"}, "spec",
			diag.InvalidAnnotation, fmt.Sprint("mistake ", i), "correct it"))
	}
	found = append(found, diag.New(diag.Object{Kind: "Ingress", Namespace: "shop", Name: "web"}, "spec",
		diag.InvalidAnnotation, "mistake", "correct it"))
	front := stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "front"}}
	shown := LoadBalancer(Pass{Key: front, Found: found}, v1alpha1.LoadBalancerStatus{}).Findings
	if len(shown) != maxFindings || shown[maxFindings-1].Object.Namespace != "shop" {
		t.Errorf("%d findings, the last one of %+v", len(shown), shown[len(shown)-1].Object)
	}
}

// TestStepsOfOthersStayInTheStatus has a tenant's edit take more steps than the status shows of a plan.
func TestStepsOfOthersStayInTheStatus(t *testing.T) {
	t.Parallel()
	var steps []timeline.Step
	for i := range 2 * maxPlanSteps {
		steps = append(steps, timeline.Step{Namespace: "mal", Text: fmt.Sprint("CreateRule 80:", i)})
	}
	steps = append(steps, timeline.Step{Namespace: "shop", Text: "CreateRule 443:1"})
	front := stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "front"}}
	shown := LoadBalancer(Pass{Key: front, Summary: "41 to create", Steps: steps}, v1alpha1.LoadBalancerStatus{}).LastPlan
	if len(shown.Steps) != maxPlanSteps || shown.Steps[maxPlanSteps-1] != "CreateRule 443:1" {
		t.Errorf("%q", shown.Steps)
	}
}

// TestRulesOfOthersStayInTheStatus has a tenant declare more rules and target groups than the status shows of a group.
func TestRulesOfOthersStayInTheStatus(t *testing.T) {
	t.Parallel()
	p := Pass{Key: stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "front"}}, Observed: &awsop.Observed{},
		Origins: map[stack.Ref][]diag.Object{}}
	add := func(namespace, id string, priority int32) {
		p.Observed.Rules = append(p.Observed.Rules, awsop.Rule{ARN: "arn:rule-" + id, Priority: priority,
			Rule: stack.Rule{ID: id}})
		p.Observed.TargetGroups = append(p.Observed.TargetGroups, awsop.TargetGroup{ARN: "arn:tg-" + id,
			TargetGroup: stack.TargetGroup{ID: id, Name: id}})
		for _, kind := range []stack.Kind{stack.KindRule, stack.KindTargetGroup} {
			p.Origins[stack.Ref{Kind: kind, ID: id}] = []diag.Object{{Kind: "Ingress", Namespace: namespace, Name: "web"}}
		}
	}
	for i := range int32(2 * maxRules) {
		add("mal", fmt.Sprintf("a-%04d", i), i+1)
	}
	add("shop", "z", 2*maxRules+1)
	shown := LoadBalancer(p, v1alpha1.LoadBalancerStatus{})
	if n := len(shown.Rules); n != maxRules || shown.Rules[n-1].ARN != "arn:rule-z" {
		t.Errorf("%d rules, the last one %+v", n, shown.Rules[n-1])
	}
	if n := len(shown.TargetGroups); n != maxTargetGroups || shown.TargetGroups[n-1].ARN != "arn:tg-z" {
		t.Errorf("%d target groups, the last one %+v", n, shown.TargetGroups[n-1])
	}
}

// TestMembersOfOthersStayInTheStatus has a tenant declare more members of a group than etcd accepts in one object.
func TestMembersOfOthersStayInTheStatus(t *testing.T) {
	t.Parallel()
	p := Pass{Key: stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "front"}}}
	for i := range 20_000 {
		p.Members = append(p.Members, Member{Object: diag.Object{Kind: "Ingress", Namespace: "mal",
			Name: fmt.Sprintf("%s-%05d", strings.Repeat("x", 240), i), UID: fmt.Sprint(i)}, Version: "0123456789abcdef"})
	}
	p.Members = append(p.Members, Member{Object: diag.Object{Kind: "Ingress", Namespace: "shop", Name: "web"}})
	s := LoadBalancer(p, v1alpha1.LoadBalancerStatus{})
	text, err := json.Marshal(v1alpha1.LoadBalancer{Status: s, ObjectMeta: metav1.ObjectMeta{
		OwnerReferences: Owners(p.Members, "mal", "networking.k8s.io/v1")}})
	if n := len(s.Members); err != nil || n < 1000 || s.Members[n-1].Namespace != "shop" || len(text) > 1_200_000 {
		t.Errorf("%d members, the last one of %s, in %d bytes (%v)", n, s.Members[n-1].Namespace, len(text), err)
	}
	left := s.Omitted
	if left == nil || int(left.Count) != len(p.Members)-len(s.Members) || left.InEffect != left.Count ||
		len(left.Versions) != maxOmitted || !slices.Contains(left.Versions, OmittedVersion(reference(p.Members[5000].Object),
		p.Members[5000].Version)) {
		t.Errorf("the status tells of %+v", left)
	}
}

// TestPartsOfOthersStayInTheStatus has a tenant attach more routes to a Gateway than its status has parts. `lbc wait`
// of a route that is no part would not end.
func TestPartsOfOthersStayInTheStatus(t *testing.T) {
	t.Parallel()
	var parts []Member
	for i := range 2 * maxParts {
		parts = append(parts, Member{Object: diag.Object{Kind: "GRPCRoute", Namespace: "mal", Name: fmt.Sprint("evil", i)},
			Version: "v1"})
	}
	parts = append(parts, Member{Object: diag.Object{Kind: "HTTPRoute", Namespace: "shop", Name: "web"}})
	key := stack.Key{Owner: stack.GatewayALB, ID: stack.ID{Namespace: "infra", Name: "web"}}
	s := LoadBalancer(Pass{Key: key, Parts: parts, Pending: []diag.Object{parts[maxParts].Object}},
		v1alpha1.LoadBalancerStatus{})
	shown := s.Parts
	if o := s.Omitted; o == nil || o.Count != maxParts+1 || o.InEffect != maxParts {
		t.Errorf("the status tells of %+v", o)
	}
	if len(shown) != maxParts || shown[maxParts-1].Namespace != "shop" {
		t.Errorf("%d parts, the last one %+v", len(shown), shown[len(shown)-1])
	}
}
