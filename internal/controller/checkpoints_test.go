package controller

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/controller/checkpoint"
	"github.com/k8s-lbc/lbc/internal/lib/longtest"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// newKeeper is a lab that keeps checkpoints.
func newKeeper(t *testing.T, objects ...client.Object) *lab {
	t.Helper()
	l := newLab(t, account.Profile{}, objects...)
	l.checkpointed = true
	l.restart()
	return l
}

// checkpoints are the ConfigMaps that the controller has written.
func (l *lab) checkpoints() []corev1.ConfigMap {
	l.Helper()
	var list corev1.ConfigMapList
	l.must(l.client.List(l.Context(), &list, client.InNamespace("kube-system")))
	return list.Items
}

// written is all that checkpoints say, unpacked.
func (l *lab) written() string {
	l.Helper()
	var out strings.Builder
	for _, m := range l.checkpoints() {
		for _, k := range slices.Sorted(maps.Keys(m.BinaryData)) {
			r, err := gzip.NewReader(bytes.NewReader(m.BinaryData[k]))
			l.must(err)
			text, err := io.ReadAll(r)
			l.must(err)
			out.Write(text)
			out.WriteString("\n")
		}
		for _, k := range slices.Sorted(maps.Keys(m.Data)) {
			out.WriteString(k + "=" + m.Data[k] + "\n")
		}
	}
	return out.String()
}

// breakages are mistakes of one member that concern the whole load balancer: without its last good version nobody knows which of the
// settings in effect are its own.
var breakages = map[string]map[string]string{
	"listen-ports":                 {"listen-ports": "nonsense"},
	"scheme":                       {"scheme": "foo"},
	"ssl-redirect without HTTPS":   {"ssl-redirect": "443"},
	"inbound-cidrs":                {"inbound-cidrs": "10.0.0.0/99"},
	"a dry run":                    {"dry-run": "true"},
	"a class that does not exist":  {"class": "gone"},
	"a group name that is invalid": {"group.name": "Not A Group"},
}

func breakIt(i *networkingv1.Ingress, annotations map[string]string) {
	for k, v := range annotations {
		if k == "class" {
			i.Spec.IngressClassName = &v
			continue
		}
		i.Annotations["alb.ingress.kubernetes.io/"+k] = v
	}
}

func TestAfterARestartABrokenMemberDelaysNoOther(t *testing.T) {
	t.Parallel()
	for name, annotations := range breakages {
		for end, stop := range map[string]func(*lab){"by a signal": (*lab).end, "by a crash": (*lab).crash, "without checkpoints": func(l *lab) { l.checkpointed = false }} {
			t.Run(name+", ended "+end, func(t *testing.T) {
				t.Parallel()
				l := newKeeper(t, append(pair(nil), labService("new"))...)
				l.settle(frontKey)
				l.edit("api", func(i *networkingv1.Ingress) { breakIt(i, annotations) })
				l.settle(frontKey)
				stop(l)
				l.restart()
				mark := l.mark()
				l.settle(frontKey)
				if w := l.writes(mark); len(w) > 0 {
					t.Errorf("the restart wrote %v", w)
				}
				l.edit("web", toNew)
				l.settle(frontKey)
				if w := l.writes(mark); !slices.Contains(w, "CreateTargetGroup") || !slices.Contains(w, "CreateRule") && !slices.Contains(w, "ModifyRule") {
					t.Errorf("the other member's edit was not carried out: %v\n%s", w, strings.Join(l.events, "\n"))
				}
				if got := len(l.sim.Resources().TargetGroups); got != 3 {
					t.Errorf("%d target groups, want those of api, web and new", got)
				}
			})
		}
	}
}

