package tenants

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
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// TestMemberGetsSuccessEventOnlyOnceSettingsAreInEffect has AWS, or an edit, refuse one thing after the other
// to a group of two.
func TestMemberGetsSuccessEventOnlyOnceSettingsAreInEffect(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		fault             gate.Fault
		api               map[string]string
		adopt             func(l *lab.Lab) // spoils what is there before the controller is started again
		warned, succeeded []string
	}{
		"AWS does not tell what there is": {
			fault: gate.Fault{Action: "DescribeLoadBalancers", Kind: "denied"}, warned: []string{"api", "web"},
		},
		"AWS does not tell the rules that there are": {
			fault: gate.Fault{Action: "DescribeRules", Kind: "denied"}, adopt: func(*lab.Lab) {}, warned: []string{"api", "web"},
		},
		"the load balancer is refused for what nobody set": {
			fault: gate.Fault{Action: "CreateLoadBalancer", Code: "ValidationError"}, warned: []string{"api", "web"},
		},
		"the load balancer is refused for what one of them set": {
			fault:  gate.Fault{Action: "CreateLoadBalancer", Code: "ValidationError", Message: "The subnet is not good"},
			warned: []string{"api"},
			api:    map[string]string{"subnets": "subnet-0a1de0000000000a1,subnet-0a1de0000000000b1"},
		},
		"the target group of one is refused, and the other is served": {
			fault: gate.Fault{Action: "CreateTargetGroup", Resource: "apisvc", Code: "ValidationError"}, warned: []string{"api"},
			succeeded: []string{"web"},
		},
		"what members share stands because of one": {
			adopt: func(l *lab.Lab) {
				i := &networkingv1.Ingress{}
				l.Get(i, "api")
				i.Spec.IngressClassName = ptr.To("gone") // what it declared before, and declares now, is unknown
				l.Must(l.Client.Update(l.Context(), i))
			}, warned: []string{"api"}, succeeded: []string{"web"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t, account.Profile{}, lab.Pair(tc.api)...)
			if tc.adopt != nil {
				l.Settle(lab.FrontKey)
				tc.adopt(l)
				l.Restart()
				l.Events = nil
			}
			if tc.fault.Action != "" {
				tc.fault.ID = "refused"
				_, err := l.Sim.Gate.AddFault(tc.fault)
				l.Must(err)
			}
			for range 3 {
				_, _ = l.Round(lab.FrontKey)
			}
			all := strings.Join(l.Events, "\n")
			if got := l.Whom("Failed"); !slices.Equal(got, tc.warned) {
				t.Errorf("warned: %v, want %v:\n%s", got, tc.warned, all)
			}
			if got := l.Whom("SuccessfullyReconciled"); !slices.Equal(got, tc.succeeded) {
				t.Errorf("told of success: %v, want %v:\n%s", got, tc.succeeded, all)
			}
		})
	}
}

// TestAMemberWhoseFinalizerIsRefusedStopsNoOther has a policy of the cluster refuse every edit of one Ingress of a
// group.
func TestAMemberWhoseFinalizerIsRefusedStopsNoOther(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Pair(nil)...)
	refuse := true
	l.Client = interceptor.NewClient(l.Client.(client.WithWatch), interceptor.Funcs{
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch,
			opts ...client.PatchOption) error {
			if refuse && o.GetName() == "api" {
				return apierrors.NewForbidden(schema.GroupResource{Resource: "ingresses"}, "api",
					errors.New("the policy requires an owner"))
			}
			return c.Patch(ctx, o, p, opts...)
		},
	})
	l.Restart()
	for range 3 {
		if _, err := l.Round(lab.FrontKey); !apierrors.IsForbidden(err) {
			t.Fatalf("a pass ends with %v and is not tried again", err)
		}
	}
	all := strings.Join(l.Events, "\n")
	if warned, succeeded := l.Whom("Failed"), l.Whom("SuccessfullyReconciled"); !slices.Equal(warned, []string{"api"}) ||
		!slices.Equal(succeeded, []string{"web"}) {
		t.Errorf("warned: %v, told of success: %v:\n%s", warned, succeeded, all)
	}
	if !strings.Contains(all, "Ingress shop/api FailedAddFinalizer: ") ||
		!strings.Contains(all, "the policy requires an owner") {
		t.Errorf("events:\n%s", all)
	}
	web, api := &networkingv1.Ingress{}, &networkingv1.Ingress{}
	if l.Get(web, "web"); len(web.Status.LoadBalancer.Ingress) != 1 {
		t.Error("the other member is not served")
	}
	if l.Get(api, "api"); len(api.Status.LoadBalancer.Ingress) > 0 ||
		slices.ContainsFunc(l.Left(), func(s string) bool { return strings.Contains(s, "apisvc") }) {
		t.Errorf("what nobody would clean up was made: %v", l.Left())
	}
	refuse = false
	l.Settle(lab.FrontKey)
	if l.Get(api, "api"); len(api.Status.LoadBalancer.Ingress) != 1 {
		t.Error("the member is not served though its finalizer is accepted now")
	}
}

