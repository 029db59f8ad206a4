package compile

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func guardedBy(groups ...string) func(*intent.Member) {
	return func(m *intent.Member) { m.Settings.SecurityGroups = set(m, "security-groups", groups) }
}

func onPort(n int32) func(*intent.Member) {
	return func(m *intent.Member) { m.Listeners = append(m.Listeners, intent.Listener{Port: n, Protocol: "HTTP"}) }
}

func only(n int32) func(*intent.Member) {
	return func(m *intent.Member) { m.Listeners = []intent.Listener{{Port: n, Protocol: "HTTP"}} }
}

// standingListeners adds the listeners of a stack to the facts.
func standingListeners(f facts.Facts, s *stack.Stack) facts.Facts {
	f.Details = &facts.LoadBalancerDetails{Listeners: map[int32]stack.Listener{}}
	for _, l := range s.Listeners {
		f.Details.Listeners[l.Port] = l
	}
	return f
}

func TestAPortWhoseMembersLostTheirSecurityGroupsAdmitsNoClient(t *testing.T) {
	t.Parallel()
	const world = "8 0.0.0.0/0"
	web := ingress("shop", "web", ranges("10.0.0.0/8"), born(1))
	plain := ingress("shop", "plain", born(1))
	api := ingress("team", "api", born(2))
	lists := func(m *intent.Member) { m.Listeners[0].PrefixLists = set(m, "prefix-lists", []string{"pl-1"}) }
	zz := func(c ...func(*intent.Member)) intent.Member { return ingress("zz", "new", append(c, born(9))...) }
	other := func(c ...func(*intent.Member)) intent.Member { return ingress("yy", "other", append(c, born(10))...) }
	list := func(m ...intent.Member) []intent.Member { return m }
	type state struct {
		members []intent.Member
		want    []string
		told    map[string]string // by name of the member: text of a finding
	}
	closed := map[string]string{"new": "no client reaches ports 8081 of Ingress zz/new"}
	for name, states := range map[string][]state{
		"it asks for the world": {{list(web, api, zz(only(8081), ranges("0.0.0.0/0"), guardedBy("front"))),
			[]string{"0 10.0.0.0/8"}, closed}},
		"it asks for no ranges": {{list(web, api, zz(only(8081), guardedBy("front"))), []string{"0 10.0.0.0/8"},
			closed}},
		"it asks for prefix lists": {{list(web, api, zz(only(8081), lists, guardedBy("front"))),
			[]string{"0 10.0.0.0/8"}, closed}},
		"it is on the port of others too": {{list(plain, api, zz(onPort(8081), guardedBy("front"))),
			[]string{"0 0.0.0.0/0"}, closed}},
		"it shares only": {{list(web, api, zz(ranges("0.0.0.0/0"), guardedBy("front"))),
			[]string{"0 10.0.0.0/8"}, nil}},
		"its port was open": {
			{list(web, api, zz(only(8081))), []string{"0 10.0.0.0/8", world}, nil},
			{list(web, api, zz(only(8081), guardedBy("front"))), []string{"0 10.0.0.0/8"}, closed},
			{list(web, api, zz(only(8081))), []string{"0 10.0.0.0/8", world}, nil}},
		"its ranges held on a port with another": {
			{list(web, api, zz(only(8081), ranges("192.0.2.0/24")), other(only(8081))),
				[]string{"0 10.0.0.0/8", "8 192.0.2.0/24"}, nil},
			{list(web, api, zz(only(8081), ranges("192.0.2.0/24"), guardedBy("front")), other(only(8081))),
				[]string{"0 10.0.0.0/8", "8 192.0.2.0/24"}, nil}},
		"another joins at once": {
			{list(web, api, zz(only(8081), guardedBy("front")), other(only(8081), ranges("192.0.2.0/24"))),
				[]string{"0 10.0.0.0/8", "8 192.0.2.0/24"}, nil}},
		"another comes later": {
			{list(web, api, zz(only(8081), guardedBy("front"))), []string{"0 10.0.0.0/8"}, closed},
			{list(web, api, zz(only(8081), guardedBy("front")), other(only(8081))), []string{"0 10.0.0.0/8"},
				map[string]string{"new": closed["new"], "other": "port 8081 admits no client: Ingress zz/new closed it first"}},
			{list(web, api, zz(only(8081), guardedBy("front")), other(only(8081), ranges("0.0.0.0/0"))),
				[]string{"0 10.0.0.0/8"},
				map[string]string{"new": closed["new"], "other": "0.0.0.0/0 of Ingress yy/other has no effect, because Ingress " +
					"zz/new has no source"}},
			{list(web, api, other(only(8081), ranges("0.0.0.0/0"))), []string{"0 10.0.0.0/8", world}, nil}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first := Compile(loadBalancer(states[0].members[0], api), account(), config(), nil)
			memory, was := first.Memory, mustBuild(t, first)
			for n, s := range states {
				r := Compile(loadBalancer(s.members...), standingListeners(asFacts(account(), was), was), config(), memory)
				got := mustBuild(t, r)
				same(t, "sources", sources(got), s.want)
				same(t, "security groups", []string{got.LoadBalancers[0].SecurityGroups[0].ID},
					[]string{stack.ManagedSecurityGroup})
				for _, who := range []string{"new", "other"} {
					said := slices.ContainsFunc(r.Diagnostics, func(d diag.Diagnostic) bool {
						return d.Object.Name == who && strings.Contains(d.Text, cmp.Or(s.told[who], "no client reaches"))
					})
					if said != (s.told[who] != "") {
						t.Errorf("state %d: %s is told %v", n, who, r.Diagnostics)
					}
				}
				memory, was = r.Memory, got
				after := Compile(loadBalancer(s.members...), standingListeners(asFacts(account(), was), was), config(), nil)
				same(t, "sources after the loss of the memory", sources(mustBuild(t, after)), s.want)
			}
		})
	}
}

func TestAClosedPortNamesTheFieldsOfItsKind(t *testing.T) {
	t.Parallel()
	for owner, want := range map[stack.Owner][]string{
		stack.Ingress: {"security-groups", "inbound-cidrs"},
		stack.Service: {
			"annotation service.beta.kubernetes.io/aws-load-balancer-security-groups",
			"spec.loadBalancerSourceRanges, annotation service.beta.kubernetes.io/load-balancer-source-ranges",
		},
		stack.GatewayNLB: {"securityGroups of its LoadBalancerConfiguration",
			"sourceRanges of its LoadBalancerConfiguration"},
	} {
		groups, ranges := restrictions(owner)
		same(t, string(owner), []string{groups, ranges}, want)
	}
}