// TestWithoutCheckpointsTheSettingsThatABrokenMemberMayHaveSetStay has the other member change all that members share, and its own rules.
func TestWithoutCheckpointsTheSettingsThatABrokenMemberMayHaveSetStay(t *testing.T) {
	t.Parallel()
	for name, annotations := range breakages {
		if name == "a dry run" { // what it has is known: the dry run finds that it is as it was
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, account.Profile{}, append(pair(nil), labService("new"))...)
			l.edit("api", func(i *networkingv1.Ingress) {
				breakIt(i, map[string]string{"inbound-cidrs": "203.0.113.0/24", "load-balancer-attributes": "idle_timeout.timeout_seconds=75", "tags": "team=api"})
			})
			l.settle(frontKey)
			l.edit("api", func(i *networkingv1.Ingress) {
				breakIt(i, annotations)
			})
			l.restart()
			mark := l.mark()
			l.settle(frontKey)
			if w := l.writes(mark); len(w) > 0 {
				t.Errorf("the restart wrote %v", w)
			}
			l.edit("web", func(i *networkingv1.Ingress) {
				toNew(i)
				breakIt(i, map[string]string{
					"inbound-cidrs": "0.0.0.0/0", "load-balancer-attributes": "idle_timeout.timeout_seconds=90", "tags": "team=web", "listen-ports": `[{"HTTP": 80}, {"HTTP": 81}]`,
				})
			})
			l.settle(frontKey)
			got := slices.Compact(slices.Sorted(slices.Values(l.writes(mark))))
			if want := []string{"CreateRule", "CreateTargetGroup", "DeleteTargetGroup", "ModifyRule", "ModifyTargetGroup", "SetRulePriorities", "DeleteRule"}; slices.ContainsFunc(got, func(w string) bool { return !slices.Contains(want, w) }) || !slices.Contains(got, "CreateTargetGroup") {
				t.Errorf("written: %v\n%s", got, strings.Join(l.events, "\n"))
			}
			if !l.told("web", "SettingsWait") {
				t.Errorf("the other member is not told: %s", strings.Join(l.events, "\n"))
			}
		})
	}
}

func TestAStackThatIsGoneLeavesNoCheckpoint(t *testing.T) {
	t.Parallel()
	l := newKeeper(t, labClass(), labService("web"), labIngress("web", nil, "web"))
	l.settle(implicit("web"))
	l.crash()
	if !strings.Contains(l.written(), "shop/web") {
		t.Fatal("nothing is kept")
	}
	l.remove("web")
	l.settle(implicit("web"))
	l.end()
	if got := l.written(); strings.Contains(got, "shop/web") {
		t.Errorf("what is gone is kept: %s", got)
	}
}

func TestAtRestNothingIsWrittenToTheAPIServer(t *testing.T) {
	t.Parallel()
	l := newKeeper(t, pair(nil)...)
	l.settle(frontKey)
	l.crash()
	versions := func() (out []string) {
		for _, m := range l.checkpoints() {
			out = append(out, m.Name+" "+m.ResourceVersion)
		}
		return out
	}
	before := versions()
	for range 10 {
		l.settle(frontKey)
		l.crash()
	}
	l.edit("web", func(i *networkingv1.Ingress) { i.Annotations["example.com/touched"] = "1" })
	l.settle(frontKey)
	l.crash()
	if after := versions(); !slices.Equal(before, after) {
		t.Errorf("written: %v, before: %v", after, before)
	}
}

// reads are the calls since a mark that change nothing.
func (l *lab) reads(mark uint64) (out []string) {
	for _, c := range l.sim.Gate.Calls(gate.Filter{After: mark}) {
		if awsclient.IsRead(c.Action) {
			out = append(out, c.Action)
		}
	}
	slices.Sort(out)
	return out
}

// deepReads are those among reads that are made for each load balancer or listener.
func deepReads(reads []string) (out []string) {
	for _, r := range reads {
		if slices.Contains([]string{"DescribeListeners", "DescribeRules", "DescribeLoadBalancerAttributes", "DescribeTargetGroupAttributes", "DescribeListenerAttributes", "DescribeListenerCertificates"}, r) {
			out = append(out, r)
		}
	}
	return out
}

func TestARestartWithCheckpointsReadsListsOnly(t *testing.T) {
	t.Parallel()
	l := newKeeper(t, append(pair(map[string]string{"load-balancer-attributes": "idle_timeout.timeout_seconds=75"}), labService("new"))...)
	l.settle(frontKey)
	l.end()
	l.restart()
	mark := l.mark()
	l.settle(frontKey)
	if r := deepReads(l.reads(mark)); len(r) > 0 || len(l.writes(mark)) > 0 {
		t.Errorf("the restart read %v and wrote %v", r, l.writes(mark))
	}
	// An edit must not rest on what nobody has read.
	mark = l.mark()
	l.edit("web", toNew)
	l.settle(frontKey)
	if r := deepReads(l.reads(mark)); !slices.Contains(r, "DescribeRules") || !slices.Contains(l.writes(mark), "CreateRule") {
		t.Errorf("the edit read %v and wrote %v", r, l.writes(mark))
	}
	mark = l.mark()
	l.edit("web", func(i *networkingv1.Ingress) { i.Spec.Rules[0].HTTP.Paths[0].Path = "/other" })
	l.settle(frontKey)
	if r := l.reads(mark); len(r) > 0 {
		t.Errorf("what was read once is read again: %v", r)
	}
}

