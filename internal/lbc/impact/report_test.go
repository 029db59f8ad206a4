package impact

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator/diff"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

func TestAcceleratorOpensInternalEndpoints(t *testing.T) {
	t.Parallel()
	key := stack.Key{Owner: accelerator.Owner, ID: stack.ID{Namespace: "shop", Name: "edge"}}
	const balancer = "arn:aws:elasticloadbalancing:us-west-2:1:loadbalancer/app/internal/1"
	d := accelerator.Declared{Key: key, Name: "edge", IPAddressType: accelerator.IPV4, Listeners: []accelerator.Listener{{
		Protocol: accelerator.TCP, Ports: []accelerator.PortRange{{From: 443, To: 443}}, Affinity: accelerator.NoAffinity,
		Groups: []accelerator.Group{{Region: "us-west-2", Dial: 100, Endpoints: []accelerator.Endpoint{{ID: balancer,
			Weight: 128}}}},
	}}}
	r := Of(Input{Accelerators: []Accelerator{{Plan: diff.Plan(d, accelerator.Observed{})}}})
	text := r.Text()
	for _, want := range []string{
		"  accelerators  ", "IPv4 addresses of accelerators  0 → 2",
		"! aga.k8s.aws:shop/edge: tcp 443 of the accelerator to " + balancer + " opens to 0.0.0.0/0 (anyone on the internet)",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

func TestRulesOfPodsAndNodesAreTold(t *testing.T) {
	t.Parallel()
	sg := stack.Literal(stack.KindSecurityGroup, "sg-1")
	p := plan.Plan{Key: stack.Key{Owner: "elbv2.k8s.aws", ID: stack.ID{Namespace: "shop", Name: "web"}},
		Steps: []plan.Step{
			{ID: "open", Action: plan.Update, Resource: sg, Op: awsop.AuthorizeSecurityGroupIngress{Group: sg,
				Permissions: []stack.Permission{tcp(8080, "0.0.0.0/0")}}},
			{ID: "close", Action: plan.Update, Resource: sg, Op: awsop.RevokeSecurityGroupIngress{Group: sg,
				Permissions: []stack.Permission{tcp(8080, "10.0.0.0/8")}}},
		}}
	r := Of(Input{Others: []plan.Plan{p}})
	want := `exposure:
  ! elbv2.k8s.aws:shop/web: tcp 8080 of security group sg-1 opens to 0.0.0.0/0 (anyone on the internet)
    elbv2.k8s.aws:shop/web: tcp 8080 of security group sg-1 closes to 10.0.0.0/8
`
	if got := r.Text(); got != want {
		t.Errorf("%s, want\n%s", got, want)
	}
	if got := Triggers([]string{OnExposure}, []plan.Plan{p}, r); len(got) != 1 || got[0].Steps[0] != "open" {
		t.Errorf("%+v", got)
	}
}

func TestUnknownThatMayExposeFailsOnExposure(t *testing.T) {
	t.Parallel()
	in := Input{Unknown: []Unknown{{Of: "a", What: "not read", Exposes: true}, {Of: "b",
		What: "not read, and of the bill only"}}}
	r := Of(in)
	if got := Triggers([]string{OnExposure}, nil, r); len(got) != 1 || got[0].Of != "a" {
		t.Errorf("%+v", got)
	}
	if got := Triggers([]string{OnDeletion}, nil, r); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestReportWithoutChangesHasNoText(t *testing.T) {
	t.Parallel()
	r := Of(Input{})
	if r.Text()+r.Markdown() != "" {
		t.Errorf("%q %q", r.Text(), r.Markdown())
	}
	raw, err := json.Marshal(r)
	if err != nil || strings.Contains(string(raw), "null") {
		t.Errorf("%s, %v", raw, err)
	}
}

func TestMarkdownShowsTextsAsTheyAre(t *testing.T) {
	t.Parallel()
	r := Report{Bill: []Unit{{Unit: "accelerators", After: 1}}, Exposure: []Change{{Kind: Fails, Of: "s",
		Where: "host `a|b`", Before: "x", After: "503", Exposes: true}}}
	want := "\n| Bill | Before | After |\n|---|---:|---:|\n| accelerators | 0 | 1 |\n\n| | Exposure | Of " +
		"|\n|---|---|---|\n" +
		"| **!** | `host 'a¦b': requests fail: x → 503` | `s` |\n"
	if got := r.Markdown(); got != want {
		t.Errorf("%q, want\n%q", got, want)
	}
}

func TestEveryKindHasSteps(t *testing.T) {
	t.Parallel()
	for _, k := range Kinds {
		if len(resourcesOf[k.Kind]) == 0 {
			t.Errorf("%s has no steps", k.Kind)
		}
	}
}
