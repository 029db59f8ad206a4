package consent

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestNothingIsWrittenToAWSForWhatIsOnlyObserved(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		object client.Object
		prefix string
		keys   []stack.Key
		lab    func(t *testing.T) *lab.Lab
	}{
		"an Ingress": {lab.Ingress("web", map[string]string{"group.name": "front"}, "web"), "alb.ingress.kubernetes.io/",
			[]stack.Key{lab.FrontKey}, func(t *testing.T) *lab.Lab {
				return lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"))
			}},
		"a Service": {lab.CrashBalancer("net"), "service.beta.kubernetes.io/aws-load-balancer-", []stack.Key{
			lab.ServiceKey("net")}, func(t *testing.T) *lab.Lab {
			return lab.New(t, account.Profile{})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := c.lab(t)
			o, _ := c.object.DeepCopyObject().(client.Object)
			set := func(value string) {
				annotations := o.GetAnnotations()
				if annotations == nil {
					annotations = map[string]string{}
				}
				annotations[c.prefix+"ownership"] = value
				o.SetAnnotations(annotations)
			}
			set("observed")
			l.Create(o)
			mark := l.Mark()
			l.Settle(c.keys...)
			l.Clock.Advance(time.Hour)
			l.Settle(c.keys...)
			if w := l.Writes(mark); len(w) > 0 {
				t.Errorf("observed from the beginning, it writes %v", w)
			}
			if told := strings.Join(l.Events, "\n"); !strings.Contains(told, "to create") ||
				!strings.Contains(told, "[OnlyObserved]") || strings.Contains(told, "FailedDeployModel") {
				t.Errorf("events: %s", told)
			}
			l.Get(o, o.GetName())
			if len(o.GetFinalizers()) > 0 {
				t.Errorf("finalizers %v, and there is nothing to be deleted", o.GetFinalizers())
			}

			set("managed")
			l.Must(l.Client.Update(t.Context(), o))
			l.Settle(c.keys...)
			made := l.Balancers()
			l.Get(o, o.GetName())
			set("observed")
			o.SetAnnotations(withAnnotation(o.GetAnnotations(), c.prefix+map[bool]string{true: "load-balancer-attributes",
				false: "attributes"}[strings.HasPrefix(c.prefix, "alb")], "deletion_protection.enabled=true"))
			l.Must(l.Client.Update(t.Context(), o))
			mark = l.Mark()
			l.Settle(c.keys...)
			l.Restart()
			l.Settle(c.keys...)
			if w := l.Writes(mark); made == 0 || len(w) > 0 {
				t.Errorf("observed after an edit, with %d load balancers, it writes %v", made, w)
			}
			l.Must(l.Client.Delete(t.Context(), o))
			l.Settle(c.keys...)
			if w := l.Writes(mark); l.Get(o, o.GetName()) || len(w) > 0 || l.Balancers() != made {
				t.Errorf("deleted while it is observed, %d load balancers of %d are left; it writes %v; finalizers %v",
					l.Balancers(), made, w, o.GetFinalizers())
			}
		})
	}
}

// withAnnotation is a copy of annotations with one more.
func withAnnotation(m map[string]string, key, value string) map[string]string {
	out := map[string]string{key: value}
	for k, v := range m {
		if k != key {
			out[k] = v
		}
	}
	return out
}

func TestOneObservedMemberHoldsTheWholeGroupAndTheAddressIsShown(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"),
		lab.Ingress("web", map[string]string{"group.name": "front"}, "web"))
	l.Settle(lab.FrontKey)
	mark := l.Mark()
	l.Create(lab.Ingress("api", map[string]string{"group.name": "front", "ownership": "observed"}, "web"))
	l.Settle(lab.FrontKey)
	var api networkingv1.Ingress
	if l.Get(&api, "api"); len(l.Writes(mark)) > 0 || len(api.Status.LoadBalancer.Ingress) == 0 {
		t.Errorf("it writes %v, and shows %v", l.Writes(mark), api.Status.LoadBalancer.Ingress)
	}
}

