package parity

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/parity/recorded"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/targets/sgsync"
)

const nodeGroup = "sg-01ab0001"

// TestASwapAndARestartWithEverythingAtOnceWriteNothing puts the last recorded states of all cases into one account and
// one cluster, changes by hand what no object declares, and has a controller that knows nothing plan all stacks and
// keep the rules of the nodes for all bindings, which come one by one. Then the next one does.
func TestASwapAndARestartWithEverythingAtOnceWriteNothing(t *testing.T) {
	t.Parallel()
	for name, attach := range map[string]bool{"as recorded": false, "default certificate attached": true} {
		for _, byHand := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, edited by hand %v", name, byHand), func(t *testing.T) {
				t.Parallel()
				l := newLab(t)
				l.attachDefault = attach
				all := l.putAll()
				if byHand {
					l.editByHand()
				}
				for _, life := range []string{"swap", "restart"} {
					l.restart()
					mark := l.mark()
					stacks := l.plans(all)
					if len(stacks) < 15 {
						t.Fatalf("only %d stacks", len(stacks))
					}
					for _, s := range stacks {
						for _, step := range s.Plan.Steps {
							t.Errorf("%s: %s would be changed: %s %s %v", life, s.Key, plan.NameOf(step.Op), step.Resource, step.Why)
						}
					}
					l.keepRules()
					if w := l.writes(mark); len(w) > 0 {
						t.Errorf("%s: writes %v", life, w)
					}
				}
			})
		}
	}
}

// putAll puts the last state of each case into the account, with the bindings of users and the rules of the nodes'
// group.
func (l *lab) putAll() *cluster {
	l.t.Helper()
	all := &cluster{Case: recorded.Case{Name: "all"}}
	var rules []string
	files, err := recorded.Files("testdata")
	if err != nil {
		l.t.Fatal(err)
	}
	for _, file := range files {
		r := read(l.t, file)
		for _, e := range r.Edits {
			r.apply(l.t, e)
		}
		last := r.after[len(r.after)-1]
		l.put(&r, last)
		held, _ := sub(sub(sub(last, "aws"), "securityGroups"), "lab-nodes")["ingress"].([]any)
		for _, rule := range held {
			rules = append(rules, rule.(string))
		}
		for _, o := range r.Objects {
			if o["kind"] != "TargetGroupBinding" { // which put has stored
				all.Objects = append(all.Objects, o)
			}
		}
	}
	var permissions []stack.Permission
	for _, rule := range rules {
		p := permission(l.t, rule)
		if p.Group.Literal != "" {
			l.meant(p.Group.Literal, &p.Group.Literal)
		}
		// For all bindings the existing controller has one range per source, from the lowest port to the highest.
		source := func(x stack.Permission) stack.Permission { x.FromPort, x.ToPort = 0, 0; return x }
		if i := slices.IndexFunc(permissions, func(x stack.Permission) bool { return source(x) == source(p) }); i >= 0 {
			permissions[i].FromPort, permissions[i].ToPort = min(permissions[i].FromPort, p.FromPort),
				max(permissions[i].ToPort, p.ToPort)
			continue
		}
		permissions = append(permissions, p)
	}
	step := plan.Step{ID: "rules", Op: awsop.AuthorizeSecurityGroupIngress{
		Group: stack.Literal(stack.KindSecurityGroup, nodeGroup), Permissions: permissions}}
	res := l.run(plan.Plan{Key: sgsync.Key, Steps: []plan.Step{step}})
	if res.Count(apply.Done) != 1 {
		l.t.Fatalf("%+v", res.Outcomes)
	}
	return all
}

func (l *lab) run(p plan.Plan) apply.Result {
	return apply.Run(l.t.Context(), p, apply.Deps{Clients: l.clients(), Inventory: l.inv, Bindings: l, Now: l.clock.Now})
}

