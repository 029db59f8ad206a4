package gateways

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	gocmp "github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/controller/settings/inventoryscope"
	"github.com/k8s-lbc/lbc/internal/controller/stacks"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/lbc/offline"
	"github.com/k8s-lbc/lbc/internal/lbc/survey"
	"github.com/k8s-lbc/lbc/internal/lib/sample"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
)

// planned is a cluster of each kind of owners, whose edits are planned as lbc plan does, and then carried out by the
// controller.
type planned struct {
	*lab.Lab
	keys     []stack.Key
	random   *rand.Rand
	compiled map[stack.Key]compile.Result // by the first pass after an edit
}

var plannedGroup = stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "team"}}

func newPlanned(t *testing.T, seed uint64, secrets ...corev1.Secret) *planned {
	t.Helper()
	objs := []client.Object{lab.Class()}
	for _, name := range []string{"s0", "s1", "s2"} {
		objs = append(objs, lab.Service(name))
	}
	for _, name := range []string{"one", "two"} {
		objs = append(objs, lab.Ingress(name, map[string]string{"group.name": "team"}, "s0", "s1"))
	}
	objs = append(objs, lab.Ingress("solo", nil, "s0"), lab.CrashBalancer("net"))
	objs = append(objs, lab.GatewayObjects(t, strings.ReplaceAll(lab.WebGateway, "gatewayClassName: alb, listeners: [",
		"gatewayClassName: alb, listeners: [{name: alt, port: 8080, protocol: HTTP}, "))...)
	p := &planned{Lab: lab.New(t, account.Profile{}, objs...), random: rand.New(rand.NewPCG(seed, 36))}
	if len(secrets) > 0 {
		p.Core = fake.NewClientset(&corev1.SecretList{Items: secrets})
	}
	p.Flags("--default-target-type=ip")
	p.keys = append(p.WebKeys(), plannedGroup, lab.Key("solo"), stack.Key{Owner: stack.Service, ID: stack.ID{
		Namespace: "shop", Name: "net"}})
	for _, key := range p.keys {
		p.ReconcilerOf(key).OnPassed = func(passed stacks.Passed) {
			if _, known := p.compiled[passed.Key]; !known && p.compiled != nil {
				p.compiled[passed.Key] = passed.Compiled
			}
		}
	}
	return p
}

// plans are those that lbc plan makes of the cluster.
func (p *planned) plans() []offline.Result {
	p.Helper()
	objs, err := survey.Objects(p.Context(), p.Client)
	p.Must(err)
	if p.Core != nil {
		all, err := p.Core.CoreV1().Secrets("").List(p.Context(), metav1.ListOptions{})
		p.Must(err)
		for i := range all.Items {
			objs.Put(&all.Items[i])
		}
	}
	scope := inventoryscope.Of(p.Config)
	scope.Now, scope.AddOnTimeout = p.Clock.Now, time.Minute
	in := offline.Cluster{
		Bindings: func(key stack.Key) []awsop.Binding { return bindingobject.BindingsOf(objs, key) },
		Memory:   p.checkpointOf,
	}
	all, err := offline.Planner{Account: inventory.New(p.Clients(), scope), Config: p.Config, Cluster: in}.Plans(
		p.Context(), objects.New(objs), func(stack.Key) bool { return true })
	p.Must(err)
	return all.Stacks
}

// checkpointOf is what a checkpoint has of a stack.
func (p *planned) checkpointOf(_ context.Context, key stack.Key) *compile.Memory {
	memory := p.ReconcilerOf(key).MemoryOf(key)
	if memory == nil {
		return nil
	}
	text, err := json.Marshal(memory)
	p.Must(err)
	out := &compile.Memory{}
	p.Must(json.Unmarshal(text, out))
	return out
}

// carryOut has the controller do what it does within the next hour.
func (p *planned) carryOut() {
	p.Helper()
	for range 4 {
		p.Settle(p.keys...)
		p.Clock.Advance(15 * time.Minute)
	}
	for n := 0; n < 12 && p.lingers(); n++ { // a former target group goes after some looks
		p.Settle(p.keys...)
		p.Clock.Advance(16 * time.Second)
	}
	p.Settle(p.keys...)
}

// lingers reports whether a target group waits for its deletion.
func (p *planned) lingers() bool {
	for _, r := range p.plans() {
		if slices.ContainsFunc(r.Plan.Steps, func(s plan.Step) bool {
			op, ok := s.Op.(awsop.DeleteTargetGroup)
			return ok && op.Delayed
		}) {
			return true
		}
	}
	return false
}

