package front

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/k8s-lbc/lbc/internal/front/gateway"
	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/front/ingress"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/model/traffic"
)

// tenants draw what two tenants declare: a, who was first, and b, a newcomer.
type tenants struct{ *rapid.T }

func (t tenants) pick(what string, from ...string) string {
	return rapid.SampledFrom(from).Draw(t.T, what)
}

// some are some of a list, at least one.
func (t tenants) some(what string, from ...string) string {
	return strings.Join(rapid.SliceOfNDistinct(rapid.SampledFrom(from), 1, 2, rapid.ID).Draw(t.T, what), ", ")
}

// victims are the hosts of a, and anyHost those that b may name as well.
var (
	victims = []string{"a.test", "x.a.test", "y.b.test", "a.org"}
	anyHost = append([]string{"*.test", "*.a.test", "*.b.test", "b.test", "m.org"}, victims...)
	paths   = []string{"/", "/a", "/a/b", "/admin"}
)

func quoted(hosts []string) (out []string) {
	for _, h := range hosts {
		out = append(out, "'"+h+"'")
	}
	return out
}

// requests are those to the hosts of a.
func requests(ports ...int32) (out []traffic.Request) {
	for _, port := range ports {
		for _, host := range victims {
			for _, path := range append([]string{"/a/b/c", "/other"}, paths...) {
				for _, method := range []string{"GET", "POST"} {
					out = append(out, traffic.Request{Scheme: "http", Port: port, Host: host, Path: path, Method: method})
				}
			}
		}
	}
	return out
}

// gatewayOfA is a Gateway of infra, with routes of a at it and at a ListenerSet of a.
func (t tenants) gatewayOfA(construction string) *scene {
	listeners := t.pick("listeners", open, wild, open+", {name: narrow, port: 80, protocol: HTTP, hostname: '*.a.test', "+
		anyRoute+"}")
	s := newScene(gateway.ConstructionAnnotation+": "+construction,
		strings.ReplaceAll(listeners, "*.example.com", "*.test"))
	if rapid.Bool().Draw(t.T, "owner's catch-all") {
		s.route(0, "infra/all", "", "", t.pick("owner's path", paths...))
	}
	for i := range rapid.IntRange(1, 2).Draw(t.T, "routes of a") {
		s.route(i+1, fmt.Sprint("a/r", i), "", t.some("hosts of a", quoted(victims)...), t.pick("path of a", paths...))
	}
	if rapid.Bool().Draw(t.T, "a set of a") {
		s.set(5, "a", listener(t.pick("host of the set of a", "x.a.test", "*.b.test", "a.org")))
		s.route(6, "a/s", "a", t.pick("hosts of the set of a", "", "'x.a.test', 'y.b.test', 'a.org'"),
			t.pick("path of a", paths...))
	}
	return s
}

// atSetOfB adds a ListenerSet of b with routes for some hosts; its routes may be older than what a has.
func (t tenants) atSetOfB(s *scene, age int, anyHost []string) {
	var listeners []string
	for i, h := range rapid.SliceOfNDistinct(rapid.SampledFrom(anyHost), 1, min(3, len(anyHost)), rapid.ID).Draw(t.T,
		"hosts of the set of b") {
		listeners = append(listeners, strings.Replace(listener(h), "name: l", fmt.Sprint("name: l", i), 1))
	}
	s.set(age, "b", strings.Join(listeners, ", "))
	for i := range rapid.IntRange(0, 3).Draw(t.T, "routes of b") {
		h := ""
		if len(anyHost) > 1 && rapid.Bool().Draw(t.T, "with hosts") {
			h = t.some("hosts of b", quoted(anyHost)...)
		}
		s.route(rapid.SampledFrom([]int{0, 3, 21}).Draw(t.T, "age of b"), fmt.Sprint("b/r", i), "b", h,
			t.pick("path of b", paths...))
	}
}

