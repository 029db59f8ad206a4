package stacks

import (
	"errors"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

func TestTheRecordHoldsWhichSecretsWereSentToAWS(t *testing.T) {
	t.Parallel()
	one, two := stack.NewSecret("one", "uid"), stack.NewSecret("two", "uid")
	for _, c := range []struct {
		name    string
		before  string
		secret  stack.Secret // zero: withheld
		none    bool         // no login is wanted any more
		outcome apply.State  // of the step that writes it; "" = there is none
		keep    bool
		after   string
	}{
		{name: "written", secret: one, outcome: apply.Done, after: "idp=" + one.Fingerprint()},
		{name: "adopted", secret: one, after: "idp=" + one.Fingerprint()},
		{name: "unchanged", before: "idp=" + one.Fingerprint(), secret: one, after: "idp=" + one.Fingerprint()},
		{name: "rotated", before: "idp=" + one.Fingerprint(), secret: two, outcome: apply.Done, after: "idp=" +
			two.Fingerprint()},
		{name: "rotation failed", before: "idp=" + one.Fingerprint(), secret: two, outcome: apply.Failed, after: "idp=" +
			one.Fingerprint()},
		{name: "rotation blocked", before: "idp=" + one.Fingerprint(), secret: two, outcome: apply.Blocked, after: "idp=" +
			one.Fingerprint()},
		{name: "first write failed", secret: one, outcome: apply.Failed, after: "idp="},
		{name: "withheld", before: "idp=" + one.Fingerprint(), after: "idp=" + one.Fingerprint()},
		{name: "withheld from the start", after: ""},
		{name: "not wanted any more", before: "idp=" + one.Fingerprint(), none: true, after: ""},
		{name: "not seen for now", before: "idp=" + one.Fingerprint(), none: true, keep: true, after: "idp=" +
			one.Fingerprint()},
		{name: "another's text", before: "whatever", secret: one, after: "idp=" + one.Fingerprint()},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ing := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "u",
				Annotations: map[string]string{"other": "x"}}}
			if c.before != "" {
				ing.Annotations[string(annotation.WrittenSecrets)] = c.before
			}
			scheme, err := readable.Scheme()
			if err != nil {
				t.Fatal(err)
			}
			k := fake.NewClientBuilder().WithScheme(scheme).WithObjects(ing).Build()
			rule := stack.Rule{ID: "443:1", Actions: []stack.Action{{Type: stack.ActionAuthenticateOIDC,
				OIDC: &stack.AuthenticateOIDC{ClientSecret: c.secret, SecretName: "shop/idp"}}}}
			r := compile.Result{Stack: &stack.Stack{}, Origins: map[stack.Ref]compile.Origin{
				{Kind: stack.KindRule, ID: "443:1"}: {Objects: []diag.Object{owner.Object(ing)}}}}
			if !c.none {
				r.Stack.Rules = []stack.Rule{rule}
			}
			if c.keep {
				r.Keep.Resources = []stack.Ref{{Kind: stack.KindListener, ID: "443"}}
			}
			var p plan.Plan
			result := apply.Result{Outcomes: map[plan.StepID]apply.Outcome{}}
			if c.outcome != "" {
				p.Steps = []plan.Step{{ID: "ModifyRule 443:1", Op: awsop.ModifyRule{Rule: rule}}}
				result.Outcomes["ModifyRule 443:1"] = apply.Outcome{State: c.outcome, Err: errors.New("refused")}
			}
			if err := (&Reconciler{Client: k}).recordSecrets(t.Context(), r, &p, result, []metav1.Object{ing}).err(); err !=
				nil {
				t.Fatal(err)
			}
			got := &networkingv1.Ingress{}
			if err := k.Get(t.Context(), client.ObjectKeyFromObject(ing), got); err != nil {
				t.Fatal(err)
			}
			if text, ok := got.Annotations[string(annotation.WrittenSecrets)]; text != c.after || ok != (c.after != "") ||
				got.Annotations["other"] != "x" {
				t.Errorf("recorded %q, want %q", text, c.after)
			}
		})
	}
}