// wroteTo names a write of a call: the action, with what is created.
func wroteTo(c gate.Call) string {
	switch in := c.Input.(type) {
	case *elbv2.CreateTargetGroupInput:
		return c.Action + " " + ptr.Deref(in.Name, "")
	case *elbv2.CreateLoadBalancerInput:
		return c.Action + " " + ptr.Deref(in.Name, "")
	case *elbv2.CreateListenerInput:
		return fmt.Sprint(c.Action, " ", ptr.Deref(in.Port, 0))
	case *elbv2.CreateRuleInput:
		return fmt.Sprint(c.Action, " ", ptr.Deref(in.Priority, 0))
	case *ec2.CreateSecurityGroupInput:
		return c.Action + " " + ptr.Deref(in.GroupName, "")
	}
	return c.Action
}

// plansTo names the write of a step likewise; empty if it makes none in AWS.
func plansTo(s *plan.Step) string {
	if s.Guard != nil {
		return ""
	}
	name := plan.NameOf(s.Op)
	switch op := s.Op.(type) {
	case awsop.CreateTargetGroup:
		return name + " " + op.TargetGroup.Name
	case awsop.CreateLoadBalancer:
		return name + " " + op.LoadBalancer.Name
	case awsop.CreateListener:
		return fmt.Sprint(name, " ", op.Listener.Port)
	case awsop.CreateRule:
		return fmt.Sprint(name, " ", op.Priority)
	case awsop.CreateSecurityGroup:
		return name + " " + op.Group.Name
	case awsop.AwaitTargets, awsop.CreateBinding, awsop.UpdateBinding, awsop.ReleaseBinding, awsop.DeleteBinding:
		return ""
	}
	return name
}

// check compares plans with what the controller does.
func (p *planned) check(edit string) {
	p.Helper()
	all := p.plans()
	p.compiled = map[stack.Key]compile.Result{}
	mark := p.Mark()
	p.carryOut()
	var did, said []string
	at := map[string][]int{}
	calls := p.Sim.Gate.Calls(gate.Filter{After: mark})
	slices.SortFunc(calls, func(a, b gate.Call) int { return cmp.Compare(a.Number, b.Number) })
	for _, c := range calls {
		if !awsclient.IsRead(c.Action) {
			did = append(did, wroteTo(c))
		}
	}
	for i, w := range did {
		at[w] = append(at[w], i)
	}
	text := ""
	for i := range all {
		text += all[i].Plan.Text(plan.TextOptions{})
		for j := range all[i].Plan.Steps {
			shared := func(w string) bool { return strings.HasPrefix(w, "CreateSecurityGroup") && slices.Contains(said, w) }
			if w := plansTo(&all[i].Plan.Steps[j]); w != "" && !shared(w) { // all load balancers share one group
				said = append(said, w)
			}
		}
		p.compareCompiled(edit, &all[i])
		p.compareOrder(edit, &all[i].Plan, at)
	}
	slices.Sort(said)
	if sorted := slices.Sorted(slices.Values(did)); !slices.Equal(withoutReplaced(all, sorted, said), said) {
		p.Errorf("%s: the controller wrote\n%q, planned were\n%q\n%s\n%s", edit, did, said, text,
			strings.Join(p.Events[max(0, len(p.Events)-6):], "\n"))
	}
	for _, r := range p.plans() {
		if slices.ContainsFunc(r.Plan.Steps, func(s plan.Step) bool { return s.Guard == nil }) {
			p.Errorf("%s: a plan afterwards has\n%s", edit, r.Plan.Text(plan.TextOptions{}))
		}
	}
}

// withoutReplaced are writes without the deletions of what the plans replace, where they say that it stays for a time.
func withoutReplaced(plans []offline.Result, did, said []string) []string {
	count := func(of []string, w string) (n int) {
		for _, x := range of {
			if x == w {
				n++
			}
		}
		return n
	}
	for _, what := range []string{"LoadBalancer", "TargetGroup"} {
		replaced, w := 0, "Delete"+what
		for i := range plans {
			for j := range plans[i].Plan.Steps {
				if s := &plans[i].Plan.Steps[j]; s.Action == plan.Replace && plan.NameOf(s.Op) == "Create"+what {
					replaced++
				}
			}
		}
		for range min(replaced, count(did, w)-count(said, w)) {
			i := slices.Index(did, w)
			did = slices.Delete(slices.Clone(did), i, i+1)
		}
	}
	return did
}

