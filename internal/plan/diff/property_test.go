package diff

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// drawStack draws a stack: paths in any order, some doubled, with weights, attributes, listeners, schemes, names.
func drawStack(t *rapid.T, label string) *stack.Stack {
	paths := rapid.SliceOfN(rapid.SampledFrom([]string{"/a", "/b", "/c", "/d*", "/e", "/f/*", "/*"}), 0, 9).Draw(
		t, label+" paths")
	s := testStack(paths...)
	if rapid.IntRange(0, 9).Draw(t, label+" empty") == 0 {
		return stack.ForRemoval(s.Key, s.Cluster, s.VPC, stack.ObjectsDeleted)
	}
	if rapid.Bool().Draw(t, label+" internal") {
		s.LoadBalancers[0].Scheme = stack.Internal
		if rapid.Bool().Draw(t, label+" other name") {
			s.LoadBalancers[0].Name = "k8s-shop-webfront-internal"
		}
	}
	s.LoadBalancers[0].Attributes = rapid.MapOf(
		rapid.SampledFrom([]string{"idle_timeout.timeout_seconds", "routing.http2.enabled", "some.thing"}),
		rapid.SampledFrom([]string{"60", "75", "true", ""})).Draw(t, label+" attributes")
	if rapid.Bool().Draw(t, label+" add-ons") {
		acl := rapid.SampledFrom([]string{"", "arn:acl1", "arn:acl2"}).Draw(t, label+" web ACL")
		shield, units := rapid.Bool().Draw(t, label+" shield"), rapid.Int32Range(0, 2).Draw(t, label+" units")
		s.LoadBalancers[0].AddOns = stack.AddOns{WebACL: &acl, Shield: &shield, Capacity: &units}
		s.LoadBalancers[0].IPAMPool = rapid.SampledFrom([]string{"", "ipam-pool-1"}).Draw(t, label+" pool")
	}
	if rapid.Bool().Draw(t, label+" own group") {
		s.SecurityGroups = s.SecurityGroups[1:]
		s.LoadBalancers[0].SecurityGroups = []stack.Ref{stack.Literal(stack.KindSecurityGroup, "sg-user"),
			groupRef(stack.BackendSecurityGroup)}
	}
	if rapid.Bool().Draw(t, label+" TLS") {
		s.Listeners[0].Protocol, s.Listeners[0].SSLPolicy = "HTTPS", "p1"
		certs := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"c1", "c2", "c3"}), 1, 3, rapid.ID[string]).Draw(
			t, label+" certificates")
		s.Listeners[0].Certificates, s.Listeners[0].SNI = certs[:1], certs
	}
	if len(s.TargetGroups) > 1 && rapid.Bool().Draw(t, label+" weights") {
		w := rapid.Int32Range(0, 3).Draw(t, label+" weight")
		s.Rules[0].Actions[0].Forward.TargetGroups = []stack.WeightedTargetGroup{
			{TargetGroup: targetGroupRef(s.TargetGroups[0].ID), Weight: &w}, {TargetGroup: targetGroupRef(s.TargetGroups[1].ID)}}
	}
	if len(s.TargetGroups) > 0 && rapid.Bool().Draw(t, label+" replaced") {
		s.TargetGroups[0].Protocol, s.TargetGroups[0].Name = "HTTPS", s.TargetGroups[0].Name+"s"
		s.Bindings[0].Protocol, s.Bindings[0].Name = "HTTPS", s.TargetGroups[0].Name
	}
	if len(s.TargetGroups) > 0 && rapid.Bool().Draw(t, label+" IPv6") { // of which the name does not tell
		s.TargetGroups[0].IPAddressType, s.Bindings[0].IPAddress = stack.IPv6, stack.IPv6
	}
	if rapid.Bool().Draw(t, label+" moved listener") {
		s.Listeners[0].ID, s.Listeners[0].Port = "8080", 8080
		for i := range s.Rules {
			s.Rules[i].Listener, s.Rules[i].ID = listenerRef("8080"), fmt.Sprintf("8080:%d", i+1)
		}
	}
	if rapid.Bool().Draw(t, label+" frontend") {
		scheme := rapid.SampledFrom([]string{stack.Internal, stack.InternetFacing}).Draw(t, label+" frontend scheme")
		ports := map[int32]int32{}
		for _, p := range rapid.SliceOfDistinct(rapid.SampledFrom([]int32{80, 8080, 9000}), rapid.ID[int32]).Draw(
			t, label+" frontend ports") {
			ports[p] = s.Listeners[0].Port
		}
		withFrontend(s, scheme, ports)
	}
	return s
}

