package controller

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// The life of a varied cluster, in which each operation that the controller knows of is called at least once for most of them.
var lifeOfMany = []struct {
	name string
	does func(l *lab)
}{
	{"created", func(l *lab) {
		l.create(labIngress("web", map[string]string{"certificate-arn": crashCertificate, "listen-ports": `[{"HTTP":80},{"HTTPS":443}]`, "ssl-redirect": "443",
			"load-balancer-attributes": "idle_timeout.timeout_seconds=75", "target-group-attributes": "deregistration_delay.timeout_seconds=30"}, "s0", "s1"))
		l.create(labIngress("shown", map[string]string{"enable-frontend-nlb": "true"}, "s1"))
		l.create(crashBalancer("edge"))
	}},
	{"edited", func(l *lab) {
		l.restart()
		l.edit("shown", func(i *networkingv1.Ingress) {
			i.Spec.Rules = labIngress("x", nil, "s0").Spec.Rules
			i.Annotations["alb.ingress.kubernetes.io/security-groups"] = "sg-0a1de000000000002"
			i.Annotations["alb.ingress.kubernetes.io/subnets"] = "subnet-0a1de0000000000a1,subnet-0a1de0000000000c1"
		})
		l.edit("web", func(i *networkingv1.Ingress) {
			i.Spec.Rules = labIngress("x", nil, "s1", "s0").Spec.Rules
			i.Annotations["alb.ingress.kubernetes.io/healthcheck-path"] = "/health"
			i.Annotations["alb.ingress.kubernetes.io/inbound-cidrs"] = "192.0.2.0/24"
			i.Annotations["alb.ingress.kubernetes.io/tags"] = "team=shop"
			i.Annotations["alb.ingress.kubernetes.io/listen-ports"] = `[{"HTTPS":443}]`
			i.Annotations["alb.ingress.kubernetes.io/ssl-policy"] = "ELBSecurityPolicy-TLS13-1-2-2021-06"
			delete(i.Annotations, "alb.ingress.kubernetes.io/ssl-redirect")
			i.Annotations["alb.ingress.kubernetes.io/ip-address-type"] = "dualstack"
		})
		l.balancer("edge", "attributes", "load_balancing.cross_zone.enabled=true")
		l.balancer("net", "scheme", "internal")
		l.scale("s1", soakAddress(1, 1), soakAddress(1, 2))
	}},
	{"deleted", func(l *lab) {
		for _, name := range []string{"web", "shown", "base"} {
			l.remove(name)
		}
		for _, name := range []string{"net", "edge"} {
			l.drop(crashBalancer(name), name)
		}
	}},
}

var manyKeys = slices.Concat(crashKeys, []stack.Key{implicit("web"), implicit("shown")})

// scale gives a Service other pods.
func (l *lab) scale(service string, addresses ...string) {
	l.Helper()
	for _, o := range chaosEndpoints(service, "a", addresses...) {
		old, ok := o.DeepCopyObject().(client.Object)
		if !ok {
			l.Fatalf("%T is no object", o)
		}
		if !l.get(old, o.GetName()) {
			l.create(o)
			continue
		}
		o.SetResourceVersion(old.GetResourceVersion())
		l.must(l.client.Update(l.Context(), o))
	}
}

// manyWait lets time pass for the varied cluster.
func (l *lab) manyWait(d time.Duration) {
	l.Helper()
	l.passWith(d, manyKeys...)
}

// undisturbed is the account after each stage of the life of a varied cluster, with the operations that were called.
func undisturbed(t *testing.T) (accounts []string, called []string) {
	t.Helper()
	l := crashLab(t, false, false)
	mark := uint64(0)
	for _, stage := range lifeOfMany {
		stage.does(l)
		l.manyWait(15 * time.Minute)
		accounts = append(accounts, l.account())
		if told := l.warnings(0); len(told) > 0 {
			t.Fatalf("%s: %v", stage.name, told)
		}
	}
	_, by := l.counts(mark)
	return accounts, slices.Sorted(maps.Keys(by))
}