func TestARestartReadsNoTagsOfLoadBalancersOfOthersThatTheLastLeaderKnew(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end   func(l *lab)
		reads int // of tags
	}{
		"ended": {end: (*lab).end}, "killed": {end: func(l *lab) { l.must(l.checkpointer.Flush(t.Context())) }, reads: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newKeeper(t, pair(nil)...)
			l.foreign("others")
			l.settle(frontKey)
			c.end(l)
			l.restart()
			mark := l.mark()
			l.settle(frontKey)
			of := func(reads []string) int {
				return len(slices.DeleteFunc(reads, func(r string) bool { return r != "DescribeTags" }))
			}
			if n := of(l.reads(mark)); n != c.reads {
				t.Errorf("tags are read %d times", n)
			}
			// What is new may be of this cluster.
			l.end()
			l.foreign("more")
			l.restart()
			mark = l.mark()
			l.settle(frontKey)
			if n := of(l.reads(mark)); n != 1 {
				t.Errorf("tags with a new load balancer are read %d times", n)
			}
		})
	}
}

func TestADeletionAfterARestartReadsNothingBelowLists(t *testing.T) {
	t.Parallel()
	l := newKeeper(t, labClass(), labService("web"), labIngress("web", nil, "web"))
	l.settle(implicit("web"))
	l.end()
	l.restart()
	mark := l.mark()
	l.remove("web")
	l.settle(implicit("web"))
	if left := l.sim.Resources(); len(left.LoadBalancers)+len(left.TargetGroups) > 0 || len(deepReads(l.reads(mark))) > 0 {
		t.Errorf("left: %v; read: %v", l.left(), l.reads(mark))
	}
}

func TestWhatChangedBetweenProcessesIsReadBeforeAnythingIsDeleted(t *testing.T) {
	t.Parallel()
	l := newKeeper(t, pair(nil)...)
	l.settle(frontKey)
	l.end()
	// Nobody runs. A member goes, and another rule stands in AWS than the checkpoint says.
	listeners, err := l.sim.Balancing.DescribeListeners(l.Context(), &elbv2.DescribeListenersInput{LoadBalancerArn: &l.sim.Resources().LoadBalancers[0].ARN})
	l.must(err)
	rules, err := l.sim.Balancing.DescribeRules(l.Context(), &elbv2.DescribeRulesInput{ListenerArn: listeners.Listeners[0].ListenerArn})
	l.must(err)
	_, err = l.sim.Balancing.DeleteRule(l.Context(), &elbv2.DeleteRuleInput{RuleArn: rules.Rules[0].RuleArn})
	l.must(err)
	l.remove("web")
	l.restart()
	l.settle(frontKey)
	if got := len(l.sim.Resources().TargetGroups); got != 1 {
		t.Errorf("%d target groups are left", got)
	}
	for _, e := range l.events {
		if strings.Contains(e, "Failed") {
			t.Errorf("something was planned of what is not there: %s", e)
		}
	}
}

func TestAnOldCheckpointIsReadAgainFromAWS(t *testing.T) {
	t.Parallel()
	l := newKeeper(t, pair(nil)...)
	l.settle(frontKey)
	l.end()
	l.clock.Advance(longestAge + time.Minute)
	l.restart()
	mark := l.mark()
	l.settle(frontKey)
	if r := deepReads(l.reads(mark)); !slices.Contains(r, "DescribeRules") {
		t.Errorf("read only %v", r)
	}
}