// TestListenerSetsOfOthersChangeNoAnswer compares the answers to requests for the hosts of a tenant with and without
// another one, who is younger, or older and edits what served other hosts.
func TestListenerSetsOfOthersChangeNoAnswer(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		of := tenants{rt}
		s := of.gatewayOfA(of.pick("construction", "standard", "compatible"))
		alone := s.text.String()
		without := s.compiled(t, attachment.Application)
		var versions []*scene
		age := rapid.SampledFrom([]int{0, 3, 20}).Draw(rt, "age of the set of b")
		if age < 20 {
			versions = append(versions, &scene{})
			versions[0].text.WriteString(alone)
			of.atSetOfB(versions[0], age, []string{"m.org"})
		}
		of.atSetOfB(s, age, anyHost)
		s.edited("b")
		with := passes(t, attachment.Application, append(versions, s)...)
		named := map[string]bool{} // hosts that a serves, on whatever path
		for _, r := range requests(80) {
			named[r.Host] = named[r.Host] || without.answer(r) == "to a.test"
		}
		for _, r := range requests(80) {
			before, after := without.answer(r), with.answer(r)
			// What a does not serve by name is open to b: what nobody serves, or the owner's route that catches all.
			if before == "to a.test" && after != before || named[r.Host] && after == "to b.test" {
				rt.Fatalf("%s %s%s: %s, without b %s; of:\n%s", r.Method, r.Host, r.Path, after, before,
					strings.TrimPrefix(s.text.String(), alone)+"\nbeside:\n"+alone)
			}
		}
	})
}

// harmful are annotations with which a member may try to change what others have.
var harmful = map[string][]string{
	"scheme": {"internal", "internet-facing"}, "inbound-cidrs": {"0.0.0.0/0", "10.0.0.0/8"}, "load-balancer-name": {
		"mine"}, "ip-address-type": {"ipv4", "dualstack"},
	"load-balancer-attributes": {"deletion_protection.enabled=true", "deletion_protection.enabled=false",
		"idle_timeout.timeout_seconds=1", "client_keep_alive.seconds=60,zonal_shift.config.enabled=true"},
	"tags": {"k=a", "k=b", "l=b"}, "minimum-load-balancer-capacity": {"CapacityUnits=100"},
	"listener-attributes.HTTP-80": {"routing.http.response.server.enabled=false"},
	"deletion-policy":             {"Retain", "Delete"}, "ownership": {"observed", "managed", "odd"},
	"approved-plan":      {"none"},
	"replacement-policy": {"refuse"}, "drift-policy": {"ignore"},
	"allow-deletion": {"true"}, "delete-duplicates": {"sg-0123456789abcdef0"}, "listen-ports": {
		`[{"HTTP":80}]`, `[{"HTTP":80},{"HTTP":81}]`}, "subnets": {"subnet-a"},
	"dry-run": {"true"}, "group.order": {"0"}, "shield-advanced-protection": {"true", "false"}, "enable-frontend-nlb": {
		"true"}, "wafv2-acl-arn": {"none"},
}

// member is an Ingress of group g that redirects hosts to NAMESPACE.test.
func (t tenants) member(namespace, name string, age int, from []string, values map[string]string) string {
	annotations := map[string]string{
		"group.name": "g",
		"actions.go": fmt.Sprintf(`{"type":"redirect","redirectConfig":{"host":"%s.test","statusCode":"HTTP_302"}}`,
			namespace)}
	maps.Copy(annotations, values)
	var b strings.Builder
	fmt.Fprintf(&b, "---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  namespace: %s\n  name: %s\n  "+
		"creationTimestamp: %q\n  annotations:\n", namespace, name, stamp(age))
	for _, k := range slices.Sorted(maps.Keys(annotations)) {
		fmt.Fprintf(&b, "    alb.ingress.kubernetes.io/%s: '%s'\n", k, annotations[k])
	}
	b.WriteString("spec:\n  ingressClassName: alb\n  rules:\n")
	for _, h := range rapid.SliceOfNDistinct(rapid.SampledFrom(from), 1, 3, rapid.ID).Draw(t.T, "hosts of "+namespace) {
		fmt.Fprintf(&b, "  - host: '%s'\n    http: {paths: [{path: %s, pathType: Prefix, backend: {service: {name: go, "+
			"port: {name: use-annotation}}}}]}\n", h, t.pick("path of "+namespace, paths...))
	}
	return b.String()
}

