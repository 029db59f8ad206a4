package reporting

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/internal/controller/growth"
	"github.com/k8s-lbc/lbc/internal/lib/cputime"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
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

// TestPartsOfOthersStayInTheStatus has a tenant attach more routes to a Gateway than its status has parts. `lbc wait`
// of a route that is no part would not end.
func TestPartsOfOthersStayInTheStatus(t *testing.T) {
	t.Parallel()
	var parts []Member
	for i := range 2 * maxParts {
		parts = append(parts, Member{Object: diag.Object{Kind: "GRPCRoute", Namespace: "mal", Name: fmt.Sprint("evil", i)}})
	}
	parts = append(parts, Member{Object: diag.Object{Kind: "HTTPRoute", Namespace: "shop", Name: "web"}})
	key := stack.Key{Owner: stack.GatewayALB, ID: stack.ID{Namespace: "infra", Name: "web"}}
	shown := LoadBalancer(Pass{Key: key, Parts: parts}, v1alpha1.LoadBalancerStatus{}).Parts
	if len(shown) != maxParts || shown[maxParts-1].Namespace != "shop" {
		t.Errorf("%d parts, the last one %+v", len(shown), shown[len(shown)-1])
	}
}

// TestReportCostsInProportion has findings about more and more objects, as about the routes of a Gateway.
func TestReportCostsInProportion(t *testing.T) {
	t.Parallel()
	growth.AtMost(t, 1.4, "microseconds of a report, by objects with a finding", func(n int) float64 {
		var found diag.List
		for i := range n {
			found = append(found, diag.New(diag.Object{Kind: "HTTPRoute", Namespace: "shop", Name: fmt.Sprint("route", i)},
				"spec.rules[0].backendRefs[0]", diag.BackendUnresolved, "it does not exist", "create it"))
		}
		r := NewReporter(func(diag.Object, Event) {}, func() time.Time { return time.Unix(0, 0) })
		return float64(cputime.PerCall(func() { r.Report("web", Report{Found: found}) }).Microseconds())
	})
}
