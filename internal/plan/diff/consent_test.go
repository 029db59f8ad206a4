package diff

import (
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

func TestAdoptedLoadBalancerStaysWithoutConsent(t *testing.T) {
	t.Parallel()
	key := stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: "web"}}
	const deletable, adopted = "elbv2.k8s.aws/deletable-by", "elbv2.k8s.aws/adopted"
	for name, c := range map[string]struct {
		asked      stack.Retention
		tags       map[string]string
		namespaces []string
		byHand     bool
		want       stack.Retention
	}{
		"the stack's own": {namespaces: []string{"shop"}, want: stack.RetainNothing},
		"marked": {tags: map[string]string{adopted: "true"}, namespaces: []string{"shop"},
			want: stack.RetainTagged},
		"before there were marks": {asked: stack.RetainUnlessDeletable, namespaces: []string{"shop"},
			want: stack.RetainTagged},
		"the cluster may": {asked: stack.RetainUnlessDeletable, tags: map[string]string{deletable: "demo"},
			namespaces: []string{"shop"}, want: stack.RetainNothing},
		"the namespace may": {tags: map[string]string{adopted: "true", deletable: "demo/shop"}, namespaces: []string{
			"shop"}, want: stack.RetainNothing},
		"another may": {tags: map[string]string{adopted: "true", deletable: "demo/other"}, namespaces: []string{
			"shop"}, want: stack.RetainTagged},
		"another cluster may": {tags: map[string]string{adopted: "true", deletable: "demo-2"}, namespaces: []string{
			"shop"}, want: stack.RetainTagged},
		"one of two may": {tags: map[string]string{adopted: "true", deletable: "demo/shop"}, namespaces: []string{
			"shop", "other"}, want: stack.RetainTagged},
		"it may only be shared": {tags: map[string]string{adopted: "true", "elbv2.k8s.aws/shared-with": "demo/shop"},
			namespaces: []string{"shop"}, want: stack.RetainTagged},
		"no object is known": {tags: map[string]string{adopted: "true", deletable: "demo/shop"},
			want: stack.RetainTagged},
		"without tags": {asked: stack.RetainWithoutTags, tags: map[string]string{adopted: "true"},
			namespaces: []string{"shop"}, want: stack.RetainWithoutTags},
		"lbc cleanup": {tags: map[string]string{adopted: "true"}, byHand: true, want: stack.RetainNothing},
	} {
		removed := stack.ForRemoval(key, "demo", "vpc", stack.ObjectsDeleted)
		removed.Retention = c.asked
		o := awsop.Observed{Key: key, LoadBalancers: []awsop.LoadBalancer{
			{ARN: "arn:lb", LoadBalancer: stack.LoadBalancer{ID: stack.LoadBalancerIdentity, Type: stack.Application,
				Name: "payroll", Tags: c.tags}}}}
		opt := Options{Namespaces: c.namespaces, DeleteAdopted: c.byHand}
		if got := Retention(removed, &o, opt); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		deletes := false
		for _, s := range Stack(removed, stack.Keep{}, o, opt).Steps {
			_, ok := s.Op.(awsop.DeleteLoadBalancer)
			deletes = deletes || ok && s.Guard == nil
		}
		if deletes != (c.want == stack.RetainNothing) {
			t.Errorf("%s: it is deleted: %t", name, deletes)
		}
	}
}

