package compile_test

import (
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
)

// disagreements are what comes of two members of a group with different values of an annotation that they share.
var disagreements = map[annotation.Key]struct {
	first, second string
	beside        notes
	want          []string // that the second is told, or what comes of both
}{
	annotation.LoadBalancerName: {first: "one", second: "two", want: []string{
		"finding Ingress shop/b conflict: load balancer name", "balancer one "}},
	annotation.Scheme: {first: "internal", second: "internet-facing", want: []string{
		"finding Ingress shop/b conflict: scheme"}},
	annotation.IPAddressType: {first: "ipv4", second: "dualstack", want: []string{
		"finding Ingress shop/b conflict: IP address type"}},
	annotation.Subnets: {first: "subnet-0a,subnet-0b", second: "subnet-0c,subnet-0d", want: []string{
		"finding Ingress shop/b conflict: subnets", "[{subnet-0a    } {subnet-0b    }]"}},
	annotation.CustomerOwnedPool: {first: "ipv4pool-coip-1", second: "ipv4pool-coip-2", want: []string{
		"finding Ingress shop/b conflict: "}},
	annotation.IPAMPool: {first: "ipam-pool-1", second: "ipam-pool-2", want: []string{
		"finding Ingress shop/b conflict: "}},
	annotation.SecurityGroups: {first: "sg-0a", second: "sg-0b", want: []string{
		"finding Ingress shop/b conflict: security groups"}},
	annotation.ManageBackend: {first: "true", second: "false", beside: notes{"security-groups": "sg-0a"},
		want: []string{"finding Ingress shop/b conflict: management"}},
	annotation.InboundCIDRs: {first: "10.0.0.0/8", second: "11.0.0.0/8", want: []string{
		"finding Ingress shop/b conflict: inbound CIDRs of port 80", "admit 80-80 10.0.0.0/8"}},
	annotation.PrefixLists: {first: "pl-1", second: "pl-2", want: []string{
		"finding Ingress shop/b conflict: prefix lists", "admit 80-80 pl-1"}},
	annotation.LoadBalancerAttributes: {first: "a=1,same=x", second: "a=2,b=3,same=x", want: []string{
		"finding Ingress shop/b conflict: load balancer attribute a", "map[a:1 b:3 same:x]"}},
	annotation.DriftPolicy: {first: "rules=report,tags=ignore", second: "rules=ignore,tags=ignore",
		want: []string{"finding Ingress shop/b conflict: drift policy of rules"}},
	annotation.ReplacementPolicy: {first: "refuse", second: "allow", want: []string{
		"finding Ingress shop/b conflict: replacement policy"}},
	// in turn
	annotation.ExistingLoadBalancer: {first: "platform", second: "other", beside: notes{"ownership": "shared"},
		want: []string{`finding Ingress shop/a notFound: load balancer "platform" does not exist`,
			`finding Ingress shop/b notFound: load balancer "other" does not exist`}},
	annotation.Capacity: {first: "CapacityUnits=100", second: "CapacityUnits=200", want: []string{
		"finding Ingress shop/b conflict: "}},
	annotation.Tags: {first: "k=1,same=x", second: "k=2,l=3,same=x", want: []string{
		"finding Ingress shop/b conflict: tag k", "k:1 l:3 same:x"}},
	annotation.WebACLARN: {
		first:  "arn:aws:wafv2:us-west-2:123456789012:regional/webacl/a/00000000-0000-4000-8000-000000000001",
		second: "arn:aws:wafv2:us-west-2:123456789012:regional/webacl/b/00000000-0000-4000-8000-000000000002", want: []string{
			"finding Ingress shop/b conflict: "}},
	// in turn
	annotation.WebACLName: {first: "a", second: "b", want: []string{
		`finding Ingress shop/a notFound: web ACL "a" does not exist`,
		`finding Ingress shop/b notFound: web ACL "b" does not exist`}},
	annotation.Shield: {first: "true", second: "false", want: []string{
		"finding Ingress shop/b conflict: "}},
	annotation.ListenPorts: {first: `[{"HTTP":80},{"HTTP":81}]`, second: `[{"HTTP":81},{"HTTP":82}]`,
		want: []string{"80:1 host-header=a ", "81:1 host-header=a ", "81:2 host-header=b ", "82:1 host-header=b "}},
	annotation.SSLRedirect: {first: "443", second: "8443", beside: both, want: []string{
		"finding Ingress shop/b conflict: SSL redirect port"}},
	annotation.CertificateARN: {first: arn1, second: arn2, want: []string{"certificates [" + arn1 + " " + arn2 + " "}},
	annotation.SSLPolicy: {first: "p1", second: "p2", beside: both, want: []string{
		"finding Ingress shop/b conflict: ssl policy of port 443", "listener HTTPS 443 → " +
			"fixed-response 404 p1 "}},
	annotation.ListenerAttributes: {first: "a=1", second: "a=2,b=3", want: []string{
		"finding Ingress shop/b conflict: listener attribute", "attributes map[a:1 b:3]"}},
	annotation.MutualAuthentication: {first: `[{"port":443,"mode":"passthrough"}]`, second: `[{"port":443,"mode":"off"}]`,
		beside: both,
		want:   []string{"finding Ingress shop/b conflict: "}},
	annotation.Frontend: {first: "true", second: "false", want: []string{
		"finding Ingress shop/a conflict: "}},
	annotation.FrontendScheme: {first: "internal", second: "internet-facing", beside: front, want: []string{
		"finding Ingress shop/b conflict: "}},
	annotation.FrontendSubnets: {first: "subnet-0a,subnet-0b", second: "subnet-0c,subnet-0d", beside: front,
		want: []string{"finding Ingress shop/b conflict: "}},
	annotation.FrontendSecurityGroups: {first: "sg-0a", second: "sg-0b", beside: front, want: []string{
		"finding Ingress shop/b conflict: "}},
	annotation.FrontendPorts: {first: "8080=80", second: "8080=81",
		beside: and(front, notes{"listen-ports": `[{"HTTP":80},{"HTTP":81}]`}), want: []string{
			"finding Ingress shop/b conflict: "}},
	annotation.FrontendEIPAllocations: {first: "eipalloc-1,eipalloc-2", second: "eipalloc-3,eipalloc-4",
		beside: and(front, notes{"frontend-nlb-scheme": "internet-facing", "frontend-nlb-subnets": "subnet-0a,subnet-0b"}),
		want:   []string{"finding Ingress shop/b conflict: "}},
	annotation.FrontendAttributes: {first: "a=1", second: "a=2", beside: front, want: []string{
		"finding Ingress shop/b conflict: "}},
	annotation.FrontendTags: {first: "a=1", second: "a=2", beside: front, want: []string{
		"finding Ingress shop/b conflict: "}},
	annotation.FrontendHealthCheckPort: {first: "80", second: "traffic-port", beside: front, want: []string{
		"finding Ingress shop/b conflict: "}},
	annotation.FrontendHealthCheckProtocol: {first: "HTTP", second: "HTTPS", beside: front, want: []string{
		"finding Ingress shop/b conflict: "}},
	annotation.FrontendHealthCheckPath: {first: "/a", second: "/b", beside: front, want: []string{
		"finding Ingress shop/b conflict: "}},
	annotation.FrontendHealthCheckInterval: {first: "20", second: "30", beside: front, want: []string{
		"finding Ingress shop/b conflict: "}},
	annotation.FrontendHealthCheckTimeout: {first: "5", second: "6", beside: front, want: []string{
		"finding Ingress shop/b conflict: "}},
	annotation.FrontendHealthyThreshold: {first: "2", second: "3", beside: front, want: []string{
		"finding Ingress shop/b conflict: "}},
	annotation.FrontendUnhealthyThreshold: {first: "2", second: "3", beside: front, want: []string{
		"finding Ingress shop/b conflict: "}},
	annotation.FrontendSuccessCodes: {first: "200", second: "201", beside: front, want: []string{
		"finding Ingress shop/b conflict: "}},
}

