package diff

import (
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

const own = "arn:aws:acm:us-west-2:123456789012:certificate/own"

// secureStack has an HTTPS listener with one certificate of its own.
func secureStack(arn string) *stack.Stack {
	s := testStack("/a")
	l := s.Listeners[0]
	l.ID, l.Port, l.Protocol, l.SSLPolicy, l.Certificates = "443", 443, "HTTPS", "policy", []string{arn}
	s.Listeners = append(s.Listeners, l)
	s.Certificates = []stack.Certificate{{ID: "private/a-1", Domain: "a", Names: []string{"a"}, Authority: "ca"}}
	return s
}

func observedOwn(arn string, names ...string) awsop.Certificate {
	return awsop.Certificate{ARN: arn, Status: "ISSUED", Certificate: stack.Certificate{ID: "private/a-1", Domain: "a",
		Names: names, Authority: "ca"}}
}

func TestACertificateGoesAfterItsListenerLetsGo(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	f.obs.Certificates = []awsop.Certificate{observedOwn(own, "a")}
	f.converge(t, secureStack(own), Options{})
	if len(f.obs.Certificates) != 1 {
		t.Fatalf("%+v", f.obs.Certificates)
	}
	// Another certificate takes over.
	f.obs.Certificates = append(f.obs.Certificates, observedOwn(own+"2", "a", "b"))
	want := secureStack(own + "2")
	want.Certificates[0].Names = []string{"a", "b"}
	p := Stack(want, stack.Keep{}, f.obs, Options{})
	s, ok := p.Step("DeleteCertificate private/a-1")
	if !ok || len(s.After) == 0 || s.Resource.Literal != own {
		t.Errorf("the former certificate: %+v", s)
	}
	f.converge(t, want, Options{})
	// The load balancer goes.
	p = Stack(removed(), stack.Keep{}, f.obs, Options{})
	s, ok = p.Step("DeleteCertificate private/a-1")
	if !ok || len(s.After) == 0 {
		t.Errorf("at the end: %+v", s)
	}
}

func TestACertificateStaysWhileAListenerHasItOrListenersAreUnread(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	f.obs.Certificates = []awsop.Certificate{observedOwn(own, "a")}
	f.converge(t, secureStack(own), Options{})
	for name, c := range map[string]struct {
		want func() *stack.Stack
		keep []stack.Ref
		obs  func(*awsop.Observed)
	}{
		"the stack still names it": {want: func() *stack.Stack { s := secureStack(own); s.Certificates = nil; return s }},
		"the listener is kept": {want: func() *stack.Stack { return testStack("/a") },
			keep: []stack.Ref{{Kind: stack.KindListener, ID: "443"}}},
		"all certificates are kept": {want: func() *stack.Stack { return testStack("/a") }, keep: []stack.Ref{
			{Kind: stack.KindCertificate}}},
		"they could not be read": {want: func() *stack.Stack { return secureStack(own) },
			obs: func(o *awsop.Observed) { o.Certificates, o.CertificatesUnread = nil, &plan.Guard{} }},
	} {
		o := f.obs.Clone()
		if c.obs != nil {
			c.obs(&o)
		}
		p := Stack(c.want(), stack.Keep{Resources: c.keep}, o, Options{})
		for _, s := range p.Steps {
			switch s.Op.(type) {
			case awsop.DeleteCertificate, awsop.RequestCertificate:
				t.Errorf("%s: %s", name, s.ID)
			}
		}
	}
}

func TestADefaultCertificateThatIsAttachedOnceMoreDoesNoHarm(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	want := secureStack(own)
	want.Certificates = nil
	f.converge(t, want, Options{})
	for i := range f.obs.Listeners {
		if f.obs.Listeners[i].Port == 443 { // as the existing controller leaves it
			f.obs.Listeners[i].SNI = []string{own}
		}
	}
	if p := Stack(want, stack.Keep{}, f.obs, Options{}); !p.Empty() {
		t.Errorf("a load balancer of the existing controller is not adopted as it is:\n%s", p.Text(plan.TextOptions{}))
	}
}

// TestExpiredDefaultCertificateIsNotSentAgain edits the TLS policy of a listener whose certificate has expired: AWS
// refuses a call that names the certificate.
func TestExpiredDefaultCertificateIsNotSentAgain(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	f.obs.Certificates = []awsop.Certificate{observedOwn(own, "a")}
	f.converge(t, secureStack(own), Options{})
	f.obs.Certificates[0].Status = "EXPIRED"
	want := secureStack(own)
	want.Listeners[1].SSLPolicy = "stricter"
	p := Stack(want, stack.Keep{}, f.obs, Options{})
	s, _ := p.Step("ModifyListener 443")
	if op, ok := s.Op.(awsop.ModifyListener); len(p.Steps) != 1 || !ok || len(op.Listener.Certificates) > 0 ||
		op.Listener.SSLPolicy != "stricter" {
		t.Errorf("%+v", p.Steps)
	}
	f.converge(t, want, Options{})
}
