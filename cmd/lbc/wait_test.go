package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// waitScene is a cluster with Ingress shop/web, and what lbc wait says in it.
type waitScene struct {
	*testing.T
	kube    client.Client
	ingress *networkingv1.Ingress
	out     bytes.Buffer
	errOut  bytes.Buffer
}

func newWaitScene(t *testing.T, objs ...client.Object) *waitScene {
	t.Helper()
	scheme, err := readable.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	class := "alb"
	s := &waitScene{T: t, ingress: &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web",
		UID: "1", Generation: 3}, Spec: networkingv1.IngressSpec{IngressClassName: &class}}}
	s.kube = fake.NewClientBuilder().WithScheme(scheme).WithObjects(append(objs, s.ingress, chartClass(),
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}})...).Build()
	return s
}

// lb is a LoadBalancer object of the Ingress, of which a version was read and a version is in effect.
func (s *waitScene) lb(observed, effective string) *v1alpha1.LoadBalancer {
	o := &v1alpha1.LoadBalancer{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "ingress-web"}}
	o.Status = v1alpha1.LoadBalancerStatus{Owner: "Ingress", Stack: "shop/web", Name: "k8s-shop-web",
		DNSName: "web.example", Members: []v1alpha1.Member{{
			ObjectReference: referenceTo(objects.Ingress, s.ingress), Accepted: true, ObservedVersion: observed,
			EffectiveVersion: effective,
		}}, Conditions: []metav1.Condition{{Type: "Ready", Status: "True"}, {Type: "Serving", Status: "True",
			Reason: "Active"}, {Type: "Reconciling", Status: "False"}}}
	return o
}