const (
	arn1 = "arn:aws:acm:us-west-2:123456789012:certificate/11111111-1111-4111-8111-111111111111"
	arn2 = "arn:aws:acm:us-west-2:123456789012:certificate/22222222-2222-4222-8222-222222222222"
)

var (
	both  = notes{"certificate-arn": arn1, "listen-ports": `[{"HTTP":80},{"HTTPS":443}]`}
	front = notes{"enable-frontend-nlb": "true"}
)

// TestEveryAnnotationThatMembersShareIsMerged fails as well for an annotation that has a rule of merging and no row
// above.
func TestEveryAnnotationThatMembersShareIsMerged(t *testing.T) {
	t.Parallel()
	for _, e := range annotation.Entries() {
		if e.Merge == "" || e.Scope != annotation.OnIngress && e.Scope != annotation.OnBoth {
			continue
		}
		t.Run(string(e.Key), func(t *testing.T) {
			t.Parallel()
			m, ok := disagreements[e.Key]
			if !ok {
				t.Fatal("no row tells what comes of two members with different values")
			}
			text := meet(t, e.Key, m.first, m.second)
			for _, w := range m.want {
				if !strings.Contains(text, w) {
					t.Errorf("it does not tell %q:\n%s", w, text)
				}
			}
			if same := meet(t, e.Key, m.first, m.first); strings.Contains(same, "has no effect, because") {
				t.Errorf("members that agree conflict:\n%s", same)
			}
		})
	}
}