// TestAnyStackIsReachedFromAnyOther goes through random stacks: each plan is executable in its order, leads to its
// stack (the next diff is empty), and leaves alone what is not ours.
func TestAnyStackIsReachedFromAnyOther(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		f := newFake(testKey())
		for n := range 4 {
			want := drawStack(rt, fmt.Sprint(n))
			converge(rt, f, want)
			if len(want.Listeners) > 0 && rapid.Bool().Draw(rt, "foreign rule") {
				addForeignRule(rt, f)
			}
		}
	})
}

func addForeignRule(t *rapid.T, f *fakeAWS) {
	p := rapid.Int32Range(1, 300).Draw(t, "foreign priority")
	if slices.ContainsFunc(f.obs.Rules, func(r awsop.Rule) bool { return r.Priority == p }) {
		return
	}
	at := slices.IndexFunc(f.obs.Listeners, func(l awsop.Listener) bool { return strings.HasPrefix(l.Protocol, "HTTP") })
	f.obs.Rules = append(f.obs.Rules, awsop.Rule{ARN: fmt.Sprintf("arn:foreign/%d", p), Priority: p, Rule: stack.Rule{
		Listener: stack.Literal(stack.KindListener, f.obs.Listeners[at].ARN), Tags: map[string]string{"mine": "1"},
		Conditions: []stack.Condition{{Field: stack.PathPattern, Values: []string{"/theirs"}}},
	}})
}

func converge(t *rapid.T, f *fakeAWS, want *stack.Stack) {
	foreign := map[string]int32{}
	for _, r := range f.obs.Rules {
		if strings.HasPrefix(r.ARN, "arn:foreign") {
			foreign[r.ARN] = r.Priority
		}
	}
	p := Stack(want, stack.Keep{}, f.obs, Options{})
	f.run(t, p)
	if again := Stack(want, stack.Keep{}, f.obs, Options{}); !again.Empty() {
		t.Fatalf("the plan did not lead to what is wanted:\n%s\nthen:\n%s", p.Text(plan.TextOptions{}),
			again.Text(plan.TextOptions{}))
	}
	kept := map[string]int32{}
	for _, r := range f.obs.Rules {
		if strings.HasPrefix(r.ARN, "arn:foreign") {
			kept[r.ARN] = r.Priority
		}
	}
	if len(f.obs.Listeners) == 1 && len(kept) > 0 && !maps.Equal(foreign, kept) {
		t.Fatalf("rules of others: %v became %v", foreign, kept)
	}
	var order []string
	rules := slices.Clone(f.obs.Rules)
	slices.SortFunc(rules, func(a, b awsop.Rule) int { return int(a.Priority - b.Priority) })
	for _, r := range rules {
		if !strings.HasPrefix(r.ARN, "arn:foreign") {
			order = append(order, r.Conditions[0].Values[0])
		}
	}
	var wanted []string
	for _, r := range want.Rules {
		wanted = append(wanted, r.Conditions[0].Values[0])
	}
	if !slices.Equal(order, wanted) {
		t.Fatalf("order %v, want %v", order, wanted)
	}
}

// TestReorderingIsAtMostOneWrite reorders rules: any new order takes at most one SetRulePriorities.
func TestReorderingIsAtMostOneWrite(t *testing.T) {
	t.Parallel()
	paths := []string{"/a", "/b", "/c", "/d", "/e", "/f"}
	rapid.Check(t, func(rt *rapid.T) {
		f := newFake(testKey())
		converge(rt, f, testStack(paths...))
		clear(f.writes)
		converge(rt, f, testStack(rapid.Permutation(paths).Draw(rt, "order")...))
		if n := f.writes["SetRulePriorities"]; n > 1 || len(f.writes) > n {
			rt.Fatalf("writes %v", f.writes)
		}
	})
}

func BenchmarkDiffOfAThousandRulesThatAreThere(b *testing.B) {
	var paths []string
	for i := range 1000 {
		paths = append(paths, fmt.Sprintf("/%d", i))
	}
	want := testStack(paths...)
	f := newFake(testKey())
	f.run(b, Stack(want, stack.Keep{}, f.obs, Options{}))
	b.ResetTimer()
	for b.Loop() {
		if p := Stack(want, stack.Keep{}, f.obs, Options{}); !p.Empty() {
			b.Fatal(p.Text(plan.TextOptions{}))
		}
	}
}

func BenchmarkDiffOfAThousandNewRules(b *testing.B) {
	var paths []string
	for i := range 1000 {
		paths = append(paths, fmt.Sprintf("/%d", i))
	}
	want := testStack(paths...)
	for b.Loop() {
		Stack(want, stack.Keep{}, awsop.Observed{Key: testKey()}, Options{})
	}
}

func BenchmarkDiffOfOneIngress(b *testing.B) {
	want := testStack("/")
	for b.Loop() {
		Stack(want, stack.Keep{}, awsop.Observed{Key: testKey()}, Options{})
	}
}