// usualConfig is that of a controller without further flags.
func usualConfig(t *testing.T) *config.Config {
	t.Helper()
	c, err := config.Parse([]string{"--cluster-name=demo-cluster", "--aws-vpc-id=vpc-0a1de000000000001",
		"--aws-region=us-west-2"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// put creates an object, or writes what it is now.
func (s *waitScene) put(o client.Object) {
	s.Helper()
	have, _ := o.DeepCopyObject().(client.Object)
	if s.kube.Get(s.Context(), client.ObjectKeyFromObject(o), have) == nil {
		o.SetResourceVersion(have.GetResourceVersion())
		if err := s.kube.Update(s.Context(), o); err != nil {
			s.Fatal(err)
		}
		return
	}
	if err := s.kube.Create(s.Context(), o); err != nil {
		s.Fatal(err)
	}
}

// wait runs the command. Between its looks the changes happen, one after the other; after the last one the timeout is
// over.
func (s *waitScene) wait(kind objects.Kind, name, goal string, changes ...func()) error {
	s.Helper()
	ctx, cancel := context.WithCancel(s.Context())
	defer cancel()
	w := newWaiter(s.kube, usualConfig(s.T), kind, client.ObjectKey{Namespace: "shop", Name: name}, waitOptions{
		goal: goal, timeout: time.Hour})
	w.attended.now = sceneNow
	left := 0 // pauses after the last change
	if kind == loadBalancerKind {
		left = 2 * steadyLooks
	}
	err := w.wait(ctx, &s.out, &s.errOut, func(context.Context, time.Duration) {
		if len(changes) == 0 {
			if left--; left < 0 {
				cancel()
			}
			return
		}
		changes[0]()
		changes = changes[1:]
	})
	return err
}

func TestWaitEndsWhenTheNewestVersionIsInEffect(t *testing.T) {
	t.Parallel()
	s := newWaitScene(t)
	now := reporting.Version(s.ingress)
	busy := s.lb(now, "old")
	busy.Status.Conditions[2] = metav1.Condition{Type: "Reconciling", Status: "True",
		Message: "the newest edit is not in effect yet"}
	starting := s.lb(now, now)
	starting.Status.Conditions[1] = metav1.Condition{Type: "Serving", Status: "False", Reason: "Provisioning"}
	err := s.wait(objects.Ingress, "web", forCurrent,
		func() { s.put(s.lb("old", "old")) }, func() { s.put(busy) }, func() { s.put(starting) },
		func() { s.put(s.lb(now, now)) })
	if err != nil || !strings.Contains(s.out.String(), "in effect on k8s-shop-web, web.example") {
		t.Errorf("%v: %s", err, s.out.String())
	}
	for _, want := range []string{"has not read it yet", "has not read the newest version",
		"the newest edit is not in effect yet", "provisioning"} {
		if strings.Count(s.errOut.String(), want) != 1 {
			t.Errorf("%q is not said once:\n%s", want, s.errOut.String())
		}
	}
}

// TestWaitForALoadBalancerOutlastsAnOldReady has the condition change a second after the edit of a Service.
func TestWaitForALoadBalancerOutlastsAnOldReady(t *testing.T) {
	t.Parallel()
	s := newWaitScene(t)
	now := reporting.Version(s.ingress)
	s.put(s.lb(now, now))
	busy := s.lb(now, now)
	busy.Status.Conditions[0] = metav1.Condition{Type: "Ready", Status: "False", Reason: "Reconciling",
		Message: "the edit is not in effect yet"}
	nothing := func() {}
	if err := s.wait(loadBalancerKind, "ingress-web", forCurrent, nothing, nothing,
		func() { s.put(busy) }); !errors.Is(err, context.Canceled) || s.out.Len() > 0 {
		t.Errorf("%v: %s", err, s.out.String())
	}
	s.put(s.lb(now, now))
	if err := s.wait(loadBalancerKind, "ingress-web", forCurrent); err != nil ||
		!strings.Contains(s.errOut.String(), "the edit is not in effect yet") {
		t.Errorf("%v: %s", err, s.errOut.String())
	}
}

func TestWaitSeesAnnotationEditBehindReady(t *testing.T) {
	t.Parallel()
	s := newWaitScene(t)
	now := reporting.Version(s.ingress)
	s.put(s.lb(now, now))
	s.ingress.Annotations = map[string]string{"alb.ingress.kubernetes.io/scheme": "internal"}
	s.put(s.ingress)
	if err := s.wait(objects.Ingress, "web", forCurrent); !errors.Is(err, context.Canceled) || s.out.Len() > 0 {
		t.Errorf("%v: %s", err, s.out.String())
	}
	if err := s.wait(loadBalancerKind, "ingress-web", forCurrent); !errors.Is(err, context.Canceled) || s.out.Len() > 0 {
		t.Errorf("%v: %s", err, s.out.String())
	}
}

func TestWaitEndsWithTheRefusalOfAnEdit(t *testing.T) {
	t.Parallel()
	for class, ends := range map[diag.Class]bool{
		diag.Invalid: true, diag.Conflict: true, diag.NotFound: true, diag.Denied: true, diag.Quota: true,
		diag.Throttled: false, diag.Transient: false,
	} {
		s := newWaitScene(t)
		lb := s.lb(reporting.Version(s.ingress), "old")
		lb.Status.Findings = []v1alpha1.Finding{{Object: lb.Status.Members[0].ObjectReference, Code: "X",
			Class: string(class), Message: "it is wrong; mend it"}}
		s.put(lb)
		err := s.wait(objects.Ingress, "web", forCurrent)
		if ends != errors.Is(err, exitInvalid) || !strings.Contains(s.errOut.String(), "mend it") {
			t.Errorf("%s: %v, %s", class, err, s.errOut.String())
		}
		lb.Status.Members = nil // it never was a member
		s.put(lb)
		if err := s.wait(objects.Ingress, "web", forCurrent); ends != errors.Is(err, exitInvalid) {
			t.Errorf("%s, set aside: %v", class, err)
		}
	}
}

// TestWaitEndsForMembersThatAStatusHasNoRoomFor has a status that does not list Ingress shop/web.
// TestWaitSeesTheRefusalOfWhatAnObjectRefersTo has an edit of class parameters that AWS refuses: the version of the
// Ingress in effect stays its newest one.
func TestWaitSeesTheRefusalOfWhatAnObjectRefersTo(t *testing.T) {
	t.Parallel()
	s := newWaitScene(t)
	now := reporting.Version(s.ingress)
	lb := s.lb(now, now)
	lb.Status.Members[0].Accepted = false
	lb.Status.Findings = []v1alpha1.Finding{{Object: lb.Status.Members[0].ObjectReference, Code: "AccessDenied",
		Class: string(diag.Denied), Message: "AWS denies it"}}
	s.put(lb)
	if err := s.wait(objects.Ingress, "web", forCurrent); !errors.Is(err, exitInvalid) {
		t.Errorf("%v: %s", err, s.out.String())
	}
	if err := s.wait(loadBalancerKind, "ingress-web", forCurrent); !errors.Is(err, exitInvalid) {
		t.Errorf("load balancer: %v: %s", err, s.out.String())
	}
	working := s.lb(now, now)
	working.Status.Conditions[0] = metav1.Condition{Type: "Ready", Status: "False", Reason: "Reconciling",
		Message: "changes are being applied in AWS"}
	s.put(working)
	if err := s.wait(loadBalancerKind, "ingress-web", forCurrent); !errors.Is(err, context.Canceled) || s.out.Len() > 0 {
		t.Errorf("while the controller writes: %v: %s", err, s.out.String())
	}
}

func TestWaitEndsForMembersThatAStatusHasNoRoomFor(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		omitted         func(now string) v1alpha1.OmittedMembers
		member, group   error // nil = it is in effect
		says, groupSays string
	}{
		"in effect": {omitted: func(now string) v1alpha1.OmittedMembers {
			return v1alpha1.OmittedMembers{Count: 1, InEffect: 1, Versions: []string{now}}
		}, says: "in effect on k8s-shop-web", groupSays: "of 1 objects that its status does not list"},
		"an edit is not in effect": {omitted: func(string) v1alpha1.OmittedMembers {
			return v1alpha1.OmittedMembers{Count: 2, InEffect: 1, Versions: []string{"other"}}
		}, member: context.Canceled, says: "does not list 2 objects", group: context.Canceled,
			groupSays: "1 objects for which its status has no room"},
		"too many": {omitted: func(string) v1alpha1.OmittedMembers {
			return v1alpha1.OmittedMembers{Count: 9, InEffect: 9, Versions: []string{"other"}}
		}, member: errUnlisted, says: "does not show whether Ingress shop/web is in effect",
			groupSays: "of 9 objects that its status does not list"},
	} {
		for _, kind := range []objects.Kind{objects.Ingress, loadBalancerKind} {
			s := newWaitScene(t, &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "api", UID: "2",
				Generation: 1}})
			now := reporting.Version(s.ingress)
			lb := s.lb(now, now)
			by := c.omitted(reporting.OmittedVersion(lb.Status.Members[0].ObjectReference, now))
			lb.Status.Omitted = &by
			api := &networkingv1.Ingress{}
			if err := s.kube.Get(t.Context(), client.ObjectKey{Namespace: "shop", Name: "api"}, api); err != nil {
				t.Fatal(err)
			}
			m := &lb.Status.Members[0]
			m.Name, m.ObservedVersion, m.EffectiveVersion = "api", reporting.Version(api), reporting.Version(api)
			s.put(lb)
			want, says := c.member, c.says
			what := "web"
			if kind == loadBalancerKind {
				what, want, says = "ingress-web", c.group, c.groupSays
			}
			err := s.wait(kind, what, forCurrent)
			ok := errors.Is(err, want) || errors.Is(want, errUnlisted) && err != nil && !errors.Is(err, context.Canceled)
			if text := s.out.String() + s.errOut.String() + fmt.Sprint(err); !ok || !strings.Contains(text, says) {
				t.Errorf("%s, %s: %v\n%s", name, kind, err, text)
			}
		}
	}
}