func TestTargetsThatChangedBetweenProcessesFollowWithoutAnyRead(t *testing.T) {
	t.Parallel()
	for end, c := range map[string]struct {
		stop  func(*lab)
		reads bool
	}{"by a signal": {(*lab).end, false}, "by a crash": {(*lab).crash, true}} {
		l := newKeeper(t, labClass(), labService("web"), labIngress("web", nil, "web"), labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
		l.create(labPods("a", "10.0.128.50", "10.0.128.51")...)
		l.settle(implicit("web"))
		arn := l.sim.Resources().TargetGroups[0].ARN
		if got := l.targets(arn); len(got) != 2 {
			t.Fatalf("registered: %v", got)
		}
		c.stop(l)
		slice := &discoveryv1.EndpointSlice{}
		l.must(l.client.Get(l.Context(), client.ObjectKey{Namespace: "shop", Name: "web-a"}, slice))
		gone := slice.Endpoints[0].Addresses[0]
		slice.Endpoints = slice.Endpoints[1:]
		l.must(l.client.Update(l.Context(), slice))
		l.restart()
		mark := l.mark()
		l.settle(implicit("web"))
		read := slices.Contains(l.reads(mark), "DescribeTargetHealth")
		if got := l.targets(arn); len(got) != 1 || got[0] == gone+":8080" {
			t.Errorf("ended %s: registered: %v", end, got)
		}
		if read != c.reads {
			t.Errorf("ended %s: targets were read: %t", end, read)
		}
	}
}

func TestTargetsAddedAndRemovedWhileNoControllerRanFollowWithinTwoSecondsOfTheStart(t *testing.T) {
	t.Parallel()
	for end, stop := range map[string]func(*lab){"by a signal": (*lab).end, "by a crash": (*lab).crash} {
		t.Run("ended "+end, func(t *testing.T) {
			t.Parallel()
			l := newKeeper(t, labClass(), labService("web"), labIngress("web", nil, "web"), labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
			l.create(labPods("a", "10.0.128.50", "10.0.128.51")...)
			l.settle(implicit("web"))
			arn := l.sim.Resources().TargetGroups[0].ARN
			stop(l)
			slice := &discoveryv1.EndpointSlice{}
			l.must(l.client.Get(l.Context(), client.ObjectKey{Namespace: "shop", Name: "web-a"}, slice))
			for _, o := range labPods("a", "10.0.128.51", "10.0.128.52")[1:] { // a pod of each name is there, with the address of before
				l.must(l.client.Delete(l.Context(), o))
				l.create(o)
			}
			slice.Endpoints = labPods("a", "10.0.128.51", "10.0.128.52")[0].(*discoveryv1.EndpointSlice).Endpoints
			l.must(l.client.Update(l.Context(), slice))
			l.restart()
			begun, want := l.clock.Now(), []string{"10.0.128.51:8080", "10.0.128.52:8080"}
			for {
				wait, err := l.round(implicit("web"))
				l.must(err)
				if got := slices.Sorted(slices.Values(l.targets(arn))); slices.Equal(got, want) {
					return
				}
				l.clock.Advance(max(wait, time.Millisecond))
				if took := l.clock.Now().Sub(begun); took > 2*time.Second {
					t.Fatalf("after %v the targets are %v, want %v", took, l.targets(arn), want)
				}
			}
		})
	}
}

func TestNoSecretIsInAnyCheckpoint(t *testing.T) {
	t.Parallel()
	const planted = "s3cr3t-of-the-client"
	secret := stack.NewSecret(planted, "key")
	id := stack.NewSecret("id-of-the-client", "")
	oidc := &stack.AuthenticateOIDC{Issuer: "https://idp.example.com", ClientID: id, ClientSecret: secret, SecretName: "shop/idp"}
	object := diag.Object{Kind: "Ingress", Namespace: "shop", Name: "web", UID: "1"}
	m := &compile.Memory{Good: map[diag.Object]intent.Member{object: {
		Object:       object,
		Routes:       []intent.Route{{Authentication: []intent.Action{{OIDC: oidc}}}},
		Certificates: []intent.Certificate{{ID: "c", Import: &stack.KeyPair{Key: secret, Certificate: "PEM", Hash: "h"}}},
	}}}
	l := newKeeper(t)
	l.checkpointer.Put(checkpoint.Memory, "ingress.k8s.aws:front", m)
	l.end()
	written := l.written()
	if !strings.Contains(written, "https://idp.example.com") {
		t.Fatal("nothing is kept")
	}
	for _, not := range []string{planted, secret.Fingerprint(), "id-of-the-client", "PEM"} {
		if strings.Contains(written, not) {
			t.Errorf("%q is in a checkpoint: %s", not, written)
		}
	}
	l.restart()
	read := l.ingresses.MemoryOf(stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "front"}})
	if read == nil || !read.Good[object].Routes[0].Authentication[0].OIDC.Withheld() {
		t.Errorf("the login is not known to lack its credentials: %+v", read)
	}
}