// platform makes a load balancer of others, with listeners that answer, rules and a target group behind them.
func platform(l *lab.Lab) (arn string) { return theirs(l, "platform") }

func theirs(l *lab.Lab, name string) (arn string) {
	l.Helper()
	arn = l.Foreign(name)
	group, err := l.Sim.Balancing.CreateTargetGroup(l.Context(), &elbv2.CreateTargetGroupInput{
		Name: &name, Protocol: elbtypes.ProtocolEnumHttp, Port: aws.Int32(8080), TargetType: elbtypes.TargetTypeEnumIp,
		VpcId: aws.String(lab.VPC)})
	l.Must(err)
	fixed := []elbtypes.Action{
		{Type: elbtypes.ActionTypeEnumFixedResponse, FixedResponseConfig: &elbtypes.FixedResponseActionConfig{
			StatusCode: aws.String("200")}}}
	for _, port := range []int32{80, 9090} {
		listener, err := l.Sim.Balancing.CreateListener(l.Context(), &elbv2.CreateListenerInput{LoadBalancerArn: &arn,
			Port: aws.Int32(port), Protocol: elbtypes.ProtocolEnumHttp, DefaultActions: fixed})
		l.Must(err)
		for _, priority := range []int32{3, 700} {
			_, err = l.Sim.Balancing.CreateRule(l.Context(), &elbv2.CreateRuleInput{
				ListenerArn: listener.Listeners[0].ListenerArn, Priority: aws.Int32(priority),
				Conditions: []elbtypes.RuleCondition{
					{Field: aws.String("path-pattern"), Values: []string{fmt.Sprint("/theirs", priority)}}},
				Actions: []elbtypes.Action{
					{Type: elbtypes.ActionTypeEnumForward, TargetGroupArn: group.TargetGroups[0].TargetGroupArn}},
			})
			l.Must(err)
		}
	}
	return arn
}

// theirNetwork makes a network load balancer of others, with listeners and a target group behind them.
func theirNetwork(l *lab.Lab, name string) (arn string) {
	l.Helper()
	out, err := l.Sim.Balancing.CreateLoadBalancer(l.Context(), &elbv2.CreateLoadBalancerInput{
		Name: &name, Type: elbtypes.LoadBalancerTypeEnumNetwork, Scheme: "internal",
		Subnets: []string{"subnet-0a1de0000000000a1", "subnet-0a1de0000000000b1"}, SecurityGroups: []string{lab.NodeGroup}})
	l.Must(err)
	arn = *out.LoadBalancers[0].LoadBalancerArn
	group, err := l.Sim.Balancing.CreateTargetGroup(l.Context(), &elbv2.CreateTargetGroupInput{
		Name: &name, Protocol: elbtypes.ProtocolEnumTcp, Port: aws.Int32(8080), TargetType: elbtypes.TargetTypeEnumIp,
		VpcId: aws.String(lab.VPC)})
	l.Must(err)
	for _, port := range []int32{80, 9090} {
		_, err := l.Sim.Balancing.CreateListener(l.Context(), &elbv2.CreateListenerInput{LoadBalancerArn: &arn,
			Port: aws.Int32(port), Protocol: elbtypes.ProtocolEnumTcp,
			DefaultActions: []elbtypes.Action{
				{Type: elbtypes.ActionTypeEnumForward, TargetGroupArn: group.TargetGroups[0].TargetGroupArn}}})
		l.Must(err)
	}
	return arn
}

// rulesOn are the priorities of the rules with our tags on a port of a load balancer.
func rulesOn(l *lab.Lab, arn string, port int32) (priorities []int) {
	l.Helper()
	ours := l.TagsOfStacks()
	for _, lb := range l.Sim.Resources().LoadBalancers {
		for _, listener := range lb.Listeners {
			for _, rule := range listener.Rules {
				if n, err := strconv.Atoi(rule.Priority); lb.ARN == arn && listener.Port == port && ours[rule.ARN] != nil &&
					err == nil {
					priorities = append(priorities, n)
				}
			}
		}
	}
	return priorities
}