// errUnlisted stands for an error other than that of a wait that goes on.
var errUnlisted = errors.New("unlisted")

// TestWaitOutlastsAnAPIServerThatRestarts has each read fail in turn, as while the API server is upgraded. A right that
// is missing ends the wait.
func TestWaitOutlastsAnAPIServerThatRestarts(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		kind objects.Kind
		name string
	}{{objects.Ingress, "web"}, {loadBalancerKind, "ingress-web"}} {
		for n := 1; ; n++ {
			s := newWaitScene(t)
			now := reporting.Version(s.ingress)
			s.put(s.lb(now, now))
			reads, broken := 0, error(apierrors.NewServiceUnavailable("restarts"))
			s.kube = failing(t, s.kube, func() error {
				if reads++; reads == n {
					return broken
				}
				return nil
			})
			if err := s.wait(tt.kind, tt.name, forCurrent, func() {}); err != nil || s.out.Len() == 0 {
				t.Errorf("%s, read %d: %v\n%s", tt.kind, n, err, &s.errOut)
			}
			if reads < n {
				break
			}
			reads, broken = 0, apierrors.NewForbidden(schema.GroupResource{Resource: "x"}, "x", nil)
			s.out.Reset()
			if err := s.wait(tt.kind, tt.name, forCurrent); n == 1 && (err == nil || errors.Is(err, context.Canceled)) {
				t.Errorf("%s, without the right to read it: %v", tt.kind, err)
			}
		}
	}
}

