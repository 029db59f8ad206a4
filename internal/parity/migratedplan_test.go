package parity

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/controller/settings"
	"github.com/k8s-lbc/lbc/internal/kube/manifest"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/lbc/migrate"
	"github.com/k8s-lbc/lbc/internal/lbc/offline"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/view/console"
)

// plansOf is a source of the console that has only plans.
type plansOf struct {
	console.Source
	plans []console.Planned
}

func (p plansOf) Plans(context.Context) ([]console.Planned, error) { return p.plans, nil }

// plannedField is one field of an Ingress's annotation beside that of its Gateway, as the console compares both.
type plannedField struct {
	ResourceType, CorrelationID, Field, Status string
	IngressResourceID, GatewayResourceID       string
	Ingress, Gateway                           any
	Known                                      bool
}

// real reports whether the load balancers differ as the annotations do: a Gateway has a target group for each route and
// number of a port, and its rules are in another order or match other values.
func (f plannedField) real() bool {
	switch f.ResourceType {
	case plannedRule:
		return slices.Contains([]string{"spec.conditions", "spec.actions", "spec.priority", "spec.listenerARN.$ref"},
			f.Field)
	case plannedTarget, plannedBinding:
		return f.IngressResourceID == "" || f.GatewayResourceID == ""
	}
	return false
}

// TestMigratedPlansDifferOnlyWhereLoadBalancersDo translates each recorded Ingress to a Gateway, and compares both
// annotations as the console and programs of others do. A tag or label that only one side can have would differ
// everywhere.
func TestMigratedPlansDifferOnlyWhereLoadBalancersDo(t *testing.T) {
	t.Parallel()
	for _, r := range cases(t) {
		if !strings.HasPrefix(r.Name, "ingress/") {
			continue
		}
		t.Run(r.Name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			pairs, plans := l.migrated(r.typed(t, l.names()))
			for _, p := range pairs {
				var got []string
				for _, f := range l.compared(p.After.ID, plans) {
					if f.Status != "same" && !f.Known && !f.real() {
						got = append(got, fmt.Sprintf("%s %s %s %s: %v, %v", f.ResourceType, f.CorrelationID, f.Field,
							f.Status, f.Ingress, f.Gateway))
					}
				}
				if len(got) > 0 {
					t.Errorf("%s and %s:\n%s", p.From, p.To, strings.Join(got, "\n"))
				}
			}
		})
	}
}

// migrated translates the Ingresses among objects, and returns the annotations of both sides.
func (l *lab) migrated(all []any) (pairs []migrate.Pair, plans []console.Planned) {
	l.t.Helper()
	got := migrate.Translate(objects.FromObjects(all), migrate.Options{Ingress: settings.Ingress(l.config).Config})
	if len(got.Pairs) == 0 {
		l.t.Fatalf("nothing is translated: %v", got.Findings)
	}
	manifest.FillIn(got.Objects)
	for _, o := range got.Objects {
		all = append(all, o)
	}
	out, err := offline.Planner{Account: l.inv, Config: l.config}.Plans(l.t.Context(), objects.FromObjects(all),
		func(stack.Key) bool { return true })
	if err != nil {
		l.t.Fatal(err)
	}
	for _, s := range out.Stacks {
		if s.Compiled.Stack == nil {
			l.t.Fatalf("%s: %v", s.Key, s.Diagnostics)
		}
		p := console.Planned{Gateway: s.Key.Owner == stack.GatewayALB, Namespace: s.Key.ID.Namespace,
			Name: s.Key.ID.Name, Plan: []byte(l.annotation(s.Compiled.Stack))}
		if s.Key.ID.Namespace == "" {
			p.Group = s.Key.ID.Name
		}
		if !p.Gateway {
			p.Annotations = annotationsOf(s.Input.Members)
		}
		plans = append(plans, p)
	}
	return got.Pairs, plans
}

// annotationsOf are the annotations of all members.
func annotationsOf(members []metav1.Object) map[string]string {
	out := map[string]string{}
	for _, m := range members {
		maps.Copy(out, m.GetAnnotations())
	}
	return out
}

// compared are the fields of the plan of a Gateway beside those of its Ingresses.
func (l *lab) compared(gateway stack.ID, plans []console.Planned) []plannedField {
	l.t.Helper()
	ask := httptest.NewRequest(http.MethodGet, "/api/diff?"+url.Values{"namespace": {gateway.Namespace},
		"gateway": {gateway.Name}}.Encode(), nil)
	ask.Host = "localhost"
	answer := httptest.NewRecorder()
	console.Handler(plansOf{plans: plans}).ServeHTTP(answer, ask)
	var d struct{ Entries []plannedField }
	if err := json.Unmarshal(answer.Body.Bytes(), &d); err != nil || answer.Code != http.StatusOK {
		l.t.Fatalf("%s: %d %s", gateway, answer.Code, answer.Body)
	}
	if !slices.ContainsFunc(d.Entries, func(f plannedField) bool { return f.Status == "same" }) {
		l.t.Errorf("%s: no field is the same", gateway)
	}
	return d.Entries
}
