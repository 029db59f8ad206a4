package stacks

import (
	"github.com/go-logr/logr"
	clientfake "k8s.io/client-go/kubernetes/fake"

	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/controller/secret"

	"context"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// served is an Ingress web with its backend. It is younger than the process, which therefore need not look for
// leftovers of others.
func served(pairs ...string) []client.Object {
	annotations := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		annotations["alb.ingress.kubernetes.io/"+pairs[i]] = pairs[i+1]
	}
	web := annotated("web", annotations)
	web.Spec.Rules[0].HTTP = &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{
		{PathType: ptr.To(networkingv1.PathTypePrefix), Path: "/", Backend: *web.Spec.DefaultBackend}}}
	web.CreationTimestamp = metav1.NewTime(time.Now().Add(time.Hour))
	backend := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "none"}, Spec: corev1.ServiceSpec{
		Type: corev1.ServiceTypeNodePort, Ports: []corev1.ServicePort{{Port: 80, NodePort: 30080}},
	}}
	return []client.Object{web, backend}
}

// forbidden are what an API server does not allow while on is set.
type forbidden struct {
	on            bool
	patch, status bool
	removal       bool // of finalizers only
	attempts      int
}

func (r *forbidden) forbid(what string) error {
	r.attempts++
	return apierrors.NewForbidden(schema.GroupResource{Resource: what}, "web", context.Canceled)
}

// wrap puts the forbidden between a pass and the cluster.
func (r *forbidden) wrap(c client.Client) client.Client {
	return interceptor.NewClient(c.(client.WithWatch), interceptor.Funcs{
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch,
			opts ...client.PatchOption) error {
			_, ingress := o.(*networkingv1.Ingress)
			leaves := ingress && len(o.GetFinalizers()) == 0
			if r.on && ingress && (r.patch && !leaves || r.removal && leaves) {
				return r.forbid("ingresses")
			}
			return c.Patch(ctx, o, p, opts...)
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch,
			opts ...client.SubResourcePatchOption) error {
			if r.on && r.status {
				return r.forbid("ingresses/status")
			}
			return c.SubResource(sub).Patch(ctx, o, p, opts...)
		},
	})
}

// TestRefusalOfAPIServerIsReportedOnceOnObject has the API server forbid one write after the other.
// The recovery is reported once, too.
func TestRefusalOfAPIServerIsReportedOnceOnObject(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		refuse  forbidden
		deleted bool
		want    string // the Warning
	}{
		{"our finalizer", forbidden{patch: true}, false, "Warning FailedAddFinalizer web: "},
		{"the status", forbidden{status: true}, false, "Warning FailedUpdateStatus web: "},
		{"taking our finalizer off", forbidden{removal: true}, true, "Warning FailedRemoveFinalizer web: "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			code := map[string]string{
				"our finalizer": "[FinalizerNotAdded]", "the status": "[StatusNotWritten]",
				"taking our finalizer off": "[FinalizerNotRemoved]",
			}[tc.name]
			s, events := newTestReconciler(t, served()...)
			direct := s.Client
			s.Client = tc.refuse.wrap(direct)
			key := stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: "web"}}
			wait := time.Duration(0)
			pass := func() error {
				res, err := s.Reconcile(t.Context(), key)
				wait = res.RequeueAfter
				return err
			}
			if tc.deleted {
				if err := pass(); err != nil {
					t.Fatal(err)
				}
				if err := direct.Delete(t.Context(), stored(t, direct, "web")); err != nil {
					t.Fatal(err)
				}
				*events = nil
			}
			tc.refuse.on = true
			for range 3 {
				if err := pass(); !apierrors.IsForbidden(err) && wait == 0 { // AWS may still be making the load balancer
					t.Fatalf("a pass that the API server refuses ends with %v", err)
				}
			}
			all := strings.Join(*events, "\n")
			if len(*events) != 1 || !strings.HasPrefix(all, tc.want) || !strings.HasSuffix(all, code) ||
				!strings.Contains(all, "the controller tries again; if the error persists, check the permissions") {
				t.Errorf("events, want %s…%s:\n%s", tc.want, code, all)
			}
			if tc.refuse.patch {
				if keys, err := s.Inventory.Keys(t.Context()); err != nil || len(keys) > 0 {
					t.Errorf("AWS holds %v, %v", keys, err)
				}
			}
			tc.refuse.on, *events = false, nil
			if err := pass(); err != nil {
				t.Fatal(err)
			}
			if tc.deleted {
				err := direct.Get(t.Context(), client.ObjectKey{Namespace: "shop", Name: "web"}, &networkingv1.Ingress{})
				if !apierrors.IsNotFound(err) {
					t.Errorf("the Ingress is still there: %v", err)
				}
				return
			}
			if all := strings.Join(*events, "\n"); strings.Count(all, "Normal SuccessfullyReconciled web: ") != 1 ||
				strings.Contains(all, code) {
				t.Errorf("events after the recovery:\n%s", all)
			}
		})
	}
}