// meet tells what comes of two members of a group that set an annotation of disagreements.
func meet(t *testing.T, key annotation.Key, first, second string) string {
	t.Helper()
	suffix := strings.TrimPrefix(string(key), annotation.IngressPrefix)
	if key == annotation.ListenerAttributes {
		suffix += "HTTP-80"
	}
	beside := and(group("g"), disagreements[key].beside)
	return tell(scenario{Account: "lab"}.run(t, append(surroundings(),
		ing("a", and(beside, notes{suffix: first}), "a Prefix / web:80"), ing("b", and(beside, notes{suffix: second}),
			"b Prefix / web:80"))))
}

// setAside are the annotations by which a newcomer of another namespace that disagrees is set aside. The value of any
// other shared annotation is ignored, and the newcomer is served.
var setAside = []annotation.Key{annotation.LoadBalancerName, annotation.Scheme, annotation.IPAddressType,
	annotation.Subnets, annotation.CustomerOwnedPool, annotation.IPAMPool, annotation.Frontend, annotation.FrontendScheme}

// notShared are annotations with a rule of merging by which newcomers share no value: each member adds its own, or the
// annotation is a policy.
var notShared = []annotation.Key{annotation.CertificateARN, annotation.ListenPorts, annotation.DriftPolicy,
	annotation.ReplacementPolicy, annotation.ExistingLoadBalancer}

// TestNewcomerIsSetAsideOrIgnored has a newcomer of another namespace disagree with an older member. A group that is
// built at once takes the stricter value, whoever sets it, so each pair of values is tried both ways.
func TestNewcomerIsSetAsideOrIgnored(t *testing.T) {
	t.Parallel()
	for _, e := range annotation.Entries() {
		if e.Merge == "" || e.Scope != annotation.OnIngress && e.Scope != annotation.OnBoth ||
			slices.Contains(notShared, e.Key) {
			continue
		}
		t.Run(string(e.Key), func(t *testing.T) {
			t.Parallel()
			m := disagreements[e.Key]
			aside := func(first, second string) bool {
				text := newcomer(t, e.Key, first, second)
				if strings.Contains(text, "Ingress shop/a is not allowed, because") {
					t.Errorf("%q, then %q: the older member is set aside:\n%s", first, second, text)
				}
				return strings.Contains(text, "Ingress zz/b is not allowed, because")
			}
			one, other := aside(m.first, m.second), aside(m.second, m.first)
			if want := slices.Contains(setAside, e.Key); (one || other) != want {
				t.Errorf("set aside: %v, the other way round: %v, want %v", one, other, want)
			}
			if aside(m.first, m.first) {
				t.Error("a newcomer with the same value is set aside")
			}
		})
	}
}

// newcomer tells what comes of an older member, and of one of another namespace with another value.
func newcomer(t *testing.T, key annotation.Key, first, second string) string {
	t.Helper()
	suffix := strings.TrimPrefix(string(key), annotation.IngressPrefix)
	if key == annotation.ListenerAttributes {
		suffix += "HTTP-80"
	}
	beside := and(group("g"), disagreements[key].beside)
	a, b := ing("a", and(beside, notes{suffix: first}), "a Prefix / web:80"), ing("b", and(beside, notes{suffix: second}),
		"b Prefix / web:80")
	a.CreationTimestamp, b.CreationTimestamp = metav1.Unix(1, 0), metav1.Unix(2, 0)
	b.Namespace = "zz"
	return tell(scenario{Account: "lab"}.run(t, append(surroundings(), a, b)))
}
