package ingresses

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/controller/stacks"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestCertificateChangeWakesExactlyStacksOfItsHosts(t *testing.T) {
	t.Parallel()
	named := lab.Secure("named", "a.new.dev")
	named.Annotations["alb.ingress.kubernetes.io/certificate-arn"] =
		"arn:aws:acm:us-west-2:123456789012:certificate/0a1de001-0000-4000-8000-000000000001"
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Secure("a", "a.new.dev"),
		lab.Secure("b", "b.new.dev"), lab.Secure("known", "www.example.com"), named, lab.Ingress("plain", nil, "web"))
	keys := []stack.Key{lab.Key("a"), lab.Key("b"), lab.Key("known"), lab.Key("named"), lab.Key("plain")}
	l.Settle(keys...)
	q := &lab.Woken{}
	l.Ingresses.Waker.SetQueue(q)
	w := &stacks.CertificateWatcher{Read: l.Inventory.Certificates().Read, Owners: []*stacks.Reconciler{
		l.Ingresses, l.Services}, Always: true, Used: l.Inventory.UsesCertificates,
		ReadEnds: l.Inventory.Certificates().ReadEnds, Now: l.Clock.Now, Log: logr.Discard()}
	look := func(step string, want ...string) {
		t.Helper()
		w.Look(t.Context())
		if d := cmp.Diff(want, q.Take()); d != "" {
			t.Errorf("%s: %s", step, d)
		}
	}
	look("nothing is new")
	l.Certify("a.new.dev")
	look("one for a host", "a")
	l.Certify("*.new.dev")
	look("a wildcard", "a", "b")
	l.Certify("nobody.dev")
	l.Clock.Advance(10 * time.Minute)
	look("one that nobody wants")
	l.Settle(keys...)
	if lbs := l.Sim.Resources().LoadBalancers; len(lbs) != 5 {
		t.Fatalf("%d load balancers", len(lbs))
	}
	for _, lb := range l.Sim.Resources().LoadBalancers {
		if len(lb.Listeners) != 1 {
			t.Errorf("%s has %d listeners", lb.Name, len(lb.Listeners))
		}
	}
	q.Take()

	mark := l.Mark()
	for range 100 { // nobody is without any more: looks become rare
		l.Clock.Advance(stacks.CertificateTick)
		w.Look(t.Context())
	}
	if n := len(l.Sim.Gate.Calls(gate.Filter{After: mark, Action: "ListCertificates"})); n > 1 {
		t.Errorf("%d listings in %s", n, 100*stacks.CertificateTick)
	}
	second := l.Certify("www.example.com")
	l.Clock.Advance(10 * time.Minute)
	look("a second one", "known")
	// no pass has attached it yet
	_, err := l.Sim.Trust.DeleteCertificate(t.Context(), &acm.DeleteCertificateInput{CertificateArn: &second})
	l.Must(err)
	l.Clock.Advance(10*time.Minute + time.Second)
	look("one that is gone", "known")
}

func TestCertificatesAreFoundForTheStacksOfEachKindOfOwner(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Secure("a", "a.new.dev"))
	l.Settle(lab.Key("a"))
	q := &lab.Woken{}
	l.Ingresses.Waker.SetQueue(q)
	for i, owners := range [][]*stacks.Reconciler{{l.Ingresses, l.Services}, {l.Services, l.Ingresses}} {
		reads := 0
		w := &stacks.CertificateWatcher{Read: func(context.Context, time.Duration) error { reads++; return nil },
			Owners: owners, Now: l.Clock.Now, Log: logr.Discard()}
		if w.Look(t.Context()); reads != 1 {
			t.Errorf("the list is read %d times for a stack of owner %d", reads, i)
		}
		(&controller.Wiring{Owners: owners}).CertificatesChanged([]string{"*.new.dev"})
		if d := cmp.Diff([]string{"a"}, q.Take()); d != "" {
			t.Errorf("stacks of owner %d that a new certificate wakes: %s", i, d)
		}
	}
}