// TestFinalizersComeOffThoughClassOrServiceIsGone deletes Ingresses that can no longer be understood.
func TestFinalizersComeOffThoughClassOrServiceIsGone(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(t *testing.T, c client.Client){
		"the class is gone": func(t *testing.T, c client.Client) {
			if err := c.Delete(t.Context(), &networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: "alb"}}); err != nil {
				t.Fatal(err)
			}
		},
		"an annotation is no longer valid": func(t *testing.T, c client.Client) {
			i := stored(t, c, "web")
			i.Annotations = map[string]string{"alb.ingress.kubernetes.io/scheme": "sideways",
				"alb.ingress.kubernetes.io/group.name": "Not A Group"}
			if err := c.Update(t.Context(), i); err != nil {
				t.Fatal(err)
			}
		},
		"no class at all": func(t *testing.T, c client.Client) {
			i := stored(t, c, "web")
			i.Spec.IngressClassName = nil
			if err := c.Update(t.Context(), i); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, events := newTestReconciler(t, served()...)
			key := stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: "web"}}
			if _, err := s.Reconcile(t.Context(), key); err != nil {
				t.Fatal(err)
			}
			if i := stored(t, s.Client, "web"); len(i.Finalizers) != 1 {
				t.Fatalf("finalizers %v", i.Finalizers)
			}
			spoil(t, s.Client)
			if err := s.Client.Delete(t.Context(), stored(t, s.Client, "web")); err != nil {
				t.Fatal(err)
			}
			for range 5 {
				if _, err := s.Reconcile(t.Context(), key); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Client.Get(t.Context(), client.ObjectKey{Namespace: "shop", Name: "web"},
				&networkingv1.Ingress{}); !apierrors.IsNotFound(err) {
				t.Errorf("the Ingress is still there: %v\n%s", err, strings.Join(*events, "\n"))
			}
			if keys, err := s.Inventory.Keys(t.Context()); err != nil || len(keys) > 0 {
				t.Errorf("AWS still holds %v, %v", keys, err)
			}
		})
	}
}

// TestAnEditWhileAPlanRunsEndsInWhatWasEditedLast has annotations change during the first call of each of several
// passes.
func TestAnEditWhileAPlanRunsEndsInWhatWasEditedLast(t *testing.T) {
	t.Parallel()
	s, events := newTestReconciler(t, served()...)
	direct := s.Client
	edits := []string{"30", "40", "50"}
	s.Client = interceptor.NewClient(direct.(client.WithWatch), interceptor.Funcs{
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch,
			opts ...client.PatchOption) error {
			if _, ok := o.(*networkingv1.Ingress); ok && len(edits) > 0 {
				i := stored(t, c, "web")
				i.Annotations = map[string]string{
					"alb.ingress.kubernetes.io/load-balancer-attributes": "idle_timeout.timeout_seconds=" + edits[0]}
				edits = edits[1:]
				if err := c.Update(ctx, i); err != nil {
					return err
				}
			}
			return c.Patch(ctx, o, p, opts...)
		},
	})
	key := stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: "web"}}
	for range 8 { // an error means another pass
		_, _ = s.Reconcile(t.Context(), key)
	}
	if _, err := s.Reconcile(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	o, err := s.Inventory.Observed(t.Context(), key, &stack.Stack{Key: key, LoadBalancers: []stack.LoadBalancer{
		{ID: stack.LoadBalancerIdentity, Attributes: map[string]string{"idle_timeout.timeout_seconds": ""}}}})
	if err != nil || len(o.LoadBalancers) != 1 {
		t.Fatalf("%v, %v", o.LoadBalancers, err)
	}
	want := strings.TrimPrefix(stored(t, direct, "web").Annotations["alb.ingress.kubernetes.io/load-balancer-attributes"],
		"idle_timeout.timeout_seconds=")
	if got := o.LoadBalancers[0].Attributes["idle_timeout.timeout_seconds"]; got != want || want == "" {
		t.Errorf("idle timeout %q, last edited to %q", got, want)
	}
	if all := strings.Join(*events, "\n"); strings.Contains(all, "Warning") {
		t.Errorf("a user's edit is told as a failure:\n%s", all)
	}
}

