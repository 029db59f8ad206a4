package controller

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

var frontKey = stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "front"}}

// pair is a group front of two Ingresses, api and web, each with a backend of its own.
func pair(api map[string]string) []client.Object {
	more := map[string]string{"group.name": "front"}
	for k, v := range api {
		more[k] = v
	}
	return []client.Object{
		labClass(), labService("apisvc"), labService("websvc"),
		labIngress("api", more, "apisvc"), labIngress("web", map[string]string{"group.name": "front"}, "websvc"),
	}
}

// whom lists the Ingresses that have an event of a reason that begins so, sorted, once each.
func (l *lab) whom(reason string) []string {
	var out []string
	for _, e := range l.events {
		if name, rest, ok := strings.Cut(strings.TrimPrefix(e, "Ingress shop/"), " "); ok && strings.HasPrefix(e, "Ingress ") && strings.HasPrefix(rest, reason) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// TestAMemberGetsTheEventOfSuccessOnlyWhenItsSettingsAreInEffect has AWS, or an edit, refuse one thing after the other to a group of two.
func TestAMemberGetsTheEventOfSuccessOnlyWhenItsSettingsAreInEffect(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		fault             gate.Fault
		api               map[string]string
		adopt             func(l *lab) // spoils what is there before the controller is started again
		warned, succeeded []string
	}{
		"AWS does not tell what there is": {
			fault: gate.Fault{Action: "DescribeLoadBalancers", Kind: "denied"}, warned: []string{"api", "web"},
		},
		"AWS does not tell the rules that there are": {
			fault: gate.Fault{Action: "DescribeRules", Kind: "denied"}, adopt: func(*lab) {}, warned: []string{"api", "web"},
		},
		"the load balancer is refused for what nobody set": {
			fault: gate.Fault{Action: "CreateLoadBalancer", Code: "ValidationError"}, warned: []string{"api", "web"},
		},
		"the load balancer is refused for what one of them set": {
			fault: gate.Fault{Action: "CreateLoadBalancer", Code: "ValidationError", Message: "The subnet is not good"}, warned: []string{"api"},
			api: map[string]string{"subnets": "subnet-0a1de0000000000a1,subnet-0a1de0000000000b1"},
		},
		"the target group of one is refused, and the other is served": {
			fault: gate.Fault{Action: "CreateTargetGroup", Resource: "apisvc", Code: "ValidationError"}, warned: []string{"api"}, succeeded: []string{"web"},
		},
		"what members share stands because of one": {
			adopt: func(l *lab) {
				i := &networkingv1.Ingress{}
				l.get(i, "api")
				i.Spec.IngressClassName = ptr.To("gone") // what it declared before, and declares now, is unknown
				l.must(l.client.Update(l.Context(), i))
			}, warned: []string{"api"}, succeeded: []string{"web"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, account.Profile{}, pair(tc.api)...)
			if tc.adopt != nil {
				l.settle(frontKey)
				tc.adopt(l)
				l.restart()
				l.events = nil
			}
			if tc.fault.Action != "" {
				tc.fault.ID = "refused"
				_, err := l.sim.Gate.AddFault(tc.fault)
				l.must(err)
			}
			for range 3 {
				_, _ = l.round(frontKey)
			}
			all := strings.Join(l.events, "\n")
			if got := l.whom("Failed"); !slices.Equal(got, tc.warned) {
				t.Errorf("warned: %v, want %v:\n%s", got, tc.warned, all)
			}
			if got := l.whom("SuccessfullyReconciled"); !slices.Equal(got, tc.succeeded) {
				t.Errorf("told of success: %v, want %v:\n%s", got, tc.succeeded, all)
			}
		})
	}
}