func TestAdoptedLoadBalancerIsNotReplacedWithoutConsent(t *testing.T) {
	t.Parallel()
	key := stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: "web"}}
	for tag, replaced := range map[string]bool{"": false, "demo/shop": true} {
		have := stack.LoadBalancer{ID: stack.LoadBalancerIdentity, Type: stack.Application, Name: "payroll",
			Scheme: stack.Internal,
			Tags:   map[string]string{"elbv2.k8s.aws/adopted": "true", "elbv2.k8s.aws/deletable-by": tag}}
		want := stack.LoadBalancer{ID: stack.LoadBalancerIdentity, Type: stack.Application, Name: "web",
			Scheme: "internet-facing", Tags: map[string]string{}}
		o := awsop.Observed{Key: key, LoadBalancers: []awsop.LoadBalancer{{ARN: "arn:lb", LoadBalancer: have}}}
		p := Stack(&stack.Stack{Key: key, Cluster: "demo", LoadBalancers: []stack.LoadBalancer{want}}, stack.Keep{}, o,
			Options{Namespaces: []string{"shop"}})
		found := 0
		for _, s := range p.Steps {
			switch s.Op.(type) {
			case awsop.CreateLoadBalancer, awsop.DeleteLoadBalancer:
				found++
				if (s.Guard == nil) != replaced || s.Guard != nil && s.Guard.Code != diag.DeletionWithoutConsent {
					t.Errorf("tag %q: %s has guard %+v", tag, s.ID, s.Guard)
				}
			}
		}
		if found == 0 {
			t.Errorf("tag %q: nothing is replaced", tag)
		}
	}
}

func TestTagsOfConsentAreNeverWritten(t *testing.T) {
	t.Parallel()
	key := stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: "web"}}
	lb := stack.LoadBalancer{ID: stack.LoadBalancerIdentity, Type: stack.Application, Name: "payroll",
		Scheme: stack.Internal}
	have, want := lb, lb
	have.Tags = map[string]string{"elbv2.k8s.aws/adopted": "true", "elbv2.k8s.aws/shared-with": "demo",
		"ingress.k8s.aws/stack": "shop/web"}
	want.Tags = map[string]string{"elbv2.k8s.aws/shared-with": "demo/shop", "elbv2.k8s.aws/deletable-by": "demo/shop",
		"ingress.k8s.aws/stack": "shop/web"}
	o := awsop.Observed{Key: key, LoadBalancers: []awsop.LoadBalancer{{ARN: "arn:lb", LoadBalancer: have}}}
	if p := Stack(&stack.Stack{Key: key, Cluster: "demo", LoadBalancers: []stack.LoadBalancer{want}}, stack.Keep{}, o,
		Options{}); !p.Empty() {
		t.Errorf("%+v", p.Steps)
	}
}

// TestTagsOfOthersStay has an object that names the load balancer of another stack let go of its own.
func TestTagsOfOthersStay(t *testing.T) {
	t.Parallel()
	key := stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "mal", Name: "web"}}
	tags := func(id string) map[string]string {
		return map[string]string{"elbv2.k8s.aws/cluster": "demo", "ingress.k8s.aws/stack": id,
			"ingress.k8s.aws/resource": "LoadBalancer"}
	}
	o := awsop.Observed{Key: key}
	for arn, id := range map[string]string{"arn:own": "mal/web", "arn:victim": "shop/web"} {
		lb := stack.LoadBalancer{Type: stack.Application, Name: arn, Tags: tags(id)}
		if id == "mal/web" {
			lb.ID = stack.LoadBalancerIdentity
		}
		o.LoadBalancers = append(o.LoadBalancers, awsop.LoadBalancer{ARN: arn, Foreign: id != "mal/web", LoadBalancer: lb})
		listener := stack.Listener{LoadBalancer: stack.Literal(stack.KindLoadBalancer, arn), Port: 80, Tags: tags(id)}
		o.Listeners = append(o.Listeners, awsop.Listener{ARN: arn + ":80", Listener: listener})
		o.Rules = append(o.Rules, awsop.Rule{ARN: arn + ":80:1", Priority: 1, Rule: stack.Rule{
			Listener: stack.Literal(stack.KindListener, arn+":80"), Tags: tags(id)}})
	}
	removed := stack.ForRemoval(key, "demo", "vpc", stack.ObjectsDeleted)
	removed.Retention, removed.Beside = stack.RetainWithoutTags, []string{"arn:victim"}
	p := Stack(removed, stack.Keep{}, o, Options{Namespaces: []string{"mal"}})
	if len(p.Steps) != 3 {
		t.Errorf("%d steps", len(p.Steps))
	}
	for _, s := range p.Steps {
		if strings.Contains(s.Resource.Literal, "victim") {
			t.Errorf("%s on %s", s.ID, s.Resource.Literal)
		}
	}
}