// TestASecretThatCannotBeReadIsReportedAndOpensNothing has the API server refuse the Secret of a login, for good or for
// now.
func TestASecretThatCannotBeReadIsReportedAndOpensNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err   error
		fails bool // the pass is made again
		want  []string
	}{
		"forbidden": {
			apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "idp", context.Canceled), false,
			[]string{"Warning FailedBuildModel web: ", "shop/idp", "[SecretRefused]"},
		},
		"missing": {
			apierrors.NewNotFound(schema.GroupResource{Resource: "secrets"}, "idp"), false,
			[]string{"Warning FailedBuildModel web: ", "shop/idp", "[SecretNotFound]"},
		},
		"unavailable": {
			apierrors.NewServiceUnavailable("starting"), true,
			[]string{"Warning FailedBuildModel web: ", "the API server answered ServiceUnavailable", "[SecretUnread]"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := clientfake.NewClientset()
			secrets := secret.New(api, nil, reads.NewIndex[stack.Key](), time.Now, logr.Discard())
			answers := false
			api.PrependReactor("*", "secrets", func(clienttesting.Action) (bool, runtime.Object, error) {
				return !answers, nil, c.err
			})
			s, events := newTestReconciler(t, served("listen-ports", `[{"HTTPS": 443}]`, "auth-type", "oidc", "auth-idp-oidc",
				`{"issuer": "https://idp.example.com", "authorizationEndpoint": "https://idp.example.com/a", "tokenEndpoint": "https://idp.example.com/t", "userInfoEndpoint": "https://idp.example.com/u", "secretName": "idp"}`)...)
			s.Secrets = secrets
			key := stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: "web"}}
			for range 3 {
				if _, err := s.Reconcile(t.Context(), key); (err != nil) != c.fails {
					t.Fatal(err)
				}
			}
			all := strings.Join(*events, "\n")
			for _, w := range c.want {
				if strings.Count(all, w) == 0 {
					t.Errorf("%q is missing in:\n%s", w, all)
				}
			}
			if n := strings.Count(all, "Warning "); n != 1 {
				t.Errorf("%d warnings:\n%s", n, all)
			}
			o, err := s.Inventory.Observed(t.Context(), key, &stack.Stack{Key: key})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range o.Rules {
				if last := r.Actions[len(r.Actions)-1]; last.Forward != nil {
					t.Errorf("rule %s forwards without a login: %+v", r.ID, r.Actions)
				}
			}
			answers, *events = true, nil
			_, err = s.Reconcile(t.Context(), key)
			if all := strings.Join(*events, "\n"); c.fails && (err != nil || strings.Contains(all, "[SecretUnread]") ||
				!strings.Contains(all, "[SecretNotFound]")) {
				t.Errorf("once the read is answered: %v\n%s", err, all)
			}
		})
	}
}

// TestASecretThatCannotBeReadWithholdsOnlyWhatNeedsIt has a login beside another member of the group.
func TestASecretThatCannotBeReadWithholdsOnlyWhatNeedsIt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		named string
		err   error
		asked bool
		want  string
	}{
		"the API server does not answer":       {"idp", context.DeadlineExceeded, true, "[SecretUnread]"},
		"the API server has an error":          {"idp", apierrors.NewInternalError(context.Canceled), true, "[SecretUnread]"},
		"the name has a namespace":             {"infra/idp", context.Canceled, false, "[InvalidSecret]"},
		"the name is that of no object at all": {"IDP of ours", context.Canceled, false, "[InvalidSecret]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := clientfake.NewClientset()
			secrets := secret.New(api, nil, reads.NewIndex[stack.Key](), time.Now, logr.Discard())
			api.PrependReactor("*", "secrets", func(clienttesting.Action) (bool, runtime.Object, error) {
				return true,
					nil, c.err
			})
			objects := served("group.name", "doors", "listen-ports", `[{"HTTPS": 443}]`, "auth-type", "oidc", "auth-idp-oidc",
				`{"issuer": "https://idp.example.com", "authorizationEndpoint": "https://idp.example.com/a", "tokenEndpoint": "https://idp.example.com/t", "userInfoEndpoint": "https://idp.example.com/u", "secretName": "`+c.named+`"}`)
			key := stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "doors"}}
			other := annotated("other", map[string]string{"alb.ingress.kubernetes.io/group.name": "doors"})
			s, events := newTestReconciler(t, append(objects, other)...)
			s.Secrets = secrets
			for range 3 {
				if _, err := s.Reconcile(t.Context(), key); (err != nil) != c.asked {
					t.Fatalf("the pass is made again: %v", err)
				}
			}
			o, err := s.Inventory.Observed(t.Context(), key, &stack.Stack{Key: key})
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(o.Listeners, func(l awsop.Listener) bool {
				return l.Port == 80 && l.DefaultActions[0].Forward != nil
			}) {
				t.Errorf("the other member is not served: %+v", o.Listeners)
			}
			if all := strings.Join(*events, "\n"); strings.Count(all, c.want) != 1 ||
				strings.Count(all, "Warning FailedBuildModel web") == 0 {
				t.Errorf("%s is not told once, on the Ingress:\n%s", c.want, all)
			}
			if asked := len(api.Actions()) > 0; asked != c.asked {
				t.Errorf("the API server was asked: %v", api.Actions())
			}
		})
	}
}