func TestOnALoadBalancerOfOthersOnlyOurListenersAndRulesComeAndGo(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"))
	arn := platform(l)
	theirs := l.Others()
	untouched := func(when string) {
		t.Helper()
		if diff := cmp.Diff(theirs, l.Others()); diff != "" {
			t.Errorf("%s, what is others' is changed (-want +got):\n%s", when, diff)
		}
	}
	annotations := func(more map[string]string) map[string]string {
		out := map[string]string{"scheme": "internal", "ownership": "shared", "existing-load-balancer": "platform",
			"load-balancer-attributes": "idle_timeout.timeout_seconds=100", "tags": "Team=web"}
		maps.Copy(out, more)
		return out
	}
	o := lab.Ingress("web", annotations(map[string]string{"listen-ports": `[{"HTTP":80},{"HTTP":8080}]`}), "web")
	l.Create(o)
	l.Settle(lab.Key("web"))
	untouched("once it is made")
	if on80, on8080 := rulesOn(l, arn, 80), rulesOn(l, arn, 8080); len(on80) == 0 || slices.Min(on80) <= 700 ||
		len(on8080) == 0 || l.Balancers() != 1 {
		t.Fatalf("rules at 80: %v, at 8080: %v; %d load balancers\n%s", on80, on8080, l.Balancers(),
			strings.Join(l.Events, "\n"))
	}
	var shown networkingv1.Ingress
	if l.Get(&shown, "web"); len(shown.Status.LoadBalancer.Ingress) != 1 ||
		!strings.Contains(shown.Status.LoadBalancer.Ingress[0].Hostname, "platform") {
		t.Errorf("status %+v", shown.Status.LoadBalancer)
	}
	mark := l.Mark()
	l.Restart()
	l.Settle(lab.Key("web"))
	if w := l.Writes(mark); len(w) > 0 {
		t.Errorf("after a restart it writes %v", w)
	}
	l.Edit("web", func(i *networkingv1.Ingress) {
		i.Annotations["alb.ingress.kubernetes.io/listen-ports"] = `[{"HTTP":9090}]`
	})
	l.Settle(lab.Key("web"))
	untouched("after an edit")
	if on80, on8080, on9090 := rulesOn(l, arn, 80), rulesOn(l, arn, 8080), rulesOn(l, arn, 9090); len(on80)+
		len(on8080) > 0 || len(on9090) == 0 {
		t.Errorf("after an edit, rules at 80: %v, at 8080: %v, at 9090: %v\n%s", on80, on8080, on9090,
			strings.Join(l.Events, "\n"))
	}
	l.Restart()
	l.Must(l.Client.Delete(t.Context(), &networkingv1.Ingress{ObjectMeta: o.ObjectMeta}))
	l.Settle(lab.Key("web"))
	untouched("after the deletion")
	if l.Get(&shown, "web") || len(l.TagsOfStacks()) > 0 || l.Balancers() != 1 {
		t.Errorf("after the deletion, the object is there: %v; tagged: %v; %d load balancers", l.Get(&shown, "web"),
			l.TagsOfStacks(), l.Balancers())
	}
}

// player is an object of TestNothingWithoutOurTagsIsTouched.
type player struct {
	kind, name string
	prefix     string // of its annotations
	existing   string // the annotation that names a load balancer of others
	key        stack.Key
	names      string // a load balancer of others; empty = none
	ownership  []string
}

// foreignThings are what is somebody else's.
type foreignThings struct {
	balancers map[string]string   // ARNs by name
	on        map[string][]string // ARNs of a load balancer and of its listeners and rules, by its ARN
	rest      []string            // ARNs of target groups, ids of security groups
}

// beforeUs is what an account holds that the controller has not seen yet.
func beforeUs(l *lab.Lab) foreignThings {
	l.Helper()
	f := foreignThings{map[string]string{}, map[string][]string{}, nil}
	r := l.Sim.Resources()
	for _, lb := range r.LoadBalancers {
		f.balancers[lb.Name], f.on[lb.ARN] = lb.ARN, []string{lb.ARN}
		for _, listener := range lb.Listeners {
			f.on[lb.ARN] = append(f.on[lb.ARN], listener.ARN)
			for _, rule := range listener.Rules {
				f.on[lb.ARN] = append(f.on[lb.ARN], rule.ARN)
			}
		}
	}
	for _, tg := range r.TargetGroups {
		f.rest = append(f.rest, tg.ARN)
	}
	for _, g := range r.SecurityGroups {
		if g.ID != lab.NodeGroup { // into which rules for targets are written
			f.rest = append(f.rest, g.ID)
		}
	}
	return f
}

