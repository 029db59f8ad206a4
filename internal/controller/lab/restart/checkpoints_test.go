package restart

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	"github.com/k8s-lbc/lbc/internal/controller"
	"github.com/k8s-lbc/lbc/internal/controller/checkpoint"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/lib/sample"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// breakages are mistakes of one member that concern the whole load balancer: without its last valid version nobody
// knows which of the settings in effect are its own.
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
		for end, stop := range map[string]func(*lab.Lab){"by a signal": (*lab.Lab).End, "by a crash": (*lab.Lab).Crash,
			"without checkpoints": func(l *lab.Lab) { l.Checkpointed = false }} {
			t.Run(name+", ended "+end, func(t *testing.T) {
				t.Parallel()
				l := lab.NewKeeper(t, append(lab.Pair(nil), lab.Service("new"))...)
				l.Settle(lab.FrontKey)
				l.Edit("api", func(i *networkingv1.Ingress) { breakIt(i, annotations) })
				l.Settle(lab.FrontKey)
				stop(l)
				l.Restart()
				mark := l.Mark()
				l.Settle(lab.FrontKey)
				if w := l.Writes(mark); len(w) > 0 {
					t.Errorf("the restart wrote %v", w)
				}
				l.Edit("web", lab.ToNew)
				l.Settle(lab.FrontKey)
				if w := l.Writes(mark); !slices.Contains(w, "CreateTargetGroup") || !slices.Contains(w, "CreateRule") &&
					!slices.Contains(w, "ModifyRule") {
					t.Errorf("the other member's edit was not carried out: %v\n%s", w, strings.Join(l.Events, "\n"))
				}
				if got := len(l.Sim.Resources().TargetGroups); got != 3 {
					t.Errorf("%d target groups, want those of api, web and new", got)
				}
			})
		}
	}
}

// TestSharedSettingsOfBrokenMemberStayWithoutCheckpoints has the other member change all that members share,
// and its own rules.
func TestSharedSettingsOfBrokenMemberStayWithoutCheckpoints(t *testing.T) {
	t.Parallel()
	for name, annotations := range breakages {
		if name == "a dry run" { // what it has is known: the dry run finds that it is as it was
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t, account.Profile{}, append(lab.Pair(nil), lab.Service("new"))...)
			l.Edit("api", func(i *networkingv1.Ingress) {
				breakIt(i, map[string]string{"inbound-cidrs": "203.0.113.0/24",
					"load-balancer-attributes": "idle_timeout.timeout_seconds=75", "tags": "team=api"})
			})
			l.Settle(lab.FrontKey)
			l.Edit("api", func(i *networkingv1.Ingress) {
				breakIt(i, annotations)
			})
			l.Restart()
			mark := l.Mark()
			l.Settle(lab.FrontKey)
			if w := l.Writes(mark); len(w) > 0 {
				t.Errorf("the restart wrote %v", w)
			}
			l.Edit("web", func(i *networkingv1.Ingress) {
				lab.ToNew(i)
				breakIt(i, map[string]string{
					"inbound-cidrs": "0.0.0.0/0", "load-balancer-attributes": "idle_timeout.timeout_seconds=90", "tags": "team=web",
					"listen-ports": `[{"HTTP": 80}, {"HTTP": 81}]`,
				})
			})
			l.Settle(lab.FrontKey)
			got := slices.Compact(slices.Sorted(slices.Values(l.Writes(mark))))
			if want := []string{"CreateRule", "CreateTargetGroup", "DeleteTargetGroup", "ModifyRule", "ModifyTargetGroup",
				"SetRulePriorities", "DeleteRule"}; slices.ContainsFunc(got, func(w string) bool {
				return !slices.Contains(want, w)
			}) || !slices.Contains(got, "CreateTargetGroup") {
				t.Errorf("written: %v\n%s", got, strings.Join(l.Events, "\n"))
			}
			if !l.Told("web", "SettingsWait") {
				t.Errorf("the other member is not told: %s", strings.Join(l.Events, "\n"))
			}
		})
	}
}

func TestAStackThatIsGoneLeavesNoCheckpoint(t *testing.T) {
	t.Parallel()
	l := lab.NewKeeper(t, lab.Class(), lab.Service("web"), lab.Ingress("web", nil, "web"))
	l.Settle(lab.Key("web"))
	l.Crash()
	if !strings.Contains(l.Written(), "shop/web") {
		t.Fatal("nothing is kept")
	}
	l.Remove("web")
	l.Settle(lab.Key("web"))
	l.End()
	if got := l.Written(); strings.Contains(got, "shop/web") {
		t.Errorf("what is gone is kept: %s", got)
	}
}