// keepRules has a new Reconciler learn of the bindings one by one.
func (l *lab) keepRules() {
	l.t.Helper()
	table := sgsync.NewTable()
	write := func(_ context.Context, _ stack.Key, _ plan.StepID, op plan.Operation) apply.Outcome {
		l.t.Errorf("a rule is written: %s %+v", plan.NameOf(op), op)
		return apply.Outcome{State: apply.Done}
	}
	k := &sgsync.Reconciler{Cluster: "lab", Table: table, Rules: l.inv.SecurityGroups(), Write: write}
	names := slices.Sorted(maps.Keys(l.bindings))
	if len(names) < 15 {
		l.t.Fatalf("only %d bindings", len(names))
	}
	for i, name := range names {
		table.Set(name, map[string][]stack.Permission{nodeGroup: opened(l.t, l.bindings[name].Spec.Networking)})
		if o := k.Reconcile(l.t.Context(), nodeGroup, func() bool { return i < len(names)-1 }); o.Err != nil {
			l.t.Fatal(o.Err)
		}
	}
}

// editByHand changes attributes that no object declares. (Foreign tags are no such case: both controllers remove them.)
func (l *lab) editByHand() {
	l.t.Helper()
	r := l.sim.Resources()
	for _, lb := range r.LoadBalancers {
		key, value := "idle_timeout.timeout_seconds", "77"
		if lb.Type == "network" {
			key, value = "load_balancing.cross_zone.enabled", "true"
		}
		if lb.Attributes[key] != l.defaults[lb.Type+" "+lb.Scheme][key] {
			continue // declared
		}
		if _, err := l.sim.Balancing.ModifyLoadBalancerAttributes(l.t.Context(), &elbv2.ModifyLoadBalancerAttributesInput{
			LoadBalancerArn: &lb.ARN,
			Attributes:      []types.LoadBalancerAttribute{{Key: &key, Value: &value}}}); err != nil {
			l.t.Fatal(err)
		}
	}
	for _, g := range r.TargetGroups {
		if _, err := l.sim.Balancing.ModifyTargetGroupAttributes(l.t.Context(), &elbv2.ModifyTargetGroupAttributesInput{
			TargetGroupArn: &g.ARN,
			Attributes: []types.TargetGroupAttribute{{Key: aws.String("deregistration_delay.timeout_seconds"),
				Value: aws.String("77")}}}); err != nil {
			l.t.Fatal(err)
		}
	}
}

func (l *lab) mark() uint64 {
	if calls := l.sim.Gate.Calls(gate.Filter{Limit: 1}); len(calls) > 0 {
		return calls[0].Number
	}
	return 0
}

// writes are the calls since a mark that change something.
func (l *lab) writes(mark uint64) []string {
	var out []string
	for _, c := range l.sim.Gate.Calls(gate.Filter{After: mark}) {
		if !awsclient.IsRead(c.Action) {
			out = append(out, c.Action)
		}
	}
	return out
}

// left is what an account holds after a cluster's objects were deployed, as the existing controller numbers it.
func left(t *testing.T, r *cluster) tree {
	t.Helper()
	l := newLab(t)
	l.settle(r)
	return l.picture()
}

// unchanged takes an account over, twice, with no change but the allowed ones.
func unchanged(t *testing.T, r *cluster, after tree, allowed ...string) {
	t.Helper()
	l := newLab(t)
	l.put(r, after)
	for _, life := range []string{"swap", "restart"} {
		l.restart()
		for _, s := range l.plans(r) {
			for _, step := range s.Plan.Steps {
				if !slices.Contains(allowed, plan.NameOf(step.Op)) && !slices.Contains(allowed, plan.NameOf(step.Op)+" "+
					string(step.Resource.Kind)) {
					t.Errorf("%s: %s would be changed: %s %s %v", life, s.Key, plan.NameOf(step.Op), step.Resource, step.Why)
				}
			}
		}
	}
}