// TestEachOperationInTurnMayBeDeniedFailOrBeThrottled has one operation trouble a varied cluster for a while in each stage of its life. The
// trouble is told, costs few calls, keeps no user's binding from its targets, and leaves nothing when it is over.
func TestEachOperationInTurnMayBeDeniedFailOrBeThrottled(t *testing.T) {
	t.Parallel()
	accounts, called := undisturbed(t)
	if len(called) < 30 {
		t.Fatalf("only %d operations are called: %v", len(called), called)
	}
	faults := map[string]func(action string) gate.Fault{
		"denied":    denying,
		"failing":   func(string) gate.Fault { return gate.Fault{Code: "InternalFailure", Status: 500} },
		"unheard":   func(string) gate.Fault { return gate.Fault{Lose: true} },
		"throttled": func(string) gate.Fault { return gate.Fault{Kind: "throttled"} },
	}
	for n, action := range called {
		for kind, fault := range faults {
			if another := []string{"failing", "", "unheard", "", "throttled", ""}[n%6]; !everyFault && kind != "denied" && kind != another {
				continue // each operation is denied in every run, and every second has another trouble
			}
			fault := fault(action)
			t.Run(action+" "+kind, func(t *testing.T) {
				t.Parallel()
				l := crashLab(t, false, false)
				for n, stage := range lifeOfMany {
					fault.Action, fault.ID = action, fmt.Sprint("stage", n)
					_, err := l.sim.Gate.AddFault(fault)
					l.must(err)
					mark, from := l.mark(), len(l.events)
					stage.does(l)
					l.manyWait(10 * time.Minute)
					l.judgeTrouble(stage.name, action, kind, mark, from)
					l.sim.Gate.ClearFaults()
					l.manyWait(15 * time.Minute)
					if d := linesApart(l.account(), accounts[n]); d != "" {
						t.Fatalf("%s: when it is over the account (+) is not as without it (-):\n%s\n%s", stage.name, d, strings.Join(l.events[from:], "\n"))
					}
				}
			})
		}
	}
}

// denying is a refusal as IAM words it.
func denying(action string) gate.Fault {
	permission := cloud.Operations[action].Permission
	f := gate.Fault{Code: "AccessDenied", Status: 403, Message: "User: arn:aws:sts::123456789012:assumed-role/lbc/1 is not authorized to perform: " + permission}
	if strings.HasPrefix(permission, "ec2:") {
		f.Code = "UnauthorizedOperation"
	}
	return f
}

// judgeTrouble holds that ten minutes of trouble with an operation are calm and told.
func (l *lab) judgeTrouble(stage, action, kind string, mark uint64, from int) {
	l.Helper()
	total, by := l.counts(mark)
	most := 150
	if kind == "throttled" || action == "DescribeTargetHealth" { // each of seven units is worth an attempt every quarter of a minute; the limiter paces them
		most = 350
	}
	if total > most+300 || by[action] > most {
		l.Errorf("%s: %d calls in ten minutes, %d of them in vain: %v", stage, total, by[action], by)
	}
	said := strings.Join(l.events[from:], "\n")
	if permission := cloud.Operations[action].Permission; kind == "denied" && by[action] > 0 && !strings.Contains(said, permission) && !silent[action] {
		l.Errorf("%s: no event names %s:\n%s", stage, permission, said)
	}
	for object, texts := range l.warnings(from) {
		if len(texts) > 4 {
			l.Errorf("%s: %s is told %d times:\n%s", stage, object, len(texts), strings.Join(texts, "\n"))
		}
	}
	if targets := l.targetsOf("theirs"); stage == "edited" && !needsOfTargets[action] && !slices.Equal(targets, []string{soakAddress(1, 1) + ":8080", soakAddress(1, 2) + ":8080"}) {
		l.Errorf("%s: the user's target group has %v", stage, targets)
	}
}

// silent operations, when they are denied, cost nothing that the owner of an object could see; the log tells of them.
var silent = map[string]bool{
	"RevokeSecurityGroupIngress": true, // the bindings that needed the rules are gone
	"DescribeVpcs":               true, // targets are taken to be in the VPC until AWS says that they are not
}

// needsOfTargets are the operations without which no target comes or goes.
// After a restart without checkpoints, what is registered must be read before anything of it goes.
var needsOfTargets = map[string]bool{"RegisterTargets": true, "DeregisterTargets": true, "DescribeTargetHealth": true}

// targetsOf are the targets of a group that do not drain.
func (l *lab) targetsOf(name string) []string {
	for _, tg := range l.sim.Resources().TargetGroups {
		if tg.Name == name {
			return slices.Sorted(maps.Keys(registeredIn(tg)))
		}
	}
	return nil
}