func TestAtRestNothingIsWrittenToTheAPIServer(t *testing.T) {
	t.Parallel()
	l := lab.NewKeeper(t, lab.Pair(nil)...)
	l.Settle(lab.FrontKey)
	l.Crash()
	versions := func() (out []string) {
		for _, m := range l.Checkpoints() {
			out = append(out, m.Name+" "+m.ResourceVersion)
		}
		return out
	}
	before := versions()
	for range 10 {
		l.Settle(lab.FrontKey)
		l.Crash()
	}
	l.Edit("web", func(i *networkingv1.Ingress) { i.Annotations["example.com/touched"] = "1" })
	l.Settle(lab.FrontKey)
	l.Crash()
	if after := versions(); !slices.Equal(before, after) {
		t.Errorf("written: %v, before: %v", after, before)
	}
}

// deepReads are those among reads that are made for each load balancer or listener.
func deepReads(reads []string) (out []string) {
	for _, r := range reads {
		if slices.Contains([]string{"DescribeListeners", "DescribeRules", "DescribeLoadBalancerAttributes",
			"DescribeTargetGroupAttributes", "DescribeListenerAttributes", "DescribeListenerCertificates"}, r) {
			out = append(out, r)
		}
	}
	return out
}

func TestARestartWithCheckpointsReadsListsOnly(t *testing.T) {
	t.Parallel()
	l := lab.NewKeeper(
		t, append(lab.Pair(map[string]string{"load-balancer-attributes": "idle_timeout.timeout_seconds=75"}),
			lab.Service("new"))...)
	l.Settle(lab.FrontKey)
	l.End()
	l.Restart()
	mark := l.Mark()
	l.Settle(lab.FrontKey)
	if r := deepReads(l.Reads(mark)); len(r) > 0 || len(l.Writes(mark)) > 0 {
		t.Errorf("the restart read %v and wrote %v", r, l.Writes(mark))
	}
	// An edit must not rest on what nobody has read.
	mark = l.Mark()
	l.Edit("web", lab.ToNew)
	l.Settle(lab.FrontKey)
	if r := deepReads(l.Reads(mark)); !slices.Contains(r, "DescribeRules") || !slices.Contains(l.Writes(mark),
		"CreateRule") {
		t.Errorf("the edit read %v and wrote %v", r, l.Writes(mark))
	}
	mark = l.Mark()
	l.Edit("web", func(i *networkingv1.Ingress) { i.Spec.Rules[0].HTTP.Paths[0].Path = "/other" })
	l.Settle(lab.FrontKey)
	if r := l.Reads(mark); len(r) > 0 {
		t.Errorf("what was read once is read again: %v", r)
	}
}

func TestRestartReadsNoTagsOfKnownForeignLoadBalancers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end   func(l *lab.Lab)
		reads int // of tags
	}{
		"ended": {end: (*lab.Lab).End}, "killed": {end: func(l *lab.Lab) { l.Must(l.Checkpointer.Flush(t.Context())) },
			reads: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab.NewKeeper(t, lab.Pair(nil)...)
			l.Foreign("others")
			l.Settle(lab.FrontKey)
			c.end(l)
			l.Restart()
			mark := l.Mark()
			l.Settle(lab.FrontKey)
			of := func(reads []string) int {
				return len(slices.DeleteFunc(reads, func(r string) bool { return r != "DescribeTags" }))
			}
			if n := of(l.Reads(mark)); n != c.reads {
				t.Errorf("tags are read %d times", n)
			}
			// What is new may be of this cluster.
			l.End()
			l.Foreign("more")
			l.Restart()
			mark = l.Mark()
			l.Settle(lab.FrontKey)
			if n := of(l.Reads(mark)); n != 1 {
				t.Errorf("tags with a new load balancer are read %d times", n)
			}
		})
	}
}

func TestADeletionAfterARestartReadsNothingBelowLists(t *testing.T) {
	t.Parallel()
	l := lab.NewKeeper(t, lab.Class(), lab.Service("web"), lab.Ingress("web", nil, "web"))
	l.Settle(lab.Key("web"))
	l.End()
	l.Restart()
	mark := l.Mark()
	l.Remove("web")
	l.Settle(lab.Key("web"))
	if left := l.Sim.Resources(); len(left.LoadBalancers)+len(left.TargetGroups) > 0 || len(deepReads(l.Reads(mark))) > 0 {
		t.Errorf("left: %v; read: %v", l.Left(), l.Reads(mark))
	}
}