// trespasses are the writes since a mark that name what is somebody else's. On load balancers that are shared,
// listeners and rules may be made, and on those that are taken over, all may be written that is not a target group's or
// security group's.
func trespasses(l *lab.Lab, mark uint64, f foreignThings, shared, adopted []string) (out []string) {
	l.Helper()
	for _, c := range l.Sim.Gate.Calls(gate.Filter{After: mark}) {
		if awsclient.IsRead(c.Action) {
			continue
		}
		raw, err := json.Marshal(c.Input)
		l.Must(err)
		text := string(raw)
		names := func(id string) bool { return strings.Contains(text, `"`+id+`"`) }
		handsOver := false // from target groups of others, by weights
		for arn, ids := range f.on {
			handsOver = handsOver || c.Action == "ModifyListener" && slices.Contains(adopted, arn) &&
				slices.ContainsFunc(ids, names)
			makes := c.Action == "CreateListener" || c.Action == "CreateRule"
			if slices.ContainsFunc(ids, names) && !slices.Contains(adopted, arn) && (!makes || !slices.Contains(shared, arn)) {
				out = append(out, c.Action+" "+text)
			}
		}
		var in struct {
			GroupID   string
			Resources []string
		}
		l.Must(json.Unmarshal(raw, &in))
		for _, id := range f.rest { // rules may name security groups of others as sources
			if strings.HasPrefix(id, "arn:") && names(id) && !handsOver || in.GroupID == id ||
				slices.Contains(in.Resources, id) {
				out = append(out, c.Action+" "+text)
			}
		}
	}
	return out
}

// play makes an object of the play, or edits it, by chance.
func (p player) play(o client.Object, choose func(...string) string, digest string) {
	a := map[string]string{}
	maps.Copy(a, o.GetAnnotations())
	a[p.prefix+"ownership"] = choose(p.ownership...)
	a[p.prefix+"deletion-policy"] = choose("Retain", "")
	delete(a, p.prefix+"approved-plan")
	if a[p.prefix+"deletion-policy"] == "" {
		delete(a, p.prefix+"deletion-policy")
	}
	if p.names != "" {
		a[p.prefix+p.existing] = p.names
		if choose("approve", "", "") != "" && digest != "" {
			a[p.prefix+"approved-plan"] = digest
		}
	}
	switch o := o.(type) {
	case *networkingv1.Ingress:
		a[p.prefix+"listen-ports"] = choose(`[{"HTTP":80}]`, `[{"HTTP":8080}]`, `[{"HTTP":80},{"HTTP":9090},{"HTTP":7070}]`)
		a[p.prefix+"load-balancer-attributes"] = choose("idle_timeout.timeout_seconds=70", "idle_timeout.timeout_seconds=80")
	case *corev1.Service:
		a[p.prefix+"attributes"] = choose("load_balancing.cross_zone.enabled=true", "load_balancing.cross_zone.enabled=false")
		o.Spec.Ports[0].Port = map[string]int32{"a": 80, "b": 7070}[choose("a", "b")]
	case *gatewayv1.Gateway:
		o.Spec.Listeners[0].Port = map[string]int32{"a": 80, "b": 7070}[choose("a", "b")]
		o.Generation++
	}
	o.SetAnnotations(a)
}