// TestSwapOfFrozenGroupWritesNothing has a member of a group ask, since the last
// deployment, for what contradicts the others, or for what is none.
func TestSwapOfFrozenGroupWritesNothing(t *testing.T) {
	t.Parallel()
	const prefix = "alb.ingress.kubernetes.io/"
	for name, edit := range map[string]tree{
		"another scheme":       {prefix + "scheme": "internet-facing"},
		"another address type": {prefix + "ip-address-type": "dualstack"},
		"other sources":        {prefix + "inbound-cidrs": "203.0.113.0/24"},
		"another TLS policy":   {prefix + "ssl-policy": "ELBSecurityPolicy-TLS13-1-2-2021-06"},
		"other attributes":     {prefix + "load-balancer-attributes": "idle_timeout.timeout_seconds=90"},
		"another tag":          {prefix + "tags": "team=b"},
		"a malformed action":   {prefix + "actions.moved": "{"},
		"a malformed scheme":   {prefix + "scheme": "public"},
	} {
		for _, at := range []int{0, 1} { // the member
			t.Run(fmt.Sprintf("%s of member %d", name, at), func(t *testing.T) {
				t.Parallel()
				r := &cluster{Case: recorded.Case{Name: "frozen", Namespace: "shop", Objects: []tree{class(), webService()}}}
				for i := range 2 {
					r.Objects = append(r.Objects, tree{"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": tree{
						"name": fmt.Sprintf("i%d", i), "namespace": "shop",
						"creationTimestamp": fmt.Sprintf("2025-01-0%dT00:00:00Z", i+1), "annotations": tree{
							prefix + "group.name": "doors", prefix + "scheme": "internal", prefix + "ip-address-type": "ipv4", prefix +
								"target-type": "ip",
							prefix + "inbound-cidrs": "192.0.2.0/24", prefix + "ssl-policy": "ELBSecurityPolicy-2016-08", prefix +
								"listen-ports": `[{"HTTPS": 443}]`,
							prefix + "load-balancer-attributes": "idle_timeout.timeout_seconds=77",
							prefix + "tags":                     "team=a",
						}}, "spec": tree{"ingressClassName": "alb", "rules": []any{
						tree{"host": "app.example.com", "http": tree{"paths": []any{
							tree{"path": fmt.Sprintf("/%d", i), "pathType": "Prefix", "backend": tree{
								"service": tree{"name": "web", "port": tree{"number": 80}}}}}}}}}})
				}
				after := left(t, r)
				maps.Copy(r.Objects[2+at]["metadata"].(tree)["annotations"].(tree), edit)
				var own []string
				if name == "another tag" { // a member's tags are those of its own target groups and rules, whatever the group has
					own = []string{"AddTags TargetGroup", "AddTags Rule"}
				}
				unchanged(t, r, after, own...)
			})
		}
	}
}

// TestSwapWithUnreadClassParametersWritesNothing has the class of a group's second member
// ask for an attribute; the existing controller reads the class of the first only.
func TestSwapWithUnreadClassParametersWritesNothing(t *testing.T) {
	t.Parallel()
	const prefix = "alb.ingress.kubernetes.io/"
	for name, annotations := range map[string]tree{
		"beside an annotation of the first": {prefix + "load-balancer-attributes": "idle_timeout.timeout_seconds=77"},
		"beside nothing":                    {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			params := tree{"apiVersion": "elbv2.k8s.aws/v1beta1", "kind": "IngressClassParams", "metadata": tree{"name": "late"},
				"spec": tree{}}
			late := class()
			late["metadata"].(tree)["name"] = "late"
			late["spec"].(tree)["parameters"] = tree{"apiGroup": "elbv2.k8s.aws", "kind": "IngressClassParams", "name": "late"}
			r := &cluster{Case: recorded.Case{Name: "late", Namespace: "shop", Objects: []tree{class(), params, late,
				webService()}}}
			for i, c := range []string{"alb", "late"} {
				with := tree{prefix + "group.name": "doors", prefix + "scheme": "internal", prefix + "target-type": "ip", prefix +
					"group.order": fmt.Sprint(i + 1)}
				if i == 0 {
					maps.Copy(with, annotations)
				}
				r.Objects = append(r.Objects, tree{"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": tree{
					"name": fmt.Sprintf("i%d", i), "namespace": "shop",
					"annotations": with}, "spec": tree{"ingressClassName": c, "rules": []any{
					tree{"host": "app.example.com", "http": tree{"paths": []any{
						tree{"path": fmt.Sprintf("/%d", i), "pathType": "Prefix", "backend": tree{
							"service": tree{"name": "web", "port": tree{"number": 80}}}}}}}}}})
			}
			after := left(t, r)
			params["spec"] = tree{"loadBalancerAttributes": []any{tree{"key": "idle_timeout.timeout_seconds", "value": "90"}}}
			unchanged(t, r, after)
		})
	}
}