// TestWhatWaitsForAWSIsNotHeldUpByWhatFails has an attribute refused on and on while targets warm up.
func TestWhatWaitsForAWSIsNotHeldUpByWhatFails(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("old"), lab.Service("new"),
		lab.Ingress("web", map[string]string{"load-balancer-attributes": "idle_timeout.timeout_seconds=75"}, "old"))
	l.Settle(lab.Key("web"))
	_, err := l.Sim.Gate.AddFault(gate.Fault{ID: "refused", Action: "ModifyLoadBalancerAttributes",
		Code: "ValidationError"})
	l.Must(err)
	web := &networkingv1.Ingress{}
	l.Get(web, "web")
	web.Annotations["alb.ingress.kubernetes.io/load-balancer-attributes"] = "idle_timeout.timeout_seconds=80"
	web.Spec.Rules[0].HTTP.Paths[0].Backend.Service.Name = "new"
	l.Must(l.Client.Update(l.Context(), web))
	var waits []time.Duration
	for range 3 {
		r, err := l.Ingresses.Reconcile(l.Context(), lab.Key("web"))
		if err != nil {
			t.Fatalf("the failure decides when targets are looked at again: %v", err)
		}
		waits = append(waits, r.RequeueAfter)
		l.Clock.Advance(r.RequeueAfter)
	}
	if want := []time.Duration{time.Second, 2 * time.Second, 4 * time.Second}; !slices.Equal(waits, want) {
		t.Errorf("passes are made after %v, want %v", waits, want)
	}
	if got := l.Whom("FailedDeployModel"); !slices.Equal(got, []string{"web"}) {
		t.Errorf("told of the failure: %v\n%s", got, strings.Join(l.Events, "\n"))
	}
}

// TestDeniedReadNamesPermissionAndFailedReadIsRepeated leaves facts of a stack unanswered.
func TestDeniedReadNamesPermissionAndFailedReadIsRepeated(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		fault gate.Fault
		want  []string
		waits []time.Duration
	}{
		"denied": {
			gate.Fault{Action: "DescribeSubnets", Kind: "denied", Times: 2}, []string{"subnets of the VPC",
				"allow the controller's role the action", "[AccessDenied]"},
			[]time.Duration{time.Minute, 2 * time.Minute, 0},
		},
		"not answered": {
			gate.Fault{Action: "DescribeSubnets", Kind: "unavailable", Times: 2}, []string{"subnets of the VPC",
				"[AWSUnavailable]"},
			[]time.Duration{time.Second, 2 * time.Second, 0},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress("web", nil, "web"))
			tc.fault.ID = name
			_, err := l.Sim.Gate.AddFault(tc.fault)
			l.Must(err)
			var waits []time.Duration
			for range tc.waits {
				r, err := l.Ingresses.Reconcile(t.Context(), lab.Key("web"))
				l.Must(err)
				waits = append(waits, r.RequeueAfter)
			}
			if !slices.Equal(waits, tc.waits) {
				t.Errorf("looked at again after %v, want %v", waits, tc.waits)
			}
			if len(l.Events) != 2 {
				t.Errorf("events %q", l.Events)
			}
			for _, w := range tc.want {
				if !strings.Contains(l.Events[0], w) {
					t.Errorf("%q is not in %s", w, l.Events[0])
				}
			}
		})
	}
}