// compareOrder compares the order of writes that are unmistakable with what each needs.
func (p *planned) compareOrder(edit string, of *plan.Plan, at map[string][]int) {
	p.Helper()
	written := map[plan.StepID]int{}
	for i := range of.Steps {
		if places := at[plansTo(&of.Steps[i])]; len(places) == 1 {
			written[of.Steps[i].ID] = places[0]
		}
	}
	for i := range of.Steps {
		s := &of.Steps[i]
		for _, needed := range slices.Concat(s.Needs, s.After) {
			before, known := written[needed]
			if after, also := written[s.ID]; known && also && before >= after {
				p.Errorf("%s: %s was written before %s, which it needs", edit, s.ID, needed)
			}
		}
	}
}

// compareCompiled compares what a plan was made from with what the controller's first pass compiled.
func (p *planned) compareCompiled(edit string, r *offline.Result) {
	p.Helper()
	passed, known := p.compiled[r.Key]
	if !known || passed.Stack == nil || r.Compiled.Stack == nil {
		return
	}
	// Checkpoints, and so plans, have no credentials of a last valid version: what AWS has of its logins stays.
	secrets := gocmp.Comparer(func(a, b stack.Secret) bool { return true })
	if diff := gocmp.Diff(passed.Stack, r.Compiled.Stack, secrets) + gocmp.Diff(passed.Keep, r.Compiled.Keep,
		secrets); diff != "" {
		p.Errorf("%s: %s is compiled otherwise for the plan:\n%s", edit, r.Key, diff)
	}
	if !reflect.DeepEqual(passed.Origins, r.Compiled.Origins) {
		for ref, o := range passed.Origins {
			if !reflect.DeepEqual(o, r.Compiled.Origins[ref]) {
				p.Errorf("%s: the origin of %s %s is\n%+v, in the plan\n%+v", edit, r.Key, ref, o, r.Compiled.Origins[ref])
			}
		}
	}
}

// plannedSettings are values of annotations of Ingresses, good and bad ones; empty = the annotation goes.
// What only AWS can refuse is not among them, as the controller tries it again.
var plannedSettings = map[string][]string{
	"scheme": {"internal", "internet-facing", "both"}, "healthcheck-path": {"/h", "h", ""}, "success-codes": {
		"200,201", "200-", ""},
	"load-balancer-attributes": {"idle_timeout.timeout_seconds=75", "idle_timeout.timeout_seconds=9999", ""},
	"target-group-attributes":  {"deregistration_delay.timeout_seconds=30", "deregistration_delay.timeout_seconds=x", ""},
	"listen-ports":             {`[{"HTTP":80},{"HTTP":8080}]`, `[{"HTTP":81}]`, `[{"HTTP":0}]`, `[{"HTTPS":443}]`, ""},
	"inbound-cidrs":            {"192.0.2.0/24", "192.0.2.0/99", ""}, "tags": {"team=a", "team=a,cost=b", "team", ""},
	"backend-protocol": {"HTTPS", "TCP", ""}, "backend-protocol-version": {"HTTP2", "GRPC", "HTTP9", ""}, "group.order": {
		"7", "x", ""},
	"security-groups": {"sg-0a1de000000000002", "sg-gone", ""}, "healthcheck-interval-seconds": {"20", "4", ""},
	"ssl-redirect": {"443", ""},
	"conditions.s0": {`[{"field":"http-header","httpHeaderConfig":{"httpHeaderName":"X-A","values":["1"]}}]`,
		`[{"field":"x"}]`, ""},
	"target-type": {"ip", "lambda", ""}, "customer-owned-ipv4-pool": {""},
	"ip-address-type": {"ipv4", "dualstack", "ipv5", ""}, "use-regex-path-match": {"true", ""},
	"minimum-load-balancer-capacity": {"CapacityUnits=x", ""},
}

// plannedNetSettings are those of Services.
var plannedNetSettings = map[string][]string{
	"aws-load-balancer-attributes": {"load_balancing.cross_zone.enabled=true",
		"idle_timeout.timeout_seconds=5", ""},
	"aws-load-balancer-target-group-attributes": {"deregistration_delay.timeout_seconds=30",
		"preserve_client_ip.enabled=false", "x", ""},
	"aws-load-balancer-healthcheck-interval": {"20", "1", ""}, "load-balancer-source-ranges": {"192.0.2.0/24", "x", ""},
	"aws-load-balancer-additional-resource-tags": {"team=a", ""}, "aws-load-balancer-backend-protocol": {"ssl", "tcp", ""},
	"aws-load-balancer-healthcheck-protocol": {"HTTP", "UDP", ""}, "aws-load-balancer-scheme": {
		"internal", "internet-facing", "x"},
	"aws-load-balancer-ip-address-type": {"ipv4", "x", ""}, "aws-load-balancer-proxy-protocol": {"*", "80", ""},
}