// TestDamagedCheckpointsCostReadsOnly ends a controller, damages what it left, mixes it with what was left before, edits meanwhile, and starts
// another one: in the end a controller that knows nothing finds nothing to do.
func TestDamagedCheckpointsCostReadsOnly(t *testing.T) {
	t.Parallel()
	for seed := range uint64(longtest.Seeds(4, 12)) { //nolint:gosec // small
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 7)) //nolint:gosec // nothing to guess
			l := newKeeper(t, append(pair(nil), labService("new"), labService("web"), labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1"))...)
			l.create(labPods("a", "10.0.128.50")...)
			l.create(labIngress("alone", map[string]string{"load-balancer-attributes": "idle_timeout.timeout_seconds=75"}, "web"))
			keys := []stack.Key{frontKey, implicit("alone")}
			l.settle(keys...)
			l.crash()
			before := l.checkpoints()
			l.edit("web", toNew)
			l.edit("alone", func(i *networkingv1.Ingress) { i.Spec.Rules[0].HTTP.Paths[0].Path = "/other" })
			l.settle(keys...)
			[]func(*lab){(*lab).end, (*lab).crash, func(*lab) {}}[r.IntN(3)](l)
			for _, m := range l.checkpoints() {
				l.damage(r, &m, before)
			}
			if r.IntN(2) == 0 {
				l.edit("api", toNew)
			}
			l.restart()
			l.settle(keys...)
			for _, key := range l.inventory.Assumed() {
				_, err := l.inventory.Reread(t.Context(), key)
				l.must(err)
			}
			for arn := range l.assumed {
				_, _, err := l.bound.Registry.Recheck(t.Context(), registrar.Group{ARN: arn})
				l.must(err)
			}
			l.settle(keys...)
			if left := l.inventory.Assumed(); len(left) > 0 {
				t.Errorf("not verified: %v", left)
			}
			l.checkpointed = false
			l.restart()
			mark := l.mark()
			l.settle(keys...)
			if w := l.writes(mark); len(w) > 0 {
				t.Errorf("a controller that knows nothing writes %v", w)
			}
			if got := len(l.sim.Resources().TargetGroups); got < 4 {
				t.Errorf("only %d target groups are left", got)
			}
		})
	}
}

// damage spoils a checkpoint, or brings an older one back.
func (l *lab) damage(r *rand.Rand, m *corev1.ConfigMap, before []corev1.ConfigMap) {
	l.Helper()
	switch r.IntN(6) {
	case 0:
		l.must(l.client.Delete(l.Context(), m))
		return
	case 1:
		for _, old := range before {
			if old.Name == m.Name {
				m.Data, m.BinaryData = old.Data, old.BinaryData
			}
		}
	case 2:
		for _, v := range m.BinaryData {
			v[r.IntN(len(v))] ^= 1 << r.IntN(8)
		}
	case 3:
		for k, v := range m.BinaryData {
			m.BinaryData[k] = v[:r.IntN(len(v))]
		}
	case 4:
		m.Data[[]string{"format", "scope", "term", "state", "time"}[r.IntN(5)]] = []string{"", "0", "ended", "2026-01-01T00:00:00Z"}[r.IntN(4)]
	}
	l.must(l.client.Update(l.Context(), m))
}