func TestWhatChangedBetweenProcessesIsReadBeforeAnythingIsDeleted(t *testing.T) {
	t.Parallel()
	l := lab.NewKeeper(t, lab.Pair(nil)...)
	l.Settle(lab.FrontKey)
	l.End()
	// Nobody runs. A member goes, and another rule stands in AWS than the checkpoint says.
	listeners, err := l.Sim.Balancing.DescribeListeners(l.Context(), &elbv2.DescribeListenersInput{
		LoadBalancerArn: &l.Sim.Resources().LoadBalancers[0].ARN})
	l.Must(err)
	rules, err := l.Sim.Balancing.DescribeRules(l.Context(), &elbv2.DescribeRulesInput{
		ListenerArn: listeners.Listeners[0].ListenerArn})
	l.Must(err)
	_, err = l.Sim.Balancing.DeleteRule(l.Context(), &elbv2.DeleteRuleInput{RuleArn: rules.Rules[0].RuleArn})
	l.Must(err)
	l.Remove("web")
	l.Restart()
	l.Settle(lab.FrontKey)
	if got := len(l.Sim.Resources().TargetGroups); got != 1 {
		t.Errorf("%d target groups are left", got)
	}
	for _, e := range l.Events {
		if strings.Contains(e, "Failed") {
			t.Errorf("something was planned of what is not there: %s", e)
		}
	}
}

func TestAnOldCheckpointIsReadAgainFromAWS(t *testing.T) {
	t.Parallel()
	l := lab.NewKeeper(t, lab.Pair(nil)...)
	l.Settle(lab.FrontKey)
	l.End()
	l.Clock.Advance(controller.LongestAge + time.Minute)
	l.Restart()
	mark := l.Mark()
	l.Settle(lab.FrontKey)
	if r := deepReads(l.Reads(mark)); !slices.Contains(r, "DescribeRules") {
		t.Errorf("read only %v", r)
	}
}

