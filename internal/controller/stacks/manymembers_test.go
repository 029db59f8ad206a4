package stacks

import (
	"fmt"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/compile/shard"
	"github.com/k8s-lbc/lbc/internal/controller/growth"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/lib/cputime"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// TestManyMembersOfATenantCostInProportion has a tenant create more and more small Ingresses in a group with others, in
// whose passes, and under whose locks, everybody waits for what is done for each.
func TestManyMembersOfATenantCostInProportion(t *testing.T) {
	t.Parallel()
	key := stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "front"}}
	now := time.Unix(0, 0)
	for name, work := range map[string]func(s *Reconciler, w front.Input){
		"that wait": func(_ *Reconciler, w front.Input) {
			passReport{input: w, waiting: objectsOf(w.Members), compiled: compile.Result{Stack: &stack.Stack{}}}.account()
		},
		"under dry run": func(_ *Reconciler, w front.Input) {
			w.DryRun = &front.DryRun{Objects: w.Members}
			passReport{input: w, compiled: compile.Result{Stack: &stack.Stack{}}}.account()
		},
		"about which AWS refuses a step": func(s *Reconciler, w front.Input) {
			s.attribute(diag.Diagnostic{Code: diag.InvalidRule}, nil, plan.Step{Op: awsop.CreateListener{}}, w)
		},
		"that declare ports of the load balancer": func(_ *Reconciler, w front.Input) {
			c := compile.Result{Stack: &stack.Stack{}, Origins: map[stack.Ref]compile.Origin{}}
			for port := range int32(3) {
				c.Stack.Listeners = append(c.Stack.Listeners, stack.Listener{ID: fmt.Sprint(port), Port: port})
				c.Origins[stack.Ref{Kind: stack.KindListener, ID: fmt.Sprint(port)}] = compile.Origin{
					Objects: objectsOf(w.Members)}
			}
			others := portsOfOthers(c)
			for _, o := range objectsOf(w.Members) {
				others(o)
			}
		},
		"with several load balancers": func(_ *Reconciler, w front.Input) {
			for i, o := range w.Members {
				host := fmt.Sprintf("h%d.example", i)
				w.Group = append(w.Group, intent.Member{Object: owner.Object(o), Routes: []intent.Route{{
					Conditions: []stack.Condition{{Field: stack.HostHeader, Values: []string{host}}}}}})
				w.Placement = append(w.Placement, shard.Placed{Hosts: []string{host}})
			}
			of := viewOf(w)
			for _, o := range w.Members {
				of.show([]owner.LoadBalancer{{Hostname: "x"}}, o)
			}
		},
		"that got the finalizer": func(s *Reconciler, w front.Input) {
			s.noteMarked(key, w.Members, nil)
			s.noteMarked(key, w.Members, nil)
			s.noteShown(key, w)
			s.states = nil
		},
		"that lost it": func(s *Reconciler, w front.Input) {
			s.noteReleased(key, w.Leaving)
			s.unreleased(key, w.Leaving)
			s.released = nil
		},
	} {
		// in proportion would be 1, and the square 2: between them, times vary
		growth.AtMost(t, 1.6, "microseconds for the members of a group "+name, func(n int) float64 {
			s := &Reconciler{Now: func() time.Time { return now }}
			var w front.Input
			for i := range 4 * n {
				o := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "mal", Name: fmt.Sprint("web-", i),
					UID: types.UID(fmt.Sprint("uid-", i))}}
				w.Members = append(w.Members, o)
				gone := o.DeepCopy()
				gone.DeletionTimestamp = &metav1.Time{Time: now}
				w.Leaving = append(w.Leaving, gone)
			}
			return float64(cputime.PerCall(func() { work(s, w) }).Microseconds())
		})
	}
}
