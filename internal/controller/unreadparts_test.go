package controller

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

const (
	exampleCertificate = "arn:aws:acm:us-west-2:123456789012:certificate/0a1de001-0000-4000-8000-000000000001" // example.com, *.example.com
	wildcardHost       = "api.example.org"
)

// unreadLab has a group whose members name a certificate and have one found by host, with named security groups and subnets; an Ingress with a
// range of clients; and a network load balancer. hangs is the operation that does not answer in time.
func unreadLab(t *testing.T) (l *lab, hangs *atomic.Pointer[string]) {
	t.Helper()
	hangs = &atomic.Pointer[string]{}
	objects := []client.Object{labClass(), labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1")}
	for n := range 2 {
		s := labService(fmt.Sprintf("s%d", n))
		objects = append(append(objects, s), chaosEndpoints(s.Name, "a", soakAddress(n, 0))...)
	}
	objects = append(append(objects, crashBalancer("net")), chaosEndpoints("net", "a", soakAddress(2, 0))...)
	l = newObservedLab(t, account.Instant(), func(_ context.Context, service, action string, _ any) error {
		if at := hangs.Load(); at != nil && *at == service+":"+action {
			return context.DeadlineExceeded
		}
		return nil
	}, objects...)
	https := func(more map[string]string) map[string]string {
		out := map[string]string{"group.name": "front", "listen-ports": `[{"HTTP":80},{"HTTPS":443}]`}
		maps.Copy(out, more)
		return out
	}
	a := labIngress("a", https(map[string]string{"certificate-arn": exampleCertificate, "security-groups": "demo-web", "subnets": "demo-public-a,demo-public-b"}), "s0")
	a.Spec.Rules[0].Host = "www.example.com"
	b := labIngress("b", https(nil), "s1")
	b.Spec.Rules[0].Host = wildcardHost
	l.create(a, b, labIngress("plain", map[string]string{"inbound-cidrs": "192.0.2.0/24"}, "s0", "s1"))
	l.settle(unreadKeys...)
	return l, hangs
}

var unreadKeys = []stack.Key{frontKey, implicit("plain"), serviceKey("net")}

// unreadEdits are edits that take nothing away but what they replace.
var unreadEdits = map[string]func(l *lab){
	"another certificate": func(l *lab) {
		l.annotate("a", "certificate-arn", l.foreignCertificate("www.example.com"))
	},
	"another path": func(l *lab) {
		l.edit("a", func(i *networkingv1.Ingress) {
			i.Spec.Rules[0].HTTP.Paths = append(i.Spec.Rules[0].HTTP.Paths, labIngress("x", nil, "s1").Spec.Rules[0].HTTP.Paths...)
		})
	},
	"another port": func(l *lab) {
		for _, name := range []string{"a", "b"} {
			l.annotate(name, "listen-ports", `[{"HTTP":80},{"HTTPS":443},{"HTTPS":8443}]`)
		}
	},
	"a redirect":      func(l *lab) { l.annotate("a", "ssl-redirect", "443") },
	"another range":   func(l *lab) { l.annotate("plain", "inbound-cidrs", "198.51.100.0/24") },
	"another subnet":  func(l *lab) { l.annotate("a", "subnets", "demo-public-a,demo-public-b,demo-public-c") },
	"another pod":     func(l *lab) { l.scale("s0", soakAddress(0, 0), soakAddress(0, 1)) },
	"NLB attribute":   func(l *lab) { l.balancer("net", "attributes", "load_balancing.cross_zone.enabled=true") },
	"a tag of a load": func(l *lab) { l.annotate("plain", "tags", "team=shop") },
}

// parts are the things in the account that serve requests, each as one text that is the same in every lab.
func (l *lab) parts() map[string]bool {
	out := map[string]bool{}
	r := l.sim.Resources()
	names := map[string]string{}
	for _, g := range r.SecurityGroups {
		names[g.ID] = g.Name
	}
	for _, lb := range r.LoadBalancers {
		out["load balancer "+lb.Name] = true
		for _, z := range lb.Zones {
			out[lb.Name+" has subnet "+z.Subnet] = true
		}
		for _, g := range lb.SecurityGroups {
			out[lb.Name+" has group "+names[g]] = true
		}
		for _, li := range lb.Listeners {
			at := fmt.Sprintf("%s:%d ", lb.Name, li.Port)
			out[at+li.Protocol] = true
			for _, c := range li.Certificates {
				out[at+"certificate "+c] = true
			}
			for _, rule := range li.Rules {
				out[at+rule.Text] = true
			}
		}
	}
	for _, tg := range r.TargetGroups {
		for id := range registeredIn(tg) {
			out["target group "+tg.Name+" has "+id] = true
		}
	}
	l.guards(r, out)
	for _, g := range r.SecurityGroups {
		for _, p := range g.Ingress {
			out[fmt.Sprintf("group %s admits %s %d-%d %s", g.Name, p.Protocol, p.From, p.To, names[p.Peer]+p.Peer[:strings.IndexAny(p.Peer+"-", "-")])] = true
		}
	}
	return out
}

// unread is a setting of load balancers whose reads fail.
type unread struct {
	lab   func(t *testing.T) (l *lab, hangs *atomic.Pointer[string]) // hangs is the operation that does not answer in time
	keys  []stack.Key
	edits map[string]func(l *lab)
	of    map[string][]string // the only edits that are tried, by permission
}

// TestAFailedReadTakesNothingAway has each read fail in each way while an edit is carried out: what serves before and after the edit serves
// meanwhile, and the edit is in effect once the read works again. LBC_EVERY_FAULT tries every edit.
func TestAFailedReadTakesNothingAway(t *testing.T) {
	t.Parallel()
	unread{lab: unreadLab, keys: unreadKeys, edits: unreadEdits, of: map[string][]string{"acm:ListCertificates": {"another certificate", "a redirect"}}}.test(t)
}

// unreadFaults are the ways in which a read fails; nil = it hangs.
var unreadFaults = map[string]func(permission string) gate.Fault{
	"denied":    denying,
	"expired":   func(string) gate.Fault { return gate.Fault{Code: "ExpiredTokenException", Status: 403} },
	"failing":   func(string) gate.Fault { return gate.Fault{Code: "InternalFailure", Status: 500} },
	"throttled": func(string) gate.Fault { return gate.Fault{Kind: "throttled"} },
	"empty":     func(string) gate.Fault { return gate.Fault{Empty: true} },
	"hanging":   nil,
}

func (u unread) test(t *testing.T) {
	t.Helper()
	var reads []string
	for _, o := range awsclient.Operations {
		if _, action, _ := strings.Cut(o.Permission, ":"); awsclient.IsRead(action) && o.Service != awsclient.ServiceGlobalAccelerator {
			reads = append(reads, o.Permission)
		}
	}
	slices.Sort(reads)
	reads = slices.Compact(reads)
	references := map[string]*unreadReference{}
	edits := slices.Sorted(maps.Keys(u.edits))
	for _, edit := range edits {
		references[edit] = &unreadReference{}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for n, permission := range reads {
		for k, kind := range slices.Sorted(maps.Keys(unreadFaults)) {
			some := edits
			if !everyFault {
				if kind != "denied" && kind != "empty" && (n+k)%4 != 0 {
					continue
				}
				some = []string{edits[random.IntN(len(edits))]}
				if of := u.of[permission]; of != nil {
					some = of
				}
			}
			for _, edit := range some {
				restarts := random.IntN(2) == 0
				t.Run(fmt.Sprintf("%s %s %s %t", permission, kind, edit, restarts), func(t *testing.T) {
					t.Parallel()
					references[edit].make(t, u, edit)
					u.fails(t, permission, kind, func(l *lab) {
						if restarts {
							l.restart()
						} else {
							l.clock.Advance(15 * time.Minute)
						}
						u.edits[edit](l)
					}, references[edit])
				})
			}
		}
	}
}

// fails has a read fail during an edit, and compares with what the edit changes without a fault.
func (u unread) fails(t *testing.T, permission, kind string, edit func(*lab), without *unreadReference) {
	t.Helper()
	l, hangs := u.lab(t)
	if unreadFaults[kind] == nil {
		hangs.Store(&permission)
	} else {
		fault := unreadFaults[kind](permission)
		fault.Service, fault.Action, _ = strings.Cut(permission, ":")
		_, err := l.sim.Gate.AddFault(fault)
		l.must(err)
	}
	edit(l)
	for range 3 {
		l.passWith(time.Minute, u.keys...)
		now := l.parts()
		for part := range without.before {
			if without.after[part] && !now[part] {
				t.Errorf("gone: %s\n%s", part, strings.Join(l.events, "\n"))
			}
		}
	}
	l.sim.Gate.ClearFaults()
	hangs.Store(nil)
	if kind == "empty" { // what AWS answered with success is believed until it is read again, as by the next process
		l.restart()
	}
	l.passWith(20*time.Minute, u.keys...)
	if now := l.parts(); !maps.Equal(now, without.after) {
		t.Errorf("in the end: %s", linesApart(strings.Join(slices.Sorted(maps.Keys(now)), "\n"), strings.Join(slices.Sorted(maps.Keys(without.after)), "\n")))
	}
}

// unreadReference is the parts before and after an edit without a fault, made once.
type unreadReference struct {
	once          sync.Once
	before, after map[string]bool
}

func (r *unreadReference) make(t *testing.T, u unread, edit string) {
	t.Helper()
	r.once.Do(func() {
		l, _ := u.lab(t)
		r.before = l.parts()
		l.clock.Advance(15 * time.Minute)
		u.edits[edit](l)
		l.passWith(20*time.Minute, u.keys...)
		r.after = l.parts()
	})
}

// TestADeniedListDetachesNoCertificate is the situation of the README's example: one member names its certificate, another one has its own found.
func TestADeniedListDetachesNoCertificate(t *testing.T) {
	t.Parallel()
	l, _ := unreadLab(t)
	serving := func() []string {
		for _, lb := range l.sim.Resources().LoadBalancers {
			for _, li := range lb.Listeners {
				if li.Port == 443 {
					return li.Certificates
				}
			}
		}
		return nil
	}
	before := serving()
	fault := denying("acm:ListCertificates")
	fault.Service, fault.Action = "acm", "ListCertificates"
	_, err := l.sim.Gate.AddFault(fault)
	l.must(err)
	l.clock.Advance(2 * time.Minute)
	l.ingresses.NoteCheck(frontKey)
	unreadEdits["another certificate"](l)
	l.passWith(5*time.Minute, unreadKeys...)
	now := serving()
	for _, c := range before {
		if !slices.Contains(now, c) {
			t.Errorf("%s is detached", c)
		}
	}
	if len(now) != len(before)+1 {
		t.Errorf("the listener has %v, had %v", now, before)
	}
	said := strings.Join(l.events, "\n")
	if !strings.Contains(said, "acm:ListCertificates") || !strings.Contains(said, "keeps the certificates that are attached in AWS") || strings.Contains(said, "is put back") {
		t.Error(said)
	}
	l.sim.Gate.ClearFaults()
	l.ingresses.NoteCheck(frontKey)
	l.passWith(5*time.Minute, unreadKeys...)
	if now := serving(); slices.Contains(now, exampleCertificate) || len(now) != len(before) {
		t.Errorf("in the end: %v", now)
	}
	if said := strings.Join(l.events, "\n"); strings.Contains(said, "is put back") {
		t.Error(said)
	}
}

// TestACertificateThatAWSRefusesReplacesNone has a member name a certificate that does not exist.
func TestACertificateThatAWSRefusesReplacesNone(t *testing.T) {
	t.Parallel()
	l, _ := unreadLab(t)
	mark := l.mark()
	l.annotate("a", "certificate-arn", "arn:aws:acm:us-west-2:123456789012:certificate/0a1de001-0000-4000-8000-00000000dead")
	l.passWith(5*time.Minute, unreadKeys...)
	if writes := l.writes(mark); slices.Contains(writes, "RemoveListenerCertificates") {
		t.Errorf("%v", writes)
	}
	for _, lb := range l.sim.Resources().LoadBalancers {
		for _, li := range lb.Listeners {
			if li.Port == 443 && !slices.Contains(li.Certificates, exampleCertificate) {
				t.Errorf("certificates: %v", li.Certificates)
			}
		}
	}
}
