package stacks

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/go-logr/logr"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

func TestTheBackendGroupIsNeededWhileAnythingMayReferToIt(t *testing.T) {
	t.Parallel()
	scheme, err := readable.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	ingress := func(finalizers ...string) client.Object {
		return &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", Finalizers: finalizers}}
	}
	binding := func(group string) client.Object {
		return &v1beta1.TargetGroupBinding{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: "shop", Name: "web", Finalizers: []string{"elbv2.k8s.aws/resources"}, DeletionTimestamp: &metav1.Time{
					Time: time.Unix(1, 0)},
			},
			Spec: v1beta1.TargetGroupBindingSpec{Networking: &v1beta1.TargetGroupBindingNetworking{
				Ingress: []v1beta1.NetworkingIngressRule{
					{From: []v1beta1.NetworkingPeer{{SecurityGroup: &v1beta1.SecurityGroup{GroupID: group}}}},
				}}},
		}
	}
	for _, c := range []struct {
		name   string
		object client.Object
		want   bool
	}{
		{"an Ingress of ours", ingress("ingress.k8s.aws/resources"), true},
		{"a member of a group", ingress("group.ingress.k8s.aws/web"), true},
		{"an Ingress of somebody else", ingress("example.com/other"), false},
		{"a binding whose rules are about to go", binding("sg-shared"), true},
		{"a binding that lets another group in", binding("sg-other"), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			inv := inventory.New(awsclient.Clients{}, inventory.Config{Cluster: "demo"})
			inv.Record(stack.Key{Owner: stack.Ingress}, awsop.CreateSecurityGroup{Group: stack.SecurityGroup{Shared: true}},
				awsop.Output{ID: "sg-shared"}, func(stack.Ref) string { return "" })
			b := &BackendGroup{client: withReferences(fake.NewClientBuilder().WithScheme(scheme).WithObjects(c.object)).Build(),
				inventory: inv}
			if got, err := b.Needed(t.Context()); err != nil || got != c.want {
				t.Errorf("needed: %v, %v", got, err)
			}
		})
	}
}

func TestTheBackendGroupIsLookedAtForAsLongAsACacheMayBeLate(t *testing.T) {
	t.Parallel()
	holder := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", Finalizers: []string{
		"ingress.k8s.aws/resources"}}}
	scheme, err := readable.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	cache := withReferences(fake.NewClientBuilder().WithScheme(scheme).WithObjects(holder)).Build()
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		var looks []time.Duration
		counted := interceptor.NewClient(cache, interceptor.Funcs{List: func(ctx context.Context, c client.WithWatch,
			list client.ObjectList, opts ...client.ListOption) error {
			if _, ok := list.(*networkingv1.IngressList); ok {
				looks = append(looks, time.Since(begun))
			}
			return c.List(ctx, list, opts...)
		}, Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object,
			opts ...client.GetOption) error {
			looks = append(looks, time.Since(begun)) // at the object that the look before has found
			return c.Get(ctx, key, o, opts...)
		}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := NewBackendGroup(counted, nil, nil, "demo", logr.Discard()).Start(ctx); err != nil {
			t.Fatal(err)
		}
		if n := len(looks); n != BackendLooks || looks[1] > time.Second || looks[n-1] < time.Minute {
			t.Errorf("looks after %v", looks)
		}
	})
}

// TestRepeatedRefusalToDeleteBackendGroupIsFailure has attempts that fail. The first ones are as
// expected: network interfaces of deleted load balancers still refer to the group.
func TestRepeatedRefusalToDeleteBackendGroupIsFailure(t *testing.T) {
	t.Parallel()
	failing := interceptor.NewClient(fake.NewClientBuilder().Build(), interceptor.Funcs{
		List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error {
			return errors.New("no answer")
		}})
	inv := inventory.New(awsclient.Clients{}, inventory.Config{Cluster: "demo"})
	inv.Record(stack.Key{Owner: stack.Ingress}, awsop.CreateSecurityGroup{Group: stack.SecurityGroup{Shared: true}},
		awsop.Output{ID: "sg-shared"}, func(stack.Ref) string { return "" })
	b := NewBackendGroup(failing, inv, nil, "demo", logr.Discard())
	failed := map[stack.Owner]int{}
	b.Failed = func(o stack.Owner) { failed[o]++ }
	b.Released(stack.GatewayALB)
	b.Released(stack.Service)
	for n := range logAfter + 1 {
		if b.Look(t.Context()) == 0 {
			t.Fatal("no further attempt is due")
		}
		if want := max(0, n+2-logAfter); failed[stack.Service] != want || len(failed) > 1 {
			t.Errorf("failures %v after %d attempts, want %d of Services, whose load balancer was the last to go",
				failed, n+1, want)
		}
	}
}

func TestBackendGroupGetsDefaultTagsAndKeepsForeignOnes(t *testing.T) {
	t.Parallel()
	scheme, err := readable.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	holder := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", Finalizers: []string{
		"ingress.k8s.aws/resources"}}}
	inv := inventory.New(awsclient.Clients{}, inventory.Config{Cluster: "demo", VPC: "vpc-1"})
	tags := naming.BackendTracking("demo")
	tags["team"], tags["theirs"], tags["cost"] = "old", "x", "by-others"
	record := func(op plan.Operation, id string) {
		inv.Record(backendKey, op, awsop.Output{ID: id}, func(r stack.Ref) string { return r.Literal })
	}
	record(awsop.CreateSecurityGroup{VPC: "vpc-1", Group: stack.SecurityGroup{ID: stack.BackendSecurityGroup, Shared: true,
		Tags: tags}}, "sg-shared")
	var sent []map[string]string
	run := func(_ context.Context, p plan.Plan) (r apply.Result) {
		r.Outcomes = map[plan.StepID]apply.Outcome{}
		for _, s := range p.Steps {
			op, ok := s.Op.(awsop.CreateTags)
			if !ok {
				t.Errorf("%s is sent", s.ID)
			}
			sent = append(sent, op.Tags)
			record(op, "")
			r.Outcomes[s.ID] = apply.Outcome{State: apply.Done}
		}
		return r
	}
	b := NewBackendGroup(withReferences(fake.NewClientBuilder().WithScheme(scheme).WithObjects(holder)).Build(), inv, run,
		"demo", logr.Discard())
	b.DefaultTags, b.ExternalTags = map[string]string{"team": "new", "cost": "1", "env": "prod"}, []string{"cost"}
	b.Check()
	for range 3 {
		b.Look(t.Context())
	}
	if want := []map[string]string{{"team": "new", "env": "prod"}}; !reflect.DeepEqual(sent, want) {
		t.Errorf("tags %v are set, want %v", sent, want)
	}
}

func TestTheBackendGroupIsNotDeletedWhileAStackUsesIt(t *testing.T) {
	t.Parallel()
	// which would panic on a call
	b := &BackendGroup{inventory: inventory.New(awsclient.Clients{}, inventory.Config{Cluster: "demo"})}
	web, api := stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "web"}}, stack.Key{Owner: stack.Ingress, ID: stack.ID{
		Name: "api"}}
	b.Use(web)
	b.Use(api)
	b.Forget(web)
	if !b.removeUnused(t.Context()) {
		t.Error("another attempt is due, although a stack uses the group")
	}
}