// failing is a client whose reads may fail. Leases are read as before: without them nobody knows who leads.
func failing(t *testing.T, k client.Client, fail func() error) client.Client {
	t.Helper()
	under, ok := k.(client.WithWatch)
	if !ok {
		t.Fatal("no client with watches")
	}
	return interceptor.NewClient(under, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object,
			opts ...client.GetOption) error {
			if _, lease := o.(*coordinationv1.Lease); !lease {
				if err := fail(); err != nil {
					return err
				}
			}
			return c.Get(ctx, key, o, opts...)
		},
		List: func(ctx context.Context, c client.WithWatch, l client.ObjectList, opts ...client.ListOption) error {
			if err := fail(); err != nil {
				return err
			}
			return c.List(ctx, l, opts...)
		},
	})
}

func TestWaitIgnoresFindingsOfOtherMembers(t *testing.T) {
	t.Parallel()
	s := newWaitScene(t)
	now := reporting.Version(s.ingress)
	lb := s.lb(now, now)
	lb.Status.Conditions[0].Status = metav1.ConditionFalse
	lb.Status.Findings = []v1alpha1.Finding{
		{Object: v1alpha1.ObjectReference{Kind: "Ingress", Namespace: "blog", Name: "web"}, Class: string(diag.Invalid),
			Message: "wrong"}}
	s.put(lb)
	if err := s.wait(objects.Ingress, "web", forCurrent); err != nil {
		t.Error(err)
	}
}

func TestWaitEndsForWhatIsNotManaged(t *testing.T) {
	t.Parallel()
	other := "nginx"
	s := newWaitScene(t, &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "foreign"},
		Spec: networkingv1.IngressSpec{IngressClassName: &other}},
		&networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: other}, Spec: networkingv1.IngressClassSpec{
			Controller: "example.com/nginx"}},
		&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "inner"}},
		&gatewayv1.HTTPRoute{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "nowhere"}})
	for _, c := range []struct {
		kind objects.Kind
		name string
		want string
	}{
		{objects.Ingress, "foreign", "is not managed"}, {objects.Service, "inner", "is not managed"},
		{objects.HTTPRoute, "nowhere", "is not managed"},
		{objects.Ingress, "gone", "does not exist"}, {loadBalancerKind, "gone", "does not exist"},
		{objects.TargetGroupBinding, "gone", "does not exist"},
	} {
		if err := s.wait(c.kind, c.name, forCurrent); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: %v, want %q", c.kind, c.name, err, c.want)
		}
	}
}

func TestWaitForTheEndOfAnObject(t *testing.T) {
	t.Parallel()
	s := newWaitScene(t)
	if err := s.wait(objects.Ingress, "none", forDeleted); err != nil {
		t.Error(err)
	}
	if err := s.wait(objects.Ingress, "web", forDeleted); err == nil || !strings.Contains(err.Error(),
		"is not being deleted") {
		t.Error(err)
	}
	s.ingress.Finalizers = []string{"ingress.k8s.aws/resources"}
	s.put(s.ingress)
	if err := s.kube.Delete(t.Context(), s.ingress); err != nil {
		t.Fatal(err)
	}
	if err := s.wait(objects.Ingress, "web", forCurrent); err == nil || !strings.Contains(err.Error(),
		"is being deleted") {
		t.Error(err)
	}
	err := s.wait(objects.Ingress, "web", forDeleted, func() {
		if err := s.kube.Get(t.Context(), client.ObjectKeyFromObject(s.ingress), s.ingress); err != nil {
			t.Fatal(err)
		}
		s.ingress.Finalizers = nil
		s.put(s.ingress)
	})
	if err != nil || !strings.Contains(s.out.String(), "Ingress shop/web is gone") || !strings.Contains(s.errOut.String(),
		"ingress.k8s.aws/resources") {
		t.Errorf("%v: %s%s", err, s.out.String(), s.errOut.String())
	}
}