func webService() tree {
	return tree{"apiVersion": "v1", "kind": "Service", "metadata": tree{"name": "web", "namespace": "shop"}, "spec": tree{
		"type":  "ClusterIP",
		"ports": []any{tree{"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"}}}}
}

// TestAQUICListenerIsTakenOverAsItIs: a swap writes nothing.
func TestAQUICListenerIsTakenOverAsItIs(t *testing.T) {
	t.Parallel()
	const prefix = "service.beta.kubernetes.io/aws-load-balancer-"
	r := &cluster{Case: recorded.Case{Name: "quic", Namespace: "shop", Objects: []tree{
		{"apiVersion": "v1", "kind": "Service",
			"spec": tree{"type": "LoadBalancer", "loadBalancerClass": "service.k8s.aws/nlb", "ports": []any{
				tree{"name": "http3", "port": 443, "targetPort": 8443, "nodePort": 30443, "protocol": "UDP"}}},
			"metadata": tree{"name": "web", "namespace": "shop", "annotations": tree{
				prefix + "scheme": "internet-facing", prefix + "nlb-target-type": "ip", prefix + "quic-enabled-ports": "443",
				prefix + "manage-backend-security-group-rules": "false",
			}},
		}}}}
	after := left(t, r)
	made := 0
	for _, lb := range sub(sub(after, "aws"), "loadBalancers") {
		if sub(sub(lb.(tree), "listeners"), "443")["protocol"] == "QUIC" {
			made++
		}
	}
	for _, g := range sub(sub(after, "aws"), "targetGroups") {
		if g.(tree)["protocol"] == "QUIC" {
			made++
		}
	}
	if made != 2 {
		t.Fatalf("%d resources are QUIC of %v", made, after)
	}
	unchanged(t, r, after)
}

// TestANameThatAForeignLoadBalancerHasStaysItsOwn: after the first attempts were refused, a swap and a restart ask AWS
// for the name again, and write nothing else.
func TestANameThatAForeignLoadBalancerHasStaysItsOwn(t *testing.T) {
	t.Parallel()
	const prefix = "alb.ingress.kubernetes.io/"
	r := &cluster{Case: recorded.Case{Name: "foreign", Namespace: "shop", Objects: []tree{class(), webService(),
		{"apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
			"metadata": tree{"name": "web", "namespace": "shop", "annotations": tree{prefix + "load-balancer-name": "theirs",
				prefix + "target-type": "ip"}},
			"spec": tree{"ingressClassName": "alb", "defaultBackend": tree{
				"service": tree{"name": "web", "port": tree{"number": 80}}}}}}}}
	l := newLab(t)
	if _, err := l.sim.Balancing.CreateLoadBalancer(l.t.Context(), &elbv2.CreateLoadBalancerInput{
		Name: aws.String("theirs"), Type: types.LoadBalancerTypeEnumApplication,
		Scheme: types.LoadBalancerSchemeEnumInternetFacing, Subnets: []string{"subnet-01ab000a", "subnet-01ab000b"}}); err !=
		nil {
		t.Fatal(err)
	}
	for life := range 3 {
		l.restart()
		mark := l.mark()
		for range 3 {
			for _, s := range l.plans(r) {
				l.run(s.Plan)
			}
		}
		for _, w := range l.writes(mark) {
			if life > 0 && !strings.HasSuffix(w, "CreateLoadBalancer") {
				t.Errorf("life %d: %s", life, w)
			}
		}
	}
	if all := l.sim.Resources().LoadBalancers; len(all) != 1 || len(all[0].Tags) > 0 || len(all[0].Listeners) > 0 {
		t.Errorf("load balancers %+v", all)
	}
}
