package controller

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/controller/consolesource"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/view/console"
)

// console has the passes over Ingresses noted for a console.
func (l *lab) console() *consolesource.Source {
	s := consolesource.New(consolesource.Options{
		Config: l.config, Health: l.clients().ELBV2, Now: l.clock.Now, Names: consolesource.NamesFrom(l.client),
		Objects: func(ctx context.Context) *objects.View { return objects.New(reads.NewCacheReader(ctx, l.client, nil)) },
	})
	l.ingresses.OnPassed = s.Passed
	return s
}

func TestTheConsoleShowsWhatPassesHoldAndChangeWithoutCallsButForHealth(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labClass(), labService("web"), labService("new"), labIngress("web", map[string]string{"success-codes": "204"}, "web"),
		labIngress("odd", map[string]string{"group.name": "not a name"}, "web"))
	s := l.console()
	key := implicit("web")
	l.settle(key)
	mark := l.mark()
	detail := func() console.Detail {
		t.Helper()
		d, err := s.LoadBalancer(t.Context(), key.String())
		l.must(err)
		return d
	}
	o, err := s.Overview(t.Context(), false)
	l.must(err)
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
	for _, c := range l.sim.Gate.Calls(gate.Filter{After: mark}) {
		if c.Action != "DescribeTargetHealth" {
			t.Errorf("the console calls %s", c.Action)
		}
	}

	before := len(d.Passes)
	l.edit("web", toNew)
	l.settle(key)
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

	l.edit("web", func(i *networkingv1.Ingress) { *i.Spec.IngressClassName = "missing" })
	l.settle(key)
	if o, err = s.Overview(t.Context(), false); err != nil || len(o.LoadBalancers) != 1 || len(o.Findings) != 2 { // each mistake once
		t.Errorf("%v: %+v", err, o)
	}
	i := &networkingv1.Ingress{}
	l.get(i, "web")
	l.must(l.client.Delete(t.Context(), i))
	l.settle(key)
	if o, err = s.Overview(t.Context(), false); err != nil || len(o.LoadBalancers) != 0 {
		t.Errorf("%v: %+v", err, o)
	}
}

func TestAnAddressOfTheConsoleThatIsTakenIsReported(t *testing.T) {
	t.Parallel()
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close() //nolint:errcheck // nothing was sent
	w := &wiring{config: &config.Config{ConsoleAddr: taken.Addr().String()}, log: logr.Discard()}
	if err := w.setUpConsole(t.Context()); err == nil || !strings.Contains(err.Error(), "--console-bind-addr="+taken.Addr().String()) || w.console != nil {
		t.Errorf("%v", err)
	}
}

func TestNothingIsKeptWithoutAnAddressOfTheConsole(t *testing.T) {
	t.Parallel()
	w := &wiring{config: &config.Config{}, log: logr.Discard()}
	if err := w.setUpConsole(t.Context()); err != nil || w.console != nil || len(w.runnables) != 0 {
		t.Errorf("%v: %+v", err, w.console)
	}
}

// elector is a manager that leads once elected is closed.
type elector struct {
	ctrl.Manager
	elected chan struct{}
}

func (e elector) Elected() <-chan struct{} { return e.elected }

// heldLease is a lock that a process holds, or that cannot be read.
type heldLease struct {
	resourcelock.Interface
	holder string
	err    error
}

func (l heldLease) Get(context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	return &resourcelock.LeaderElectionRecord{HolderIdentity: l.holder}, nil, l.err
}

func TestAReplicaThatStandsByNamesThePodThatLeads(t *testing.T) {
	t.Parallel()
	leads := make(chan struct{})
	close(leads)
	for name, tt := range map[string]struct {
		elected chan struct{}
		lease   heldLease
		want    string
	}{
		"it leads":                       {leads, heldLease{}, ""},
		"another leads":                  {nil, heldLease{holder: "lbc-7c9-abcde_1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed"}, "This replica stands by, and has no load balancers to show: lbc-7c9-abcde leads. Forward a port to that pod."},
		"none leads":                     {nil, heldLease{}, "This replica stands by, and has no load balancers to show. Which one leads is not known: see the Lease lbc-leader."},
		"the API server does not answer": {nil, heldLease{err: errors.New("refused")}, "This replica stands by, and has no load balancers to show. Which one leads is not known: see the Lease lbc-leader."},
	} {
		w := &wiring{config: &config.Config{LeaderElectionID: "lbc-leader"}, mgr: elector{elected: tt.elected}, start: &start{lease: &fence{Interface: tt.lease, report: func(error) {}}}}
		if got := w.standby(t.Context()); got != tt.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}