func TestAThousandLoadBalancersOfTenRulesFitIntoTheCheckpoints(t *testing.T) {
	t.Parallel()
	longtest.Long(t, "a thousand load balancers")
	l := newKeeper(t)
	for n := range 1000 {
		name := fmt.Sprintf("shop-%d/web-%d", n%50, n)
		arn := func(kind string, i int) string {
			return fmt.Sprintf("arn:aws:elasticloadbalancing:us-west-2:111122223333:%s/app/k8s-shop-web%d/%016x/%016x", kind, n, n*7919, i*104729+n)
		}
		lb, listener := arn("loadbalancer", 0), arn("listener", 1)
		d := inventory.Snapshot{
			Listeners:  map[string][]awsop.Listener{lb: {{ARN: listener, Listener: stack.Listener{ID: "443", Port: 443, Protocol: "HTTPS", Certificates: []string{arn("certificate", 2)}, LoadBalancer: stack.Literal(stack.KindLoadBalancer, lb)}}}},
			Rules:      map[string][]awsop.Rule{listener: nil},
			Attributes: map[string]map[string]string{},
		}
		m := intent.Member{Object: diag.Object{Kind: "Ingress", Namespace: "shop", Name: name, UID: fmt.Sprint(n)}}
		for i := range 10 {
			tg := arn("targetgroup", 10+i)
			d.Attributes[tg] = map[string]string{"deregistration_delay.timeout_seconds": "30", "stickiness.enabled": "false", "load_balancing.algorithm.type": "round_robin"}
			rule := stack.Rule{ID: fmt.Sprintf("443:%d", i), Order: int32(i), Listener: stack.Literal(stack.KindListener, listener), Tags: map[string]string{"elbv2.k8s.aws/cluster": "demo", "ingress.k8s.aws/stack": name}}
			rule.Conditions = []stack.Condition{{Field: stack.HostHeader, Values: []string{fmt.Sprintf("host-%d-%d.example.com", n, i)}}, {Field: stack.PathPattern, Values: []string{fmt.Sprintf("/path/%d/*", i)}}}
			rule.Actions = []stack.Action{{Type: stack.ActionForward, Forward: &stack.Forward{TargetGroups: []stack.WeightedTargetGroup{{TargetGroup: stack.Literal(stack.KindTargetGroup, tg)}}}}}
			d.Rules[listener] = append(d.Rules[listener], awsop.Rule{ARN: arn("listener-rule", 20+i), Priority: int32(i + 1), Rule: rule})
			m.Routes = append(m.Routes, intent.Route{Conditions: rule.Conditions, Actions: []intent.Action{{Type: stack.ActionForward, Backends: []intent.Backend{{TargetGroup: &intent.TargetGroup{ID: fmt.Sprint(name, i), Object: m.Object, ServiceName: fmt.Sprint("svc-", i)}}}}}})
		}
		l.checkpointer.Put(checkpoint.Observed, "ingress.k8s.aws:"+name, d)
		l.checkpointer.Put(checkpoint.Memory, "ingress.k8s.aws:"+name, &compile.Memory{Good: map[diag.Object]intent.Member{m.Object: m}})
	}
	l.end()
	largest, entries := 0, 0
	for _, m := range l.checkpoints() {
		size := 0
		for _, v := range m.BinaryData {
			size += len(v)
			entries++
		}
		largest = max(largest, size)
	}
	if entries != 2000 || largest > 450<<10 {
		t.Errorf("%d entries, the largest ConfigMap has %d KiB", entries, largest>>10)
	}
	t.Logf("the largest ConfigMap has %d KiB", largest>>10)
}

func TestOnlyAnEditThatChangesTheLoadBalancerBringsItsVerificationForward(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, pair(nil)...)
	var soon []stack.Key
	l.ingresses.ScheduleReview = func(key stack.Key) { soon = append(soon, key) }
	step := func(name string, want int) {
		t.Helper()
		l.settle(frontKey)
		if len(soon) != want {
			t.Errorf("%s: %d looks are brought forward, want %d", name, len(soon), want)
		}
		soon = nil
	}
	step("a load balancer is made", 0)
	l.edit("web", func(i *networkingv1.Ingress) { i.Annotations["example.com/touched"] = "1" })
	step("a touch", 0)
	l.edit("web", func(i *networkingv1.Ingress) {
		i.Annotations["alb.ingress.kubernetes.io/load-balancer-attributes"] = "idle_timeout.timeout_seconds=75"
	})
	step("an edit", 1)
	listeners, err := l.sim.Balancing.DescribeListeners(l.Context(), &elbv2.DescribeListenersInput{LoadBalancerArn: &l.sim.Resources().LoadBalancers[0].ARN})
	l.must(err)
	_, err = l.sim.Balancing.DeleteListener(l.Context(), &elbv2.DeleteListenerInput{ListenerArn: listeners.Listeners[0].ListenerArn})
	l.must(err)
	_, err = l.inventory.Reread(l.Context(), frontKey)
	l.must(err)
	step("what others changed is put back", 0)
}
