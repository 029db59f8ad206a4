package policy

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

const balancer = "arn:lb"

// step is a step without operation, of which only the dependencies matter.
func step(id plan.StepID, needs ...plan.StepID) plan.Step {
	return plan.Step{ID: id, Needs: needs, Op: awsop.DeleteListener{}}
}

// deletion deletes a load balancer.
func deletion(id string, needs ...plan.StepID) plan.Step {
	s := step(plan.StepID("delete "+id), needs...)
	s.Resource, s.Op = stack.Ref{Kind: stack.KindLoadBalancer, ID: id, Literal: balancer}, awsop.DeleteLoadBalancer{}
	return s
}

func importing(id string) plan.Step {
	s := step(plan.StepID("import " + id))
	s.Op = awsop.ImportCertificate{Certificate: stack.Certificate{ID: id}}
	return s
}

func requesting(id string) plan.Step {
	s := step(plan.StepID("request " + id))
	s.Op = awsop.RequestCertificate{Certificate: stack.Certificate{ID: id}}
	return s
}

func guarded(s plan.Step, code diag.Code) plan.Step {
	s.Guard = &plan.Guard{Code: code}
	return s
}

// shown are the steps of a plan with what they need and why they are refused.
func shown(p plan.Plan) []string {
	out := []string{}
	for _, s := range p.Steps {
		text := string(s.ID)
		for _, n := range s.Needs {
			text += " <- " + string(n)
		}
		if s.Guard != nil {
			text += " " + string(s.Guard.Code) + " " + s.Guard.Text
		}
		out = append(out, text)
	}
	return out
}

func TestAPolicyRefusesStepsAndLeavesOutWhatOnlyPreparesForThem(t *testing.T) {
	t.Parallel()
	const lb, frontend = stack.LoadBalancerIdentity, stack.FrontendIdentity
	o := awsop.Observed{LoadBalancers: []awsop.LoadBalancer{
		{ARN: balancer, LoadBalancer: stack.LoadBalancer{Name: "web"}}}}
	protect := Protect(map[string]string{lb: "Ingress a"}, o)
	held := DelayCertificates(map[string]plan.Guard{"a": {Code: diag.ImportsHeld}})
	hold := RefuseDeletions(plan.Guard{Code: diag.DeletionsHeld})
	const kept = " DeletionProtected deletion protection, declared by Ingress a, keeps load balancer web"
	for name, c := range map[string]struct {
		policies []plan.Policy
		steps    []plan.Step
		want     []string
	}{
		"no policy":          {nil, []plan.Step{deletion(lb)}, []string{"delete LoadBalancer"}},
		"protection":         {[]plan.Policy{protect}, []plan.Step{deletion(lb)}, []string{"delete LoadBalancer" + kept}},
		"another is deleted": {[]plan.Policy{protect}, []plan.Step{deletion(frontend)}, []string{"delete FrontendNlb"}},
		"preparations go, but for those that others need": {[]plan.Policy{protect},
			[]plan.Step{step("lift"), step("shared"), deletion(lb, "lift", "shared"),
				step("group", "delete LoadBalancer", "shared")},
			[]string{"shared", "delete LoadBalancer <- shared" + kept, "group <- delete LoadBalancer <- shared"}},
		"the declaration says more than AWS": {[]plan.Policy{protect}, []plan.Step{
			guarded(deletion(lb), diag.DeletionProtected)}, []string{"delete LoadBalancer" + kept}},
		"a duplicate stays one": {[]plan.Policy{protect}, []plan.Step{
			guarded(deletion(lb), diag.DuplicateResource)}, []string{"delete LoadBalancer DuplicateResource "}},
		"imports": {[]plan.Policy{held}, []plan.Step{importing("a"), importing("b")},
			[]string{"import a ImportsHeld ", "import b"}},
		"requests": {[]plan.Policy{held}, []plan.Step{requesting("a"), requesting("b")},
			[]string{"request a ImportsHeld ", "request b"}},
		"deletions": {[]plan.Policy{hold}, []plan.Step{step("x"), deletion(lb, "x")},
			[]string{"delete LoadBalancer DeletionsHeld "}},
		"everything": {[]plan.Policy{protect, RefuseAll(plan.Guard{Code: diag.PlanNotApproved})},
			[]plan.Step{step("x"), deletion(lb, "x"), step("y")}, []string{"delete LoadBalancer" + kept, "y PlanNotApproved "}},
		"nothing": {[]plan.Policy{None}, []plan.Step{step("x")}, []string{"x"}},
		"what is protected is not held": {[]plan.Policy{protect, hold}, []plan.Step{deletion(lb), deletion(frontend)},
			[]string{"delete FrontendNlb DeletionsHeld "}},
	} {
		before := plan.Plan{Steps: c.steps, HandOver: []plan.StepID{"lift", "x"}}
		was := shown(before)
		if diff := cmp.Diff(c.want, shown(before.Under(c.policies...))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(was, shown(before)); diff != "" {
			t.Errorf("%s: the plan that was given in is another (-want +got):\n%s", name, diff)
		}
	}
}