// plannedGateways are listeners of the Gateway, and plannedRules rules of its route.
var (
	plannedGateways = []string{
		"{name: alt, port: 8080, protocol: HTTP}, {name: http, port: 80, protocol: HTTP}",
		"{name: http, port: 80, protocol: HTTP}",
		"{name: alt, port: 8080, protocol: HTTP}, {name: http, port: 80, protocol: TCP}",
		"{name: alt, port: 80, protocol: HTTP}, {name: http, port: 80, protocol: HTTP}",
		"{name: http, port: 80, protocol: HTTP}, {name: alt, port: 8081, protocol: HTTP, hostname: '*.test'}",
		"{name: http, port: 81, protocol: HTTP}, {name: sec, port: 443, protocol: HTTPS}",
		"{name: http, port: 80, protocol: TCP}",
	}
	plannedRules = []string{
		"{backendRefs: [{name: web, port: 80}]}", "{backendRefs: [{name: api, port: 80}, {name: web, port: 80, weight: 3}]}",
		"{backendRefs: [{name: gone, port: 80}]}",
		"{matches: [{path: {type: Exact, value: /x}}], backendRefs: [{name: api, port: 80}]}, {backendRefs: [{name: " +
			"web, port: 80}]}",
		"{backendRefs: [{name: web, port: 80}], filters: [{type: RequestMirror, requestMirror: {backendRef: {name: web, " +
			"port: 80}}}]}",
		"{filters: [{type: RequestRedirect, requestRedirect: {hostname: a.test}}]}", "{backendRefs: [{name: web, port: 99}]}",
		"{timeouts: {request: 1s}, backendRefs: [{name: web, port: 80}]}",
	}
)

func (p *planned) pick(from []string) string { return from[p.random.IntN(len(from))] }

// set sets one annotation of a table, and says which.
func (p *planned) set(on map[string]string, prefix string, table map[string][]string) string {
	key := p.pick(slices.Sorted(maps.Keys(table)))
	value := p.pick(table[key])
	if delete(on, prefix+key); value != "" {
		on[prefix+key] = value
	}
	return key + ": " + value
}

// edit makes an edit at random, and says which.
func (p *planned) edit() string {
	p.Helper()
	switch p.random.IntN(8) {
	case 0, 1, 2:
		name, said := p.pick([]string{"one", "two", "solo"}), ""
		p.Edit(name, func(i *networkingv1.Ingress) {
			said = "Ingress " + name + " " + p.set(i.Annotations, "alb.ingress.kubernetes.io/", plannedSettings)
		})
		return said
	case 3:
		name, to := p.pick([]string{"one", "two", "solo"}), p.pick([]string{"s0", "s1", "s2", "gone"})
		p.Edit(name, func(i *networkingv1.Ingress) {
			i.Spec.Rules[0].HTTP.Paths[0].Backend.Service.Name = to
		})
		return "Ingress " + name + " to " + to
	case 4:
		name := p.pick([]string{"one", "two", "solo"})
		paths := lab.Ingress("x", nil, "s0", "s1", "s2").Spec.Rules[0].HTTP.Paths
		p.Edit(name, func(i *networkingv1.Ingress) {
			i.Spec.Rules[0].HTTP.Paths = paths[:1+p.random.IntN(3)]
			i.Spec.Rules[0].Host = p.pick([]string{"", "a.test", "*.b.test"})
		})
		return "other paths of Ingress " + name
	case 5:
		said := ""
		p.Edited("net", func(s *corev1.Service) {
			said = "Service " + p.set(s.Annotations, "service.beta.kubernetes.io/", plannedNetSettings)
		})
		return said
	case 6:
		listeners := p.pick(plannedGateways)
		p.Apply("Gateway shop/web {spec: {gatewayClassName: alb, listeners: [" + listeners + "]}}")
		return "Gateway " + listeners
	default:
		rules := p.pick(plannedRules)
		p.Apply("HTTPRoute shop/web {spec: {parentRefs: [{name: web}], rules: [" + rules + "]}}")
		return "route " + rules
	}
}

// TestPlanIsWhatTheControllerDoes plans random edits, valid and invalid ones, before the controller carries them out:
// the writes are those of the plan in an order that its steps admit, both compile the same stack with the same origins,
// and a plan afterwards is empty.
func TestPlanIsWhatTheControllerDoes(t *testing.T) {
	t.Parallel()
	for seed := range sample.Count(3, 40) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			p := newPlanned(t, uint64(seed))
			p.check("the objects are new")
			for n := range 12 {
				if p.check(fmt.Sprintf("edit %d, %s", n, p.edit())); t.Failed() {
					return
				}
			}
		})
	}
}
