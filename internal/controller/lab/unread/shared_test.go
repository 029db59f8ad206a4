package unread

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// sharedLab has a group whose members name a certificate and have one found by host, with named security groups and
// subnets; an Ingress with a range of clients; and a network load balancer.
func sharedLab(t *testing.T) *lab.Lab {
	t.Helper()
	objects := []client.Object{lab.Class(), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1")}
	for n := range 2 {
		s := lab.Service(fmt.Sprintf("s%d", n))
		objects = append(append(objects, s), lab.ChaosEndpoints(s.Name, "a", lab.SoakAddress(n, 0))...)
	}
	objects = append(append(objects, lab.CrashBalancer("net")), lab.ChaosEndpoints("net", "a", lab.SoakAddress(2, 0))...)
	l := lab.New(t, account.Instant(), objects...)
	https := func(more map[string]string) map[string]string {
		out := map[string]string{"group.name": "front", "listen-ports": `[{"HTTP":80},{"HTTPS":443}]`}
		maps.Copy(out, more)
		return out
	}
	a := lab.Ingress("a", https(map[string]string{"certificate-arn": lab.ExampleCertificate, "security-groups": "demo-web",
		"subnets": "demo-public-a,demo-public-b"}), "s0")
	a.Spec.Rules[0].Host = "www.example.com"
	b := lab.Ingress("b", https(nil), "s1")
	b.Spec.Rules[0].Host = lab.WildcardHost
	l.Create(a, b, lab.Ingress("plain", map[string]string{"inbound-cidrs": "192.0.2.0/24"}, "s0", "s1"))
	l.Settle(sharedKeys...)
	return l
}

var sharedKeys = []stack.Key{lab.FrontKey, lab.Key("plain"), lab.ServiceKey("net")}

var sharedEdits = map[string]func(l *lab.Lab){
	"none": func(*lab.Lab) {},
	"another certificate": func(l *lab.Lab) {
		l.Annotate("a", "certificate-arn", l.ForeignCertificate("www.example.com"))
	},
	"another path": func(l *lab.Lab) {
		l.Edit("a", func(i *networkingv1.Ingress) {
			i.Spec.Rules[0].HTTP.Paths = append(i.Spec.Rules[0].HTTP.Paths,
				lab.Ingress("x", nil, "s1").Spec.Rules[0].HTTP.Paths...)
		})
	},
	"another port": func(l *lab.Lab) {
		for _, name := range []string{"a", "b"} {
			l.Annotate(name, "listen-ports", `[{"HTTP":80},{"HTTPS":443},{"HTTPS":8443}]`)
		}
	},
	"a redirect":      func(l *lab.Lab) { l.Annotate("a", "ssl-redirect", "443") },
	"another range":   func(l *lab.Lab) { l.Annotate("plain", "inbound-cidrs", "198.51.100.0/24") },
	"another subnet":  func(l *lab.Lab) { l.Annotate("a", "subnets", "demo-public-a,demo-public-b,demo-public-c") },
	"another pod":     func(l *lab.Lab) { l.Scale("s0", lab.SoakAddress(0, 0), lab.SoakAddress(0, 1)) },
	"NLB attribute":   func(l *lab.Lab) { l.Balancer("net", "attributes", "load_balancing.cross_zone.enabled=true") },
	"a tag of a load": func(l *lab.Lab) { l.Annotate("plain", "tags", "team=shop") },
}

// TestADeniedListDetachesNoCertificate is the situation of the README's example: one member names its certificate,
// another one has its own found.
func TestADeniedListDetachesNoCertificate(t *testing.T) {
	t.Parallel()
	l := sharedLab(t)
	serving := func() []string {
		for _, lb := range l.Sim.Resources().LoadBalancers {
			for _, li := range lb.Listeners {
				if li.Port == 443 {
					return li.Certificates
				}
			}
		}
		return nil
	}
	before := serving()
	fault := lab.Denying("acm:ListCertificates")
	fault.Service, fault.Action = "acm", "ListCertificates"
	_, err := l.Sim.Gate.AddFault(fault)
	l.Must(err)
	l.Clock.Advance(2 * time.Minute)
	l.Ingresses.NoteCheck(lab.FrontKey)
	sharedEdits["another certificate"](l)
	l.PassWith(5*time.Minute, sharedKeys...)
	now := serving()
	for _, c := range before {
		if !slices.Contains(now, c) {
			t.Errorf("%s is detached", c)
		}
	}
	if len(now) != len(before)+1 {
		t.Errorf("the listener has %v, had %v", now, before)
	}
	said := strings.Join(l.Events, "\n")
	if !strings.Contains(said, "acm:ListCertificates") || !strings.Contains(said, "keeps its current certificates") ||
		strings.Contains(said, "is put back") {
		t.Error(said)
	}
	l.Sim.Gate.ClearFaults()
	l.Ingresses.NoteCheck(lab.FrontKey)
	l.PassWith(5*time.Minute, sharedKeys...)
	if now := serving(); slices.Contains(now, lab.ExampleCertificate) || len(now) != len(before) {
		t.Errorf("in the end: %v", now)
	}
	if said := strings.Join(l.Events, "\n"); strings.Contains(said, "is put back") {
		t.Error(said)
	}
}

// TestACertificateThatAWSRefusesReplacesNone has a member name a certificate that does not exist.
func TestACertificateThatAWSRefusesReplacesNone(t *testing.T) {
	t.Parallel()
	l := sharedLab(t)
	mark := l.Mark()
	l.Annotate("a", "certificate-arn",
		"arn:aws:acm:us-west-2:123456789012:certificate/0a1de001-0000-4000-8000-00000000dead")
	l.PassWith(5*time.Minute, sharedKeys...)
	if writes := l.Writes(mark); slices.Contains(writes, "RemoveListenerCertificates") {
		t.Errorf("%v", writes)
	}
	for _, lb := range l.Sim.Resources().LoadBalancers {
		for _, li := range lb.Listeners {
			if li.Port == 443 && !slices.Contains(li.Certificates, lab.ExampleCertificate) {
				t.Errorf("certificates: %v", li.Certificates)
			}
		}
	}
}

// TestPassEndsThoughAWSLacksACertificate has one member of a group without a certificate for its host, while another
// member changes its certificate. The plan takes a certificate away, so the pass asks whether lists have changed.
func TestPassEndsThoughAWSLacksACertificate(t *testing.T) {
	t.Parallel()
	l := sharedLab(t)
	l.Edit("b", func(i *networkingv1.Ingress) { i.Spec.Rules[0].Host = "www.nowhere.dev" })
	l.Restart()
	l.Settle(sharedKeys...)
	other := l.ForeignCertificate("www.example.com")
	l.Annotate("a", "certificate-arn", other)
	mark := l.Mark()
	l.Settle(sharedKeys...)
	if n := len(l.Sim.Gate.Calls(gate.Filter{After: mark, Action: "DescribeSecurityGroups"})); n > 4 {
		t.Errorf("%d lists of security groups", n)
	}
	for _, lb := range l.Sim.Resources().LoadBalancers {
		for _, li := range lb.Listeners {
			if li.Port == 443 && !slices.Contains(li.Certificates, other) {
				t.Errorf("the listener has %v", li.Certificates)
			}
		}
	}
}

// TestPassEndsThoughListsChangeAtEachAttempt has the list of security groups read again by each attempt of a pass whose
// plan takes a certificate away.
func TestPassEndsThoughListsChangeAtEachAttempt(t *testing.T) {
	t.Parallel()
	l := sharedLab(t)
	l.Annotate("a", "certificate-arn", lab.ExampleCertificate+","+l.ForeignCertificate("www.example.com"))
	reads, changing := 0, false
	l.Client = interceptor.NewClient(l.Client.(client.WithWatch), interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			if _, ok := list.(*v1beta1.TargetGroupBindingList); ok && changing {
				if reads++; reads > 100 {
					return errors.New("the attempts do not end")
				}
				l.Inventory.InvalidateFacts(facts.Need{Kind: facts.NeedSecurityGroups})
			}
			return c.List(ctx, list, options...)
		},
	})
	l.Restart()
	l.Settle(sharedKeys...)
	l.Annotate("a", "certificate-arn", lab.ExampleCertificate)
	mark := l.Mark()
	changing = true
	l.Inventory.InvalidateFacts(facts.Need{Kind: facts.NeedSecurityGroups})
	if again, err := l.Ingresses.Reconcile(t.Context(), lab.FrontKey); err == nil { // which has the pass repeated later
		t.Errorf("the pass ends with %+v", again)
	}
	if n := len(l.Sim.Gate.Calls(gate.Filter{After: mark, Action: "DescribeSecurityGroups"})); n < 2 || n > 12 {
		t.Errorf("%d lists of security groups", n)
	}
	if w := l.Writes(mark); len(w) > 0 {
		t.Errorf("a plan that AWS contradicts writes %v", w)
	}
	changing = false
	l.Settle(sharedKeys...)
	if w := l.Writes(mark); !slices.Equal(w, []string{"RemoveListenerCertificates"}) {
		t.Errorf("in the end: %v", w)
	}
}