// TestWaitForTheEndTellsTheCauseOnTheObject has a namespace that is being deleted: it has no LoadBalancer object.
func TestWaitForTheEndTellsTheCauseOnTheObject(t *testing.T) {
	t.Parallel()
	for cause, want := range map[string]error{
		"AWS denies elasticloadbalancing:DeleteListener [AccessDenied]": exitInvalid,
		"AWS throttles the controller [RateExceeded]":                   context.Canceled,
	} {
		s := newWaitScene(t)
		s.ingress.Finalizers = []string{"ingress.k8s.aws/resources"}
		s.ingress.Annotations = map[string]string{naming.DeletionCause: cause}
		s.put(s.ingress)
		if err := s.kube.Delete(t.Context(), s.ingress); err != nil {
			t.Fatal(err)
		}
		if err := s.wait(objects.Ingress, "web", forDeleted); !errors.Is(err, want) || !strings.Contains(s.errOut.String(),
			cause) {
			t.Errorf("%s: %v: %s", cause, err, s.errOut.String())
		}
	}
}

func TestWaitForBindingsAndAccelerators(t *testing.T) {
	t.Parallel()
	one, two := int64(1), int64(2)
	ready := func(generation int64, state metav1.ConditionStatus, reason string) []metav1.Condition {
		return []metav1.Condition{{Type: "Ready", Status: state, Reason: reason, Message: "told",
			ObservedGeneration: generation}}
	}
	binding := func(all []metav1.Condition, observed *int64) *v1beta1.TargetGroupBinding {
		b := &v1beta1.TargetGroupBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "b", Generation: 2}}
		b.Status.Conditions, b.Status.ObservedGeneration = all, observed
		return b
	}
	accelerator := func(all []metav1.Condition, observed *int64) *agav1beta1.GlobalAccelerator {
		g := &agav1beta1.GlobalAccelerator{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "b", Generation: 2}}
		g.Status.Conditions, g.Status.ObservedGeneration = all, observed
		return g
	}
	for name, c := range map[string]struct {
		object client.Object
		kind   objects.Kind
		want   error
	}{
		"bound":           {binding(ready(2, "True", "Reconciled"), &two), objects.TargetGroupBinding, nil},
		"bound as before": {binding(ready(1, "True", "Reconciled"), &one), objects.TargetGroupBinding, context.Canceled},
		"refused": {binding(ready(2, "False", string(diag.TargetGroupNotFound)), &one), objects.TargetGroupBinding,
			exitInvalid},
		"throttled": {binding(ready(2, "False", string(diag.RateExceeded)), &one), objects.TargetGroupBinding,
			context.Canceled},
		"deployed": {accelerator(ready(1, "True", "AcceleratorReady"), &two), objects.GlobalAccelerator, nil},
		"deployed as before": {accelerator(ready(1, "True", "AcceleratorReady"), &one), objects.GlobalAccelerator,
			context.Canceled},
		"in progress": {accelerator(ready(2, "Unknown", "AcceleratorProvisioning"), &two), objects.GlobalAccelerator,
			context.Canceled},
		"endpoint missing": {accelerator(append(ready(2, "True", "AcceleratorReady"), metav1.Condition{
			Type: "EndpointsLoaded", Status: "False", Reason: "EndpointsNotLoaded", Message: "told"}), &two),
			objects.GlobalAccelerator, context.Canceled},
		"not read": {accelerator(nil, nil), objects.GlobalAccelerator, context.Canceled},
	} {
		s := newWaitScene(t, c.object)
		if err := s.wait(c.kind, "b", forCurrent); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestWaitForRoutesOfGateways(t *testing.T) {
	t.Parallel()
	class := &gatewayv1.GatewayClass{ObjectMeta: metav1.ObjectMeta{Name: "ours"}, Spec: gatewayv1.GatewayClassSpec{
		ControllerName: "gateway.k8s.aws/alb"}}
	gateway := &gatewayv1.Gateway{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "front", UID: "2"},
		Spec: gatewayv1.GatewaySpec{GatewayClassName: "ours"}}
	route := &gatewayv1.HTTPRoute{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "cart", UID: "3", Generation: 2}}
	route.Spec.ParentRefs = []gatewayv1.ParentReference{{Name: "front"}}
	s := newWaitScene(t, class, gateway, route)
	said := func(generation int64, accepted metav1.ConditionStatus) {
		route.Status.Parents = []gatewayv1.RouteParentStatus{
			{ControllerName: "gateway.k8s.aws/alb", Conditions: []metav1.Condition{
				{Type: "Accepted", Status: accepted, Reason: "NoMatchingParent", Message: "no listener",
					ObservedGeneration: generation},
			}}}
		s.put(route)
	}
	lb := s.lb("", "")
	lb.Name, lb.Status.Owner, lb.Status.Stack = "gateway-alb-front", "Gateway", "shop/front"
	lb.Status.Members[0] = v1alpha1.Member{ObjectReference: referenceTo(objects.Gateway, gateway), Accepted: true,
		ObservedVersion: "x", EffectiveVersion: "x"}
	part := v1alpha1.Member{ObjectReference: referenceTo(objects.HTTPRoute, route), ObservedVersion: reporting.Version(
		route), EffectiveVersion: "old"}
	effective := func() {
		part.EffectiveVersion, part.Accepted = reporting.Version(route), true
		lb.Status.Parts = []v1alpha1.Member{part}
		s.put(lb)
	}
	lb.Status.Parts = []v1alpha1.Member{part}
	s.put(lb)
	said(1, "True")
	if err := s.wait(objects.HTTPRoute, "cart", forCurrent, func() { said(2, "True") }, effective); err != nil {
		t.Errorf("%v: %s", err, s.errOut.String())
	}
	for _, want := range []string{"has not read generation 2", "not in effect yet"} {
		if !strings.Contains(s.errOut.String(), want) {
			t.Errorf("%q is not said:\n%s", want, s.errOut.String())
		}
	}
	said(2, "False")
	if err := s.wait(objects.HTTPRoute, "cart", forCurrent); !errors.Is(err, exitInvalid) ||
		!strings.Contains(s.errOut.String(), "no listener") {
		t.Errorf("%v: %s", err, s.errOut.String())
	}
}