// TestAMemberWhoseFinalizerIsRefusedStopsNoOther has a policy of the cluster refuse every edit of one Ingress of a group.
func TestAMemberWhoseFinalizerIsRefusedStopsNoOther(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, pair(nil)...)
	refuse := true
	l.client = interceptor.NewClient(l.client.(client.WithWatch), interceptor.Funcs{
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, opts ...client.PatchOption) error {
			if refuse && o.GetName() == "api" {
				return apierrors.NewForbidden(schema.GroupResource{Resource: "ingresses"}, "api", errors.New("the policy requires an owner"))
			}
			return c.Patch(ctx, o, p, opts...)
		},
	})
	l.restart()
	for range 3 {
		if _, err := l.round(frontKey); !apierrors.IsForbidden(err) {
			t.Fatalf("a pass ends with %v and is not tried again", err)
		}
	}
	all := strings.Join(l.events, "\n")
	if warned, succeeded := l.whom("Failed"), l.whom("SuccessfullyReconciled"); !slices.Equal(warned, []string{"api"}) || !slices.Equal(succeeded, []string{"web"}) {
		t.Errorf("warned: %v, told of success: %v:\n%s", warned, succeeded, all)
	}
	if !strings.Contains(all, "Ingress shop/api FailedAddFinalizer: ") || !strings.Contains(all, "the policy requires an owner") {
		t.Errorf("events:\n%s", all)
	}
	web, api := &networkingv1.Ingress{}, &networkingv1.Ingress{}
	if l.get(web, "web"); len(web.Status.LoadBalancer.Ingress) != 1 {
		t.Error("the other member is not served")
	}
	if l.get(api, "api"); len(api.Status.LoadBalancer.Ingress) > 0 || slices.ContainsFunc(l.left(), func(s string) bool { return strings.Contains(s, "apisvc") }) {
		t.Errorf("what nobody would clean up was made: %v", l.left())
	}
	refuse = false
	l.settle(frontKey)
	if l.get(api, "api"); len(api.Status.LoadBalancer.Ingress) != 1 {
		t.Error("the member is not served though its finalizer is accepted now")
	}
}

// TestWhatWaitsForAWSIsNotHeldUpByWhatFails has an attribute refused on and on while targets warm up.
func TestWhatWaitsForAWSIsNotHeldUpByWhatFails(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labClass(), labService("old"), labService("new"),
		labIngress("web", map[string]string{"load-balancer-attributes": "idle_timeout.timeout_seconds=75"}, "old"))
	l.settle(implicit("web"))
	_, err := l.sim.Gate.AddFault(gate.Fault{ID: "refused", Action: "ModifyLoadBalancerAttributes", Code: "ValidationError"})
	l.must(err)
	web := &networkingv1.Ingress{}
	l.get(web, "web")
	web.Annotations["alb.ingress.kubernetes.io/load-balancer-attributes"] = "idle_timeout.timeout_seconds=80"
	web.Spec.Rules[0].HTTP.Paths[0].Backend.Service.Name = "new"
	l.must(l.client.Update(l.Context(), web))
	var waits []time.Duration
	for range 3 {
		r, err := l.ingresses.Reconcile(l.Context(), implicit("web"))
		if err != nil {
			t.Fatalf("the failure decides when targets are looked at again: %v", err)
		}
		waits = append(waits, r.RequeueAfter)
		l.clock.Advance(r.RequeueAfter)
	}
	if want := []time.Duration{time.Second, 2 * time.Second, 4 * time.Second}; !slices.Equal(waits, want) {
		t.Errorf("passes are made after %v, want %v", waits, want)
	}
	if got := l.whom("FailedDeployModel"); !slices.Equal(got, []string{"web"}) {
		t.Errorf("told of the failure: %v\n%s", got, strings.Join(l.events, "\n"))
	}
}

// TestAQuestionThatAWSRefusesNamesThePermissionAndOneThatItMissesIsAskedAgainSoon leaves facts of a stack unanswered.
func TestAQuestionThatAWSRefusesNamesThePermissionAndOneThatItMissesIsAskedAgainSoon(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		fault gate.Fault
		want  []string
		waits []time.Duration
	}{
		"denied": {
			gate.Fault{Action: "DescribeSubnets", Kind: "denied", Times: 2}, []string{"subnets of the VPC", "allow the controller's role the action", "[AccessDenied]"},
			[]time.Duration{time.Minute, 2 * time.Minute, 0},
		},
		"not answered": {
			gate.Fault{Action: "DescribeSubnets", Kind: "unavailable", Times: 2}, []string{"subnets of the VPC", "[AWSUnavailable]"},
			[]time.Duration{time.Second, 2 * time.Second, 0},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, account.Profile{}, labClass(), labService("web"), labIngress("web", nil, "web"))
			tc.fault.ID = name
			_, err := l.sim.Gate.AddFault(tc.fault)
			l.must(err)
			var waits []time.Duration
			for range tc.waits {
				r, err := l.ingresses.Reconcile(t.Context(), implicit("web"))
				l.must(err)
				waits = append(waits, r.RequeueAfter)
			}
			if !slices.Equal(waits, tc.waits) {
				t.Errorf("looked at again after %v, want %v", waits, tc.waits)
			}
			if len(l.events) != 2 {
				t.Errorf("events %q", l.events)
			}
			for _, w := range tc.want {
				if !strings.Contains(l.events[0], w) {
					t.Errorf("%q is not in %s", w, l.events[0])
				}
			}
		})
	}
}