func TestTargetsThatChangedBetweenProcessesFollowWithoutAnyRead(t *testing.T) {
	t.Parallel()
	for end, c := range map[string]struct {
		stop  func(*lab.Lab)
		reads bool
	}{"by a signal": {(*lab.Lab).End, false}, "by a crash": {(*lab.Lab).Crash, true}} {
		l := lab.NewKeeper(t, lab.Class(), lab.Service("web"), lab.Ingress("web", nil, "web"),
			lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
		l.Create(lab.Pods("a", "10.0.128.50", "10.0.128.51")...)
		l.Settle(lab.Key("web"))
		arn := l.Sim.Resources().TargetGroups[0].ARN
		if got := l.Targets(arn); len(got) != 2 {
			t.Fatalf("registered: %v", got)
		}
		c.stop(l)
		slice := &discoveryv1.EndpointSlice{}
		l.Must(l.Client.Get(l.Context(), client.ObjectKey{Namespace: "shop", Name: "web-a"}, slice))
		gone := slice.Endpoints[0].Addresses[0]
		slice.Endpoints = slice.Endpoints[1:]
		l.Must(l.Client.Update(l.Context(), slice))
		l.Restart()
		mark := l.Mark()
		l.Settle(lab.Key("web"))
		read := slices.Contains(l.Reads(mark), "DescribeTargetHealth")
		if got := l.Targets(arn); len(got) != 1 || got[0] == gone+":8080" {
			t.Errorf("ended %s: registered: %v", end, got)
		}
		if read != c.reads {
			t.Errorf("ended %s: targets were read: %t", end, read)
		}
	}
}

func TestStartCatchesUpWithTargetsInTwoSeconds(t *testing.T) {
	t.Parallel()
	for end, stop := range map[string]func(*lab.Lab){"by a signal": (*lab.Lab).End, "by a crash": (*lab.Lab).Crash} {
		t.Run("ended "+end, func(t *testing.T) {
			t.Parallel()
			l := lab.NewKeeper(t, lab.Class(), lab.Service("web"), lab.Ingress("web", nil, "web"),
				lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
			l.Create(lab.Pods("a", "10.0.128.50", "10.0.128.51")...)
			l.Settle(lab.Key("web"))
			arn := l.Sim.Resources().TargetGroups[0].ARN
			stop(l)
			slice := &discoveryv1.EndpointSlice{}
			l.Must(l.Client.Get(l.Context(), client.ObjectKey{Namespace: "shop", Name: "web-a"}, slice))
			// a pod of each name is there, with the address of before
			for _, o := range lab.Pods("a", "10.0.128.51", "10.0.128.52")[1:] {
				l.Must(l.Client.Delete(l.Context(), o))
				l.Create(o)
			}
			slice.Endpoints = lab.Pods("a", "10.0.128.51", "10.0.128.52")[0].(*discoveryv1.EndpointSlice).Endpoints
			l.Must(l.Client.Update(l.Context(), slice))
			l.Restart()
			begun, want := l.Clock.Now(), []string{"10.0.128.51:8080", "10.0.128.52:8080"}
			for {
				wait, err := l.Round(lab.Key("web"))
				l.Must(err)
				if got := slices.Sorted(slices.Values(l.Targets(arn))); slices.Equal(got, want) {
					return
				}
				l.Clock.Advance(max(wait, time.Millisecond))
				if took := l.Clock.Now().Sub(begun); took > 2*time.Second {
					t.Fatalf("after %v the targets are %v, want %v", took, l.Targets(arn), want)
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
	oidc := &stack.AuthenticateOIDC{Issuer: "https://idp.example.com", ClientID: id, ClientSecret: secret,
		SecretName: "shop/idp"}
	object := diag.Object{Kind: "Ingress", Namespace: "shop", Name: "web", UID: "1"}
	m := &compile.Memory{Good: quarantine.Versions{object: {
		Object:       object,
		Routes:       []intent.Route{{Authentication: []intent.Action{{OIDC: oidc}}}},
		Certificates: []intent.Certificate{{ID: "c", Import: &stack.KeyPair{Key: secret, Certificate: "PEM", Hash: "h"}}},
	}}}
	l := lab.NewKeeper(t)
	l.Checkpointer.Put(checkpoint.Memory, "ingress.k8s.aws:front", m)
	l.End()
	written := l.Written()
	if !strings.Contains(written, "https://idp.example.com") {
		t.Fatal("nothing is kept")
	}
	for _, not := range []string{planted, secret.Fingerprint(), "id-of-the-client", "PEM"} {
		if strings.Contains(written, not) {
			t.Errorf("%q is in a checkpoint: %s", not, written)
		}
	}
	l.Restart()
	read := l.Ingresses.MemoryOf(stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "front"}})
	if read == nil || !read.Good[object].Routes[0].Authentication[0].OIDC.Withheld() {
		t.Errorf("the login is not known to lack its credentials: %+v", read)
	}
}

// TestDamagedCheckpointsCostReadsOnly ends a controller, damages what it left, mixes it with what was left before,
// edits meanwhile, and starts another one: in the end a controller that knows nothing finds nothing to do.
func TestDamagedCheckpointsCostReadsOnly(t *testing.T) {
	t.Parallel()
	for seed := range uint64(sample.Count(4, 12)) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 7))
			l := lab.NewKeeper(t, append(lab.Pair(nil), lab.Service("new"), lab.Service("web"),
				lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))...)
			l.Create(lab.Pods("a", "10.0.128.50")...)
			l.Create(lab.Ingress("alone", map[string]string{"load-balancer-attributes": "idle_timeout.timeout_seconds=75"},
				"web"))
			keys := []stack.Key{lab.FrontKey, lab.Key("alone")}
			l.Settle(keys...)
			l.Crash()
			before := l.Checkpoints()
			l.Edit("web", lab.ToNew)
			l.Edit("alone", func(i *networkingv1.Ingress) { i.Spec.Rules[0].HTTP.Paths[0].Path = "/other" })
			l.Settle(keys...)
			[]func(*lab.Lab){(*lab.Lab).End, (*lab.Lab).Crash, func(*lab.Lab) {}}[r.IntN(3)](l)
			for _, m := range l.Checkpoints() {
				l.Damage(r, &m, before)
			}
			if r.IntN(2) == 0 {
				l.Edit("api", lab.ToNew)
			}
			l.Restart()
			l.Settle(keys...)
			for _, key := range l.Inventory.Assumed() {
				_, err := l.Inventory.Reread(t.Context(), key)
				l.Must(err)
			}
			for arn := range l.Assumed {
				_, _, err := l.Bound.Registry.Recheck(t.Context(), registrar.Group{ARN: arn})
				l.Must(err)
			}
			l.Settle(keys...)
			if left := l.Inventory.Assumed(); len(left) > 0 {
				t.Errorf("not verified: %v", left)
			}
			l.Checkpointed = false
			l.Restart()
			mark := l.Mark()
			l.Settle(keys...)
			if w := l.Writes(mark); len(w) > 0 {
				t.Errorf("a controller that knows nothing writes %v", w)
			}
			if got := len(l.Sim.Resources().TargetGroups); got < 4 {
				t.Errorf("only %d target groups are left", got)
			}
		})
	}
}

