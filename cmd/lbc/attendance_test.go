package main

import (
	"context"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
)

const ourLease = "Lease kube-system/aws-load-balancer-controller-leader"

// sceneNow is the time at which lbc wait looks in a waitScene.
func sceneNow() time.Time { return time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC) }

// leaseBy is the Lease of the leader that a holder has renewed a time ago.
func leaseBy(holder string, ago time.Duration) *coordinationv1.Lease {
	l := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system",
		Name: "aws-load-balancer-controller-leader"}}
	l.Spec.HolderIdentity, l.Spec.RenewTime = &holder, &metav1.MicroTime{Time: sceneNow().Add(-ago)}
	return l
}

// writtenBy is a LoadBalancer object in which the newest version of the Ingress is in effect, by what its writer has
// left.
func (s *waitScene) writtenBy(election string) *v1alpha1.LoadBalancer {
	version := reporting.Version(s.ingress)
	o := s.lb(version, version)
	o.Status.Controller = election
	return o
}

func TestWaitEndsWhereNoControllerLooksAfterTheObject(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		lease *coordinationv1.Lease // nil = it does not exist
		want  string
	}{
		"an uninstalled controller":    {leaseBy("", 10*time.Minute), "was last renewed 10 minutes ago"},
		"a controller that was killed": {leaseBy("pod_lbc-1", 3*time.Hour), "was last renewed 3 hours ago"},
		"the existing controller is back": {leaseBy("pod_1", time.Second),
			"held by pod_1, a controller that writes no LoadBalancer objects"},
		"a lease that was deleted": {nil, "does not exist"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newWaitScene(t)
			s.put(s.writtenBy(ourLease))
			if tt.lease != nil {
				s.put(tt.lease)
			}
			for _, on := range []struct {
				kind objects.Kind
				name string
			}{{objects.Ingress, "web"}, {loadBalancerKind, "ingress-web"}} {
				err := s.wait(on.kind, on.name, forCurrent, make(nothings, unattendedLooks).all()...)
				if err == nil || !strings.Contains(err.Error(), "no controller updates") || !strings.Contains(err.Error(),
					tt.want) || s.out.Len() > 0 {
					t.Errorf("%s: %v\n%s", on.kind, err, s.out.String())
				}
			}
		})
	}
}

// nothings are changes that change nothing.
type nothings []struct{}

func (n nothings) all() (out []func()) {
	for range n {
		out = append(out, func() {})
	}
	return out
}

func TestWaitGoesOnOnceALeaderHasTakenTheLease(t *testing.T) {
	t.Parallel()
	s := newWaitScene(t)
	s.put(s.writtenBy(ourLease))
	s.put(leaseBy("", time.Hour))
	err := s.wait(objects.Ingress, "web", forCurrent, func() {}, func() {}, func() { s.put(leaseBy("pod_lbc-2", 0)) })
	if err != nil || !strings.Contains(s.out.String(), "in effect") || !strings.Contains(s.errOut.String(),
		"no controller seems to look after it") {
		t.Errorf("%v\n%s\n%s", err, s.out.String(), s.errOut.String())
	}
}

func TestWaitBelievesAClockThatDiffersWhileTheLeaseIsRenewed(t *testing.T) {
	t.Parallel()
	s := newWaitScene(t)
	s.put(s.writtenBy(ourLease))
	var changes []func()
	for n := range 3 * unattendedLooks {
		changes = append(changes, func() { s.put(leaseBy("pod_lbc-1", 5*time.Minute-time.Duration(n)*time.Second)) })
	}
	s.put(leaseBy("pod_lbc-1", 6*time.Minute))
	if err := s.wait(objects.Ingress, "web", forCurrent, changes...); err == nil ||
		strings.Contains(err.Error(), "no controller updates") {
		t.Errorf("%v", err)
	}
}

func TestWaitWithoutRightToTheLeaseWaitsAsBefore(t *testing.T) {
	t.Parallel()
	s := newWaitScene(t)
	s.put(s.writtenBy(ourLease))
	s.put(leaseBy("", time.Hour))
	asked := 0
	under, ok := s.kube.(client.WithWatch)
	if !ok {
		t.Fatal("no client with watches")
	}
	s.kube = interceptor.NewClient(under, interceptor.Funcs{Get: func(ctx context.Context, c client.WithWatch,
		key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
		if _, is := o.(*coordinationv1.Lease); is {
			asked++
			return apierrors.NewForbidden(schema.GroupResource{Resource: "leases"}, key.Name, nil)
		}
		return c.Get(ctx, key, o, opts...)
	}})
	if err := s.wait(objects.Ingress, "web", forCurrent); err != nil || asked != 1 {
		t.Errorf("asked %d times: %v\n%s", asked, err, s.errOut.String())
	}
}

func TestWaitForDeletionTrustsTheExistingController(t *testing.T) {
	t.Parallel()
	s := newWaitScene(t)
	s.put(s.writtenBy(ourLease))
	a := attendance{kube: s.kube, config: usualConfig(t), now: sceneNow, written: ourLease}
	s.put(leaseBy("pod_1", 0))
	if why, _ := a.missing(t.Context(), true); why != "" {
		t.Errorf("an object that is being deleted: %s", why)
	}
	s.put(leaseBy("", time.Hour))
	if why, _ := a.missing(t.Context(), true); why == "" {
		t.Error("nobody removes the finalizer, and nothing says so")
	}
}