func TestWaitEndsWithItsTimeout(t *testing.T) {
	t.Parallel()
	s := newWaitScene(t)
	w := newWaiter(s.kube, usualConfig(t), objects.Ingress, client.ObjectKeyFromObject(s.ingress), waitOptions{
		goal: forCurrent, timeout: time.Millisecond})
	err := w.wait(t.Context(), &s.out, &s.errOut, func(ctx context.Context, _ time.Duration) { <-ctx.Done() })
	if !errors.Is(err, exitTimeout) || !strings.Contains(s.errOut.String(), "lbc doctor") {
		t.Errorf("%v: %s", err, s.errOut.String())
	}
}

func TestWaitRefusesArgumentsThatNameNothing(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"pod/web": "does not support the kind", "ingress": "is not the name of an object",
		"ingress/": "is not the name of an object", "ingress/web --for ready": "write current or deleted",
		"ingress/web --timeout 0s": "more than 0",
	} {
		if _, _, err := lbc(t, "", append([]string{"wait"}, strings.Fields(args)...)...); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("lbc wait %s: %v, want %q", args, err, want)
		}
	}
}

func TestExplainSaysThatAnEditIsNotInEffect(t *testing.T) {
	t.Parallel()
	s := newWaitScene(t)
	now := reporting.Version(s.ingress)
	o := &explainOptions{}
	o.config = *usualConfig(t)
	say := func() string {
		var errOut bytes.Buffer
		o.sayVersion(t.Context(), &source{kube: s.kube}, objects.Ingress, s.ingress, &errOut)
		return errOut.String()
	}
	for _, c := range []struct {
		effective, want string
	}{{now, ""}, {"old", "the newest version of Ingress shop/web is not in effect"}} {
		s.put(s.lb(now, c.effective))
		if got := say(); c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("in effect is %s: %q, want %q", c.effective, got, c.want)
		}
	}
}