func TestAThousandLoadBalancersOfTenRulesFitIntoTheCheckpoints(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a thousand load balancers")
	}
	l := lab.NewKeeper(t)
	for n := range 1000 {
		name := fmt.Sprintf("shop-%d/web-%d", n%50, n)
		arn := func(kind string, i int) string {
			return fmt.Sprintf("arn:aws:elasticloadbalancing:us-west-2:111122223333:%s/app/k8s-shop-web%d/%016x/%016x", kind, n,
				n*7919, i*104729+n)
		}
		lb, listener := arn("loadbalancer", 0), arn("listener", 1)
		d := inventory.Snapshot{
			Listeners: map[string][]awsop.Listener{
				lb: {{ARN: listener, Listener: stack.Listener{ID: "443", Port: 443, Protocol: "HTTPS", Certificates: []string{
					arn("certificate", 2)}, LoadBalancer: stack.Literal(stack.KindLoadBalancer, lb)}}}},
			Rules:      map[string][]awsop.Rule{listener: nil},
			Attributes: map[string]map[string]string{},
		}
		m := intent.Member{Object: diag.Object{Kind: "Ingress", Namespace: "shop", Name: name, UID: fmt.Sprint(n)}}
		for i := range 10 {
			tg := arn("targetgroup", 10+i)
			d.Attributes[tg] = map[string]string{"deregistration_delay.timeout_seconds": "30", "stickiness.enabled": "false",
				"load_balancing.algorithm.type": "round_robin"}
			rule := stack.Rule{ID: fmt.Sprintf("443:%d", i), Order: int32(i), Listener: stack.Literal(stack.KindListener,
				listener), Tags: map[string]string{"elbv2.k8s.aws/cluster": "demo", "ingress.k8s.aws/stack": name}}
			rule.Conditions = []stack.Condition{
				{Field: stack.HostHeader, Values: []string{fmt.Sprintf("host-%d-%d.example.com", n, i)}},
				{Field: stack.PathPattern, Values: []string{fmt.Sprintf("/path/%d/*", i)}}}
			rule.Actions = []stack.Action{
				{Type: stack.ActionForward, Forward: &stack.Forward{TargetGroups: []stack.WeightedTargetGroup{
					{TargetGroup: stack.Literal(stack.KindTargetGroup, tg)}}}}}
			d.Rules[listener] = append(d.Rules[listener], awsop.Rule{ARN: arn("listener-rule", 20+i), Priority: int32(i + 1),
				Rule: rule})
			m.Routes = append(m.Routes, intent.Route{Conditions: rule.Conditions, Actions: []intent.Action{
				{Type: stack.ActionForward, Backends: []intent.Backend{
					{TargetGroup: &intent.TargetGroup{ID: fmt.Sprint(name, i), Object: m.Object,
						ServiceName: fmt.Sprint("svc-", i)}}}}}})
		}
		l.Checkpointer.Put(checkpoint.Observed, "ingress.k8s.aws:"+name, d)
		l.Checkpointer.Put(checkpoint.Memory, "ingress.k8s.aws:"+name, &compile.Memory{Good: quarantine.Versions{
			m.Object: &m}})
	}
	l.End()
	largest, entries := 0, 0
	for _, m := range l.Checkpoints() {
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

func TestOnlyEffectiveEditBringsVerificationForward(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Pair(nil)...)
	var soon []stack.Key
	l.Ingresses.ScheduleReview = func(key stack.Key) { soon = append(soon, key) }
	step := func(name string, want int) {
		t.Helper()
		l.Settle(lab.FrontKey)
		if len(soon) != want {
			t.Errorf("%s: %d looks are brought forward, want %d", name, len(soon), want)
		}
		soon = nil
	}
	step("a load balancer is made", 0)
	l.Edit("web", func(i *networkingv1.Ingress) { i.Annotations["example.com/touched"] = "1" })
	step("a touch", 0)
	l.Edit("web", func(i *networkingv1.Ingress) {
		i.Annotations["alb.ingress.kubernetes.io/load-balancer-attributes"] = "idle_timeout.timeout_seconds=75"
	})
	step("an edit", 1)
	listeners, err := l.Sim.Balancing.DescribeListeners(l.Context(), &elbv2.DescribeListenersInput{
		LoadBalancerArn: &l.Sim.Resources().LoadBalancers[0].ARN})
	l.Must(err)
	_, err = l.Sim.Balancing.DeleteListener(l.Context(), &elbv2.DeleteListenerInput{
		ListenerArn: listeners.Listeners[0].ListenerArn})
	l.Must(err)
	_, err = l.Inventory.Reread(l.Context(), lab.FrontKey)
	l.Must(err)
	step("what others changed is put back", 0)
}