func (t tenants) values(who string) map[string]string {
	out := map[string]string{}
	for _, k := range rapid.SliceOfNDistinct(rapid.SampledFrom(slices.Sorted(maps.Keys(harmful))), 0, 4, rapid.ID).Draw(
		t.T, "annotations of "+who) {
		out[k] = t.pick(k+" of "+who, harmful[k]...)
	}
	return out
}

const classOfIngresses = `apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: alb}
spec: {controller: ingress.k8s.aws/alb}
`

// TestNewcomerOfGroupChangesNothingOfOthers compares what a group of Ingresses is with and without a newcomer: answers
// to the hosts of the older members, the load balancer's settings, who may come to their port, and what decides about
// its deletion.
func TestNewcomerOfGroupChangesNothingOfOthers(t *testing.T) {
	t.Parallel()
	key := stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "g"}}
	f := Ingress{Config: ingress.Config{IngressClass: "alb"}}
	rapid.Check(t, func(rt *rapid.T) {
		of := tenants{rt}
		plain := of.values("a")
		for _, k := range []string{"dry-run", "ownership", "listen-ports", "subnets", "ip-address-type",
			"enable-frontend-nlb", "approved-plan"} {
			delete(plain, k)
		}
		alone := classOfIngresses + of.member("a", "one", 1, victims, plain)
		b := of.member("b", "two", 9, anyHost, of.values("b"))
		read := func(text string) []metav1.Object {
			objs := decode(t, text)
			for _, o := range objs {
				if o.GetNamespace() == "a" {
					deployed(key, o)
				}
			}
			return objs
		}
		first := pass(t, f, key, read(alone), nil)
		if first.Stack == nil {
			rt.Fatalf("needs %v, %v", first.Needs, first.Diagnostics)
		}
		without, with := pass(t, f, key, read(alone), first.Memory), pass(t, f, key, read(alone+b), first.Memory)
		fail := func(what string, got, want any) {
			rt.Fatalf("%s: %v, without b %v; of:\n%s\nbeside:\n%s", what, got, want, b, alone)
		}
		if with.Stack == nil {
			fail("the stack", with.Diagnostics, "one")
		}
		for _, r := range requests(80) {
			if before, after := without.answer(r), with.answer(r); before == "to a.test" && before != after {
				fail(r.Method+" "+r.Host+r.Path, after, before)
			}
		}
		x, y := with.Stack.LoadBalancers[0], without.Stack.LoadBalancers[0]
		x.Tags = onlyKeysOf(x.Tags, y.Tags)
		if !reflect.DeepEqual(x, y) || len(with.Stack.LoadBalancers) != len(without.Stack.LoadBalancers) {
			fail("the load balancer", fmt.Sprintf("%+v", with.Stack.LoadBalancers), fmt.Sprintf("%+v", y))
		}
		if got, want := sourcesAt(with.Stack, 80), sourcesAt(without.Stack, 80); !reflect.DeepEqual(got, want) {
			fail("who may come to port 80", got, want)
		}
		if got, want := decides(with.Input, key), decides(without.Input, key); got != want {
			fail("policies", got, want)
		}
	})
}

// onlyKeysOf are the tags with those keys that others have, too. Any member may add tags with other keys.
func onlyKeysOf(tags, others map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range tags {
		if _, had := others[k]; had {
			out[k] = v
		}
	}
	return out
}

// sourcesAt are the sources that security groups admit to a port.
func sourcesAt(s *stack.Stack, port int32) (out []string) {
	for _, g := range s.SecurityGroups {
		for _, p := range g.Ingress {
			if p.FromPort == port {
				out = append(out, p.CIDR)
			}
		}
	}
	slices.Sort(out)
	return out
}
