package upkeep

import (
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/view/console"
)

func TestTheConsoleShowsWhatPassesHoldAndChangeWithoutCallsButForHealth(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Service("new"), lab.Ingress("web", map[string]string{"success-codes": "204"}, "web"),
		lab.Ingress("odd", map[string]string{"group.name": "not a name"}, "web"))
	s := l.Console()
	key := lab.Key("web")
	l.Settle(key)
	mark := l.Mark()
	detail := func() console.Detail {
		t.Helper()
		d, err := s.LoadBalancer(t.Context(), key.String())
		l.Must(err)
		return d
	}
	o, err := s.Overview(t.Context(), false)
	l.Must(err)
	if len(o.LoadBalancers) != 1 || o.LoadBalancers[0].State != "active" || o.LoadBalancers[0].Changes != 0 || o.LoadBalancers[0].DNSName == "" {
		t.Fatalf("%+v", o)
	}
	if len(o.Findings) != 1 || o.Findings[0].Key != "" || o.Findings[0].Object != "Ingress shop/odd" {
		t.Errorf("%+v", o.Findings)
	}
	d := detail()
	if len(d.Ports) != 1 || len(d.Ports[0].Rules) != 2 || d.Ports[0].Rules[0].Priority != "1" || len(d.TargetGroups) != 1 || !d.TargetGroups[0].Exists || d.HealthProblem != "" || len(d.Steps) != 0 {
		t.Errorf("%+v", d)
	}
	declared := false
	for _, f := range d.TargetGroups[0].Fields {
		declared = declared || f.Name == "success codes" && f.Value == "204" && strings.HasSuffix(f.Source, "of Ingress shop/web")
	}
	if !declared {
		t.Errorf("%+v", d.TargetGroups[0].Fields)
	}
	first := d.Passes[len(d.Passes)-1]
	made := false
	for _, x := range first.Steps {
		made = made || x.Operation == "CreateLoadBalancer" && x.Outcome == "done"
	}
	if !made {
		t.Errorf("%+v", first)
	}
	w, err := s.Ask(t.Context(), console.Question{Key: key.String(), Request: "GET http://example.com/web", From: "192.0.2.1"})
	if err != nil || len(w.Groups) != 1 || !strings.Contains(w.Result, "forward to") {
		t.Errorf("%v: %+v", err, w)
	}
	for _, c := range l.Sim.Gate.Calls(gate.Filter{After: mark}) {
		if c.Action != "DescribeTargetHealth" {
			t.Errorf("the console calls %s", c.Action)
		}
	}

	before := len(d.Passes)
	l.Edit("web", lab.ToNew)
	l.Settle(key)
	d = detail()
	if len(d.Passes) <= before || len(d.Ports[0].Rules) != 3 || len(d.TargetGroups) != 2 {
		t.Fatalf("%+v", d)
	}
	why := ""
	for _, p := range d.Passes[:len(d.Passes)-before] {
		for _, x := range p.Steps {
			if x.Operation == "CreateRule" {
				why = strings.Join(x.Why, "; ")
			}
		}
	}
	if why == "" {
		t.Errorf("no rule is created, with a reason, in %+v", d.Passes)
	}

	l.Edit("web", func(i *networkingv1.Ingress) { *i.Spec.IngressClassName = "missing" })
	l.Settle(key)
	if o, err = s.Overview(t.Context(), false); err != nil || len(o.LoadBalancers) != 1 || len(o.Findings) != 2 { // each mistake once
		t.Errorf("%v: %+v", err, o)
	}
	i := &networkingv1.Ingress{}
	l.Get(i, "web")
	l.Must(l.Client.Delete(t.Context(), i))
	l.Settle(key)
	if o, err = s.Overview(t.Context(), false); err != nil || len(o.LoadBalancers) != 0 {
		t.Errorf("%v: %+v", err, o)
	}
}
