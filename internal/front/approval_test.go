package front

import (
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/model/planjson"
	"github.com/k8s-lbc/lbc/internal/model/policy/consent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

func TestAPlanIsHeldUntilOneOfTheMembersApprovesOfIt(t *testing.T) {
	t.Parallel()
	desired := &stack.Stack{Cluster: "demo", Key: stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "shop"}},
		LoadBalancers: []stack.LoadBalancer{{ID: stack.LoadBalancerIdentity, Name: "shop"}}}
	digest, err := planjson.Digest(desired)
	if err != nil || len(digest) != 16 {
		t.Fatal(digest, err)
	}
	removed := *desired
	removed.Removal = stack.NotDeclared
	const none, other = "none", "0123456789abcdef"
	adopted := *desired
	adopted.Adopts = "arn:lb"
	for name, c := range map[string]struct {
		members, leaving []string // values of the annotation; "-" = it is not there
		desired          *stack.Stack
		class            []string          // digests of which class parameters approve
		allowed          string            // by the flag
		tags             map[string]string // of the load balancer
		want             string            // in the text; empty = the plan is carried out
	}{
		"without a member that asks": {members: []string{"-", "-"}},
		"one asks":                   {members: []string{"-", none}, want: "and this plan has none"},
		"what is no approval":        {members: []string{"", "non"}},
		"another state is approved":  {members: []string{other}, want: "approves another plan"},
		"it is approved":             {members: []string{digest}},
		"one of several states":      {members: []string{other + "," + digest}},
		"one of several approves":    {members: []string{none, digest, other}},
		"one that leaves has no say": {members: []string{none}, leaving: []string{digest}, want: "and this plan has none"},
		"what is taken over": {members: []string{"-"}, desired: &adopted,
			want: "the adopted load balancer: DeleteListener (it is in the way)"},
		"another state of it": {members: []string{other}, desired: &adopted, want: "wait for an approval"},
		"nothing of it":       {members: []string{none}, desired: &adopted, want: "and this plan has none"},
		"its approval":        {members: []string{digest}, desired: &adopted, allowed: "shop=platform"},
		"by a tag": {members: []string{digest}, desired: &adopted, tags: map[string]string{
			"elbv2.k8s.aws/shared-with": "demo/shop"}},
		"by the asker alone": {members: []string{digest}, desired: &adopted, want: "wait for an approval"},
		"the flag names no namespace": {members: []string{digest}, desired: &adopted, allowed: "platform",
			want: "wait for an approval"},
		"the tag names none": {members: []string{digest}, desired: &adopted, tags: map[string]string{
			"elbv2.k8s.aws/shared-with": "demo"}, want: "wait for an approval"},
		"another namespace is named": {members: []string{digest}, desired: &adopted, allowed: "other=*",
			tags: map[string]string{"elbv2.k8s.aws/shared-with": "demo/other"}, want: "wait for an approval"},
		"the class approves": {members: []string{"-"}, desired: &adopted, class: []string{other, digest}},
		"the class, of another state": {members: []string{digest}, desired: &adopted, class: []string{other},
			want: "wait for an approval"},
		"managed since": {members: []string{"-"}, tags: map[string]string{"elbv2.k8s.aws/adopted": "true"},
			want: "wait for an approval"},
		"and self-approved": {members: []string{digest}, tags: map[string]string{"elbv2.k8s.aws/adopted": "true"},
			allowed: "*", want: "wait for an approval"},
		"managed, and entrusted": {members: []string{"-"}, tags: map[string]string{"elbv2.k8s.aws/adopted": "true"},
			allowed: "shop=*"},
		"the class of what is not": {members: []string{none}, class: []string{digest},
			want: "and this plan has none"},
		"the class asks": {members: []string{"-"}, desired: &adopted, class: []string{none},
			want: "and this plan has none"},
		"what no object declares": {members: []string{none}, desired: &removed},
	} {
		of := func(values []string) (out []metav1.Object) {
			for _, v := range values {
				i := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
				if v != "-" {
					i.Annotations = map[string]string{"alb.ingress.kubernetes.io/approved-plan": v}
				}
				out = append(out, i)
			}
			return out
		}
		if c.desired == nil {
			c.desired = desired
		}
		allowed, err := consent.Parse([]string{c.allowed})
		if err != nil {
			t.Fatal(err)
		}
		o := awsop.Observed{LoadBalancers: []awsop.LoadBalancer{
			{ARN: "arn:lb", LoadBalancer: stack.LoadBalancer{ID: stack.LoadBalancerIdentity, Name: "platform", Tags: c.tags}}}}
		hold, err := Approval(Input{Members: of(c.members), Leaving: of(c.leaving), ClassApprovals: c.class},
			c.desired, o, allowed)
		if err != nil {
			t.Fatal(err)
		}
		g := plan.Plan{Steps: []plan.Step{{ID: "x", Action: plan.Delete, Op: awsop.DeleteListener{}, Why: []string{
			"it is in the way"}}}}.Under(hold).Steps[0].Guard
		switch {
		case (g != nil) != (c.want != ""):
			t.Errorf("%s: guard %v", name, g)
		case g != nil && (!strings.Contains(g.Text, c.want) || !strings.Contains(g.Remedy, "approved-plan: "+digest)):
			t.Errorf("%s: %s; %s", name, g.Text, g.Remedy)
		}
	}
}