// TestNothingWithoutOurTagsIsTouched has objects of every kind and ownership come, change, change their ownership and
// go beside what is somebody else's, in an order by chance, while the controller restarts. After each step it looks at
// all that has no tags of a stack, and at which of the recorded calls named it.
func TestNothingWithoutOurTagsIsTouched(t *testing.T) {
	t.Parallel()
	for seed := range 12 {
		t.Run(strconv.Itoa(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(uint64(seed), 39))
			choose := func(of ...string) string { return of[r.IntN(len(of))] }
			_, class := lab.Gateway("web", "alb", 80, gatewayv1.HTTPProtocolType)
			l := lab.New(t, account.Profile{}, lab.Class(), class, lab.Service("web"), lab.Service("api"), lab.IPTargets(),
				lab.Route("web", "/web"))
			for _, name := range []string{"platform", "hall", "stranger"} {
				theirs(l, name)
			}
			theirNetwork(l, "lines")
			f := beforeUs(l)
			const ingress, service, gateway = "alb.ingress.kubernetes.io/", "service.beta.kubernetes.io/aws-load-balancer-",
				"gateway.k8s.aws/"
			own := []string{"managed", "managed", "observed"}
			var shared, adopted []string
			others := func(name string) (ownership []string) {
				if shared = append(shared, f.balancers[name]); r.IntN(2) == 0 {
					return []string{"shared", "shared", "observed"}
				}
				adopted = append(adopted, f.balancers[name])
				return []string{"adopted", "adopted", "observed", "shared"}
			}
			players := []player{
				{"Ingress", "own", ingress, "", lab.Key("own"), "", own},
				{"Ingress", "web", ingress, "existing-load-balancer", lab.Key("web"), "platform", others("platform")},
				{"Service", "net", service, "", lab.ServiceKey("net"), "", own},
				{"Service", "line", service, "existing", lab.ServiceKey("line"), "lines", others("lines")},
				{"Gateway", "web", gateway, "existing-load-balancer", lab.GatewayKey(stack.GatewayALB, "web"), "hall",
					others("hall")},
				{"Gateway", "own", gateway, "", lab.GatewayKey(stack.GatewayALB, "own"), "", own},
			}
			var keys []stack.Key
			for _, p := range players {
				keys = append(keys, p.key)
			}
			theirs := l.Others(adopted...)
			check := func(step int, did string, mark uint64) {
				t.Helper()
				if w := trespasses(l, mark, f, shared, adopted); len(w) > 0 {
					t.Fatalf("step %d, %s: written to what is others': %s", step, did, strings.Join(w, "\n"))
				}
				if diff := cmp.Diff(theirs, l.Others(adopted...)); diff != "" {
					t.Fatalf("step %d, %s: what is others' is changed (-want +got):\n%s\nwritten: %v", step, did, diff, l.Writes(mark))
				}
			}
			empty := func(p player) client.Object {
				return map[string]client.Object{"Ingress": &networkingv1.Ingress{}, "Service": &corev1.Service{},
					"Gateway": &gatewayv1.Gateway{}}[p.kind]
			}
			for step := range 20 {
				p := players[r.IntN(len(players))]
				o, mark := empty(p), l.Mark()
				did := p.kind + " " + p.name
				switch there := l.Get(o, p.name); {
				case !there:
					did = "create " + did
					g, _ := lab.Gateway(p.name, "alb", 80, gatewayv1.HTTPProtocolType)
					balancer := lab.CrashBalancer(p.name)
					balancer.Annotations[service+"scheme"] = "internal"
					o = map[string]client.Object{"Ingress": lab.Ingress(p.name, map[string]string{"scheme": "internal"},
						choose("web", "api")), "Service": balancer, "Gateway": g}[p.kind]
					p.play(o, choose, "")
					l.Create(o)
				case r.IntN(4) == 0:
					did = "delete " + did
					l.Must(l.Client.Delete(t.Context(), o))
				default:
					did = "edit " + did
					p.play(o, choose, l.LastDigest(0))
					l.Must(l.Client.Update(t.Context(), o))
				}
				if r.IntN(3) == 0 {
					did += ", restart"
					l.Restart()
				}
				l.Settle(keys...)
				check(step, did, mark)
			}
			mark := l.Mark()
			for _, p := range players {
				if o := empty(p); l.Get(o, p.name) {
					l.Must(l.Client.Delete(t.Context(), o))
				}
			}
			l.Settle(keys...)
			check(-1, "delete all", mark)
		})
	}
}
