package controller

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	acmtypes "github.com/aws/aws-sdk-go-v2/service/acm/types"
	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/stacks"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// woken is a queue that remembers who is queued.
type woken struct {
	queue.Of[stack.Key]
	stacks []string
}

func (w *woken) AddAfter(key stack.Key, _ time.Duration) { w.stacks = append(w.stacks, key.ID.Name) }

func (w *woken) take() []string {
	out := slices.Sorted(slices.Values(w.stacks))
	w.stacks = nil
	return out
}

// secure is an Ingress that finds its certificate by host.
func secure(name, host string) *networkingv1.Ingress {
	i := labIngress(name, map[string]string{"listen-ports": `[{"HTTPS":443}]`}, "web")
	i.Spec.Rules[0].Host = host
	return i
}

// certify has ACM issue a certificate.
func (l *lab) certify(domain string) (arn string) {
	l.Helper()
	out, err := l.sim.Trust.RequestCertificate(l.Context(), &acm.RequestCertificateInput{DomainName: aws.String(domain), ValidationMethod: acmtypes.ValidationMethodDns,
		CertificateAuthorityArn: aws.String("arn:aws:acm-pca:us-west-2:123456789012:certificate-authority/1")})
	l.must(err)
	l.clock.Advance(time.Minute)
	return aws.ToString(out.CertificateArn)
}

func TestACertificateThatComesOrGoesReachesExactlyTheStacksThatAskedForItsHosts(t *testing.T) {
	t.Parallel()
	named := secure("named", "a.new.dev")
	named.Annotations["alb.ingress.kubernetes.io/certificate-arn"] = "arn:aws:acm:us-west-2:123456789012:certificate/0a1de001-0000-4000-8000-000000000001"
	l := newLab(t, account.Profile{}, labClass(), labService("web"), secure("a", "a.new.dev"), secure("b", "b.new.dev"), secure("known", "www.example.com"), named, labIngress("plain", nil, "web"))
	keys := []stack.Key{implicit("a"), implicit("b"), implicit("known"), implicit("named"), implicit("plain")}
	l.settle(keys...)
	q := &woken{}
	l.ingresses.Waker.SetQueue(q)
	w := &stacks.CertificateWatcher{Read: l.inventory.Certificates().Read, Owners: []*stacks.Reconciler{l.ingresses, l.services}, Always: true, Now: l.clock.Now, Log: logr.Discard()}
	look := func(step string, want ...string) {
		t.Helper()
		w.Look(t.Context())
		if d := cmp.Diff(want, q.take()); d != "" {
			t.Errorf("%s: %s", step, d)
		}
	}
	look("nothing is new")
	l.certify("a.new.dev")
	look("one for a host", "a")
	l.certify("*.new.dev")
	look("a wildcard", "a", "b")
	l.certify("nobody.dev")
	l.clock.Advance(10 * time.Minute)
	look("one that nobody wants")
	l.settle(keys...)
	if lbs := l.sim.Resources().LoadBalancers; len(lbs) != 5 {
		t.Fatalf("%d load balancers", len(lbs))
	}
	for _, lb := range l.sim.Resources().LoadBalancers {
		if len(lb.Listeners) != 1 {
			t.Errorf("%s has %d listeners", lb.Name, len(lb.Listeners))
		}
	}
	q.take()

	mark := l.mark()
	for range 100 { // nobody is without any more: looks become rare
		l.clock.Advance(stacks.CertificateTick)
		w.Look(t.Context())
	}
	if n := len(l.sim.Gate.Calls(gate.Filter{After: mark, Action: "ListCertificates"})); n > 1 {
		t.Errorf("%d listings in %s", n, 100*stacks.CertificateTick)
	}
	second := l.certify("www.example.com")
	l.clock.Advance(10 * time.Minute)
	look("a second one", "known")
	_, err := l.sim.Trust.DeleteCertificate(t.Context(), &acm.DeleteCertificateInput{CertificateArn: &second}) // no pass has attached it yet
	l.must(err)
	l.clock.Advance(10*time.Minute + time.Second)
	look("one that is gone", "known")
}

func TestCertificatesAreFoundForTheStacksOfEachKindOfOwner(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labClass(), labService("web"), secure("a", "a.new.dev"))
	l.settle(implicit("a"))
	q := &woken{}
	l.ingresses.Waker.SetQueue(q)
	for i, owners := range [][]*stacks.Reconciler{{l.ingresses, l.services}, {l.services, l.ingresses}} {
		reads := 0
		w := &stacks.CertificateWatcher{Read: func(context.Context, time.Duration) error { reads++; return nil }, Owners: owners, Now: l.clock.Now, Log: logr.Discard()}
		if w.Look(t.Context()); reads != 1 {
			t.Errorf("the list is read %d times for a stack of owner %d", reads, i)
		}
		(&wiring{owners: owners}).certificatesChanged([]string{"*.new.dev"})
		if d := cmp.Diff([]string{"a"}, q.take()); d != "" {
			t.Errorf("stacks of owner %d that a new certificate wakes: %s", i, d)
		}
	}
}
