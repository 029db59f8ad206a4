package restart

import (
	"slices"
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/awssim"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// switched are clients of one account or the other.
type switched struct {
	elb      struct{ awsclient.ELBV2 }
	compute  struct{ awsclient.EC2 }
	identity struct{ awsclient.STS }
}

func (s *switched) to(sim *awssim.Simulator) {
	s.elb.ELBV2, s.compute.EC2, s.identity.STS = sim.Balancing, sim.Compute, sim.Identity
}

// otherAccount is an account with the same VPC and no load balancer.
func otherAccount(t *testing.T, l *lab.Lab) *awssim.Simulator {
	t.Helper()
	sim, err := awssim.New(awssim.Options{Clock: l.Clock, Profile: account.Profile{}})
	l.Must(err)
	t.Cleanup(func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	sim.Account.Lock()
	defer sim.Account.Unlock()
	sim.Account.ID = "210987654321"
	return sim
}

// TestAnotherAccountsAnswersChangeNothing has the credentials become those of another account, in which none of the
// load balancers are: nothing is written there, no object loses its address or finalizer, and an event names both.
func TestAnotherAccountsAnswersChangeNothing(t *testing.T) {
	t.Parallel()
	for name, restart := range map[string]func(*lab.Lab){
		"at a restart":               func(l *lab.Lab) { l.End(); l.Restart() },
		"at a restart after a crash": func(l *lab.Lab) { l.Crash(); l.Restart() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab.NewKeeper(t, append(lab.Pair(nil), lab.Service("new"), lab.Ingress("own", nil, "new"))...)
			keys := []client.ObjectKey{{Namespace: "shop", Name: "web"}, {Namespace: "shop", Name: "own"}}
			other, s := otherAccount(t, l), &switched{}
			all := l.Clients()
			all.ELBV2, all.EC2, all.STS = &s.elb, &s.compute, &s.identity
			l.Remote = &all
			s.to(l.Sim)
			l.Restart()
			l.Settle(lab.FrontKey, lab.Key("own"))
			addresses := func() (out []string) {
				for _, key := range keys {
					i := &networkingv1.Ingress{}
					l.Must(l.Client.Get(t.Context(), key, i))
					out = append(out, strings.Join(i.Finalizers, " "), i.Status.LoadBalancer.Ingress[0].Hostname)
				}
				return append(out, l.Left()...)
			}
			before, bindings := addresses(), len(l.AllBindings())
			l.Clock.Advance(15 * time.Minute)
			s.to(other)
			restart(l)
			l.PassWith(5*time.Minute, lab.FrontKey, lab.Key("own"))
			l.Remove("own") // is deleted while the account is the wrong one
			l.PassWith(15*time.Minute, lab.FrontKey, lab.Key("own"))
			for _, c := range other.Gate.Calls(gate.Filter{}) {
				if !awsclient.IsRead(c.Action) && !c.Failed() {
					t.Errorf("%s is called in the other account", c.Action)
				}
			}
			if after := addresses(); !slices.Equal(before, after) || len(l.AllBindings()) != bindings {
				t.Errorf("was\n%s\nis\n%s\nbindings %d, were %d", strings.Join(before, "\n"), strings.Join(after, "\n"),
					len(l.AllBindings()), bindings)
			}
			if !l.Told("web", "210987654321", l.Sim.Account.ID) {
				t.Errorf("no event names the accounts:\n%s", strings.Join(l.Events, "\n"))
			}
			s.to(l.Sim)
			l.PassWith(30*time.Minute, lab.FrontKey, lab.Key("own"))
			if len(l.Sim.Resources().LoadBalancers) != 1 || l.Get(&networkingv1.Ingress{}, "own") {
				t.Errorf("in the own account again: %v\n%s", l.Left(), strings.Join(l.Events, "\n"))
			}
		})
	}
}
