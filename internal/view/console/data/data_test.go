package data

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/view/console"
	"github.com/k8s-lbc/lbc/internal/view/explain"
)

func TestStepsAreShownWithWhatRefusesThem(t *testing.T) {
	t.Parallel()
	rule := stack.Ref{Kind: stack.KindRule, ID: "80:1"}
	p := plan.Plan{
		Steps: []plan.Step{
			{Action: plan.Create, Resource: rule, Op: awsop.CreateRule{}, Why: []string{"it is new"}},
			{Action: plan.Delete, Resource: rule, Op: awsop.DeleteRule{}, Guard: &plan.Guard{
				Text: "it stays", Remedy: "allow it"}},
		},
		Withheld: []plan.Withheld{{Step: plan.Step{Action: plan.Update, Resource: rule, Op: awsop.ModifyRule{}},
			Group: "rules", Policy: "ignore"}},
	}
	var got []string
	for _, s := range Steps(p) {
		got = append(got, strings.Join([]string{s.Action, s.Resource, s.Operation, strings.Join(s.Why, ","), s.Refused}, "|"))
	}
	want := "create|Rule 80:1|CreateRule|it is new|\ndelete|Rule 80:1|DeleteRule||it stays; allow it\nwithheld|Rule " +
		"80:1|ModifyRule||withheld by drift policy rules=ignore"
	if strings.Join(got, "\n") != want {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
}

func TestASummaryCountsErrorsAndNotes(t *testing.T) {
	t.Parallel()
	object := diag.Object{Kind: "Ingress", Namespace: "shop", Name: "web"}
	b := LoadBalancer{
		Key: stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "front"}}, Objects: []diag.Object{object},
		Findings: []explain.Finding{{Severity: "note", Reason: "A"}, {Severity: "error", Reason: "B"},
			{Severity: "note", Reason: "C"}},
	}
	s := b.Summary()
	if s.Title != "front (group)" || s.Kind != "Ingress" || s.State != "not created" || s.Errors != 1 || s.Notes != 2 ||
		fmt.Sprint(s.Objects) != "[Ingress shop/web]" {
		t.Errorf("%+v", s)
	}
	b.Findings = append(b.Findings, explain.Finding{Severity: "warning", Reason: "D"})
	if f := Findings("key", b.Findings); f[1].Reason != "D" || f[0].Reason != "B" || f[2].Reason != "A" ||
		f[3].Key != "key" {
		t.Errorf("%+v", f)
	}
}

func TestQuestionsWithoutAnAnswerAreRefused(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]explain.Input{
		"one that cannot be built": {Diagnostics: diag.List{{Class: diag.Note, Text: "a note"},
			{Class: diag.NotFound, Text: "no Service"}}},
		"a network load balancer": {Stack: &stack.Stack{LoadBalancers: []stack.LoadBalancer{{Type: stack.Network}}}},
	} {
		if err := Answerable(in); !errors.Is(err, console.ErrInvalid) || strings.Contains(err.Error(), "a note") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := Answerable(
		explain.Input{Stack: &stack.Stack{LoadBalancers: []stack.LoadBalancer{{Type: stack.Application}}}}); err != nil {
		t.Error(err)
	}
	if _, err := Request(console.Question{Request: "GET http://example.com/", From: "192.0.2.1", Headers: []string{
		"no value"}}); !errors.Is(err, console.ErrInvalid) {
		t.Errorf("%v", err)
	}
}

func TestPlansInAnnotationsAreUnpacked(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write([]byte(`{"id":"packed"}`)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	of := func(name string, a map[annotation.Key]string) metav1.Object {
		o := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name,
			Annotations: map[string]string{}}}
		for k, v := range a {
			o.Annotations[string(k)] = v
		}
		return o
	}
	all := Planned(func(kind objects.Kind) []metav1.Object {
		if kind != objects.Ingress {
			return nil
		}
		return []metav1.Object{
			of("none", nil), of("plain", map[annotation.Key]string{annotation.DryRunPlan: `{"id":"plain"}`,
				annotation.GroupName: "front"}),
			of("packed", map[annotation.Key]string{annotation.DryRunPlanGzip: base64.StdEncoding.EncodeToString(
				packed.Bytes())}),
			of("damaged", map[annotation.Key]string{annotation.DryRunPlanGzip: "?"}),
		}
	})
	if len(all) != 3 || string(all[0].Plan) != `{"id":"plain"}` || all[0].Group != "front" ||
		string(all[1].Plan) != `{"id":"packed"}` || !strings.Contains(all[2].Problem, string(annotation.DryRunPlanGzip)) {
		t.Errorf("%+v", all)
	}
}
