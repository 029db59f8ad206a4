package policy

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

func TestWhatTakesSomethingAwayIsHeldAndWhatAddsIsCarriedOut(t *testing.T) {
	t.Parallel()
	lb, listener := stack.Ref{Kind: stack.KindLoadBalancer, ID: stack.LoadBalancerIdentity},
		stack.Ref{Kind: stack.KindListener, ID: "80"}
	o := awsop.Observed{Key: stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: "web"}}}
	o.LoadBalancers = []awsop.LoadBalancer{
		{ARN: balancer, LoadBalancer: stack.LoadBalancer{ID: lb.ID, Type: stack.Application,
			Attributes: map[string]string{"idle_timeout.timeout_seconds": "90", "routing.http2.enabled": "true"},
			Tags:       map[string]string{"Team": "platform", naming.RetainedTag: "true"}}}}
	of := func(id plan.StepID, a plan.Action, r stack.Ref, op awsop.Operation, needs ...plan.StepID) plan.Step {
		return plan.Step{ID: id, Action: a, Resource: r, Op: op, Needs: needs}
	}
	fresh := stack.Ref{Kind: stack.KindListener, ID: "8080"}
	for name, c := range map[string]struct {
		steps []plan.Step
		want  []string
	}{
		"nothing is held of what only adds": {[]plan.Step{
			of("group", plan.Create, stack.Ref{Kind: stack.KindTargetGroup, ID: "web"}, awsop.CreateTargetGroup{}),
			of("listener", plan.Create, fresh, awsop.CreateListener{}),
			of("rule", plan.Create, stack.Ref{Kind: stack.KindRule, ID: "80:1"}, awsop.CreateRule{}),
			of("certificate", plan.Update, listener, awsop.AddListenerCertificates{}),
			of("await", plan.Await, stack.Ref{Kind: stack.KindTargetGroup, ID: "web"}, awsop.AwaitTargets{}),
		}, []string{"group", "listener", "rule", "certificate", "await"}},
		"what is changed right after it is made": {[]plan.Step{of("make", plan.Create, fresh, awsop.CreateListener{}),
			of("login", plan.Update, fresh, awsop.ModifyListener{}, "make")},
			[]string{"make", "login <- make"}},
		"deletions, replacements and changes": {[]plan.Step{
			of("replace", plan.Replace, lb, awsop.CreateLoadBalancer{}),
			of("default", plan.Update, listener, awsop.ModifyListener{}),
			of("groups", plan.Update, lb, awsop.SetSecurityGroups{}),
			of("delete", plan.Delete, listener, awsop.DeleteListener{}),
			of("close", plan.Update, stack.Ref{Kind: stack.KindSecurityGroup, ID: "x"}, awsop.RevokeSecurityGroupIngress{}),
		}, []string{"replace HELD 5", "default HELD 5", "groups HELD 5", "delete HELD 5", "close HELD 5"}},
		"a listener aside, which has another one changed": {[]plan.Step{
			of("aside", plan.Create, stack.Ref{Kind: stack.KindListener, ID: "aside"}, awsop.CreateListener{
				Prepares: awsop.Protocols{Listener: "80", From: "HTTP", To: "HTTPS"}}),
		}, []string{"aside HELD 1"}},
		"what awaits targets for the sake of what is held": {[]plan.Step{
			of("await", plan.Await, stack.Ref{Kind: stack.KindTargetGroup, ID: "web"}, awsop.AwaitTargets{}),
			of("modify", plan.Update, listener, awsop.ModifyListener{}, "await"),
		}, []string{"await HELD 1", "modify <- await HELD 1"}},
		"attributes that have the default are set, others are held": {[]plan.Step{
			of("set", plan.Update, lb, awsop.ModifyLoadBalancerAttributes{LoadBalancer: lb, Attributes: map[string]string{
				"idle_timeout.timeout_seconds": "100", "routing.http2.enabled": "false", "waf.fail_open.enabled": "true"}}),
		}, []string{"set [routing.http2.enabled waf.fail_open.enabled]",
			"set (refused) [idle_timeout.timeout_seconds] HELD 1"}},
		"tags that are not there are added, others are held": {[]plan.Step{
			of("add", plan.Update, lb, awsop.AddTags{Resource: lb, Tags: map[string]string{"Team": "web", "Stage": "live"}}),
			of("remove", plan.Update, lb, awsop.RemoveTags{Resource: lb, Keys: []string{"Owner"}}),
			of("own", plan.Update, lb, awsop.RemoveTags{Resource: lb, Keys: []string{naming.RetainedTag}}),
		}, []string{"add [Stage]", "add (refused) [Team] HELD 2", "remove [Owner] HELD 2",
			"own [" + naming.RetainedTag + "]"}},
		"what is refused otherwise": {
			[]plan.Step{guarded(of("delete", plan.Delete, lb, awsop.DeleteLoadBalancer{}), diag.DeletionProtected)},
			[]string{"delete DeletionProtected"}},
	} {
		p := plan.Plan{Steps: c.steps}.Under(RefuseDestructive(o, func(held []plan.Step) plan.Guard {
			return plan.Guard{Code: "HELD", Text: fmt.Sprint(len(held))}
		}))
		var got []string
		for _, s := range p.Steps {
			text := string(s.ID)
			for _, n := range s.Needs {
				text += " <- " + string(n)
			}
			if keys := s.Op.About().Keys(); len(keys) > 0 {
				text += " " + fmt.Sprint(keys)
			}
			if s.Guard != nil {
				text += " " + string(s.Guard.Code)
				if s.Guard.Text != "" {
					text += " " + s.Guard.Text
				}
			}
			got = append(got, text)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
