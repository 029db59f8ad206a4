package gateways

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	configv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/internal/controller/gatewaystatus"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/controller/secret"
	"github.com/k8s-lbc/lbc/internal/controller/settings"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestTheStatusOfAListenerRuleConfigurationFollowsItsSecret has one that no route uses, and a Secret that may not be
// read, then is missing, and comes. It is looked at when the Secret changes, and not before.
func TestTheStatusOfAListenerRuleConfigurationFollowsItsSecret(t *testing.T) {
	t.Parallel()
	l := lab.NewGateway(
		t, `ListenerRuleConfiguration shop/web {spec: {actions: [{type: authenticate-oidc, authenticateOIDCConfig: {issuer: i, authorizationEndpoint: a, tokenEndpoint: t, userInfoEndpoint: u, secret: {name: oidc}}}]}}`)
	core, forbidden := fake.NewClientset(), true
	core.PrependReactor("get", "secrets", func(clienttesting.Action) (bool, runtime.Object, error) {
		if !forbidden {
			return false, nil, nil
		}
		return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "oidc", errors.New("no right"))
	})
	secrets := secret.New(core, nil, reads.NewIndex[stack.Key](), l.Clock.Now, logr.Discard())
	r := gatewaystatus.New(objects.ListenerRuleConfiguration, settings.GatewayConfig(l.Config), l.Client, nil, l.Statuses)
	r.Secrets = secrets
	secrets.Others = []secret.Other{{IsRead: r.Index.IsRead, Changed: r.Changed}}
	q := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	defer q.ShutDown()
	r.Waker.SetQueue(q)
	c := &configv1.ListenerRuleConfiguration{}
	look := func(q reconcile.Request) string {
		t.Helper()
		res, err := r.Reconcile(t.Context(), q)
		if l.Must(err); res.RequeueAfter > 0 {
			t.Errorf("it is looked at again after %s", res.RequeueAfter)
		}
		l.Clock.Advance(time.Second)
		l.RunQueues(t.Context())
		if l.Get(c, "web"); c.Status.Message == nil {
			return "none"
		}
		return *c.Status.Message
	}
	web := reconcile.Request{}
	web.Namespace, web.Name = "shop", "web"
	if look(web); look(web) !=
		`secret [shop/oidc] cannot be read: reading Secret shop/oidc: secrets "oidc" is forbidden: no right` {
		t.Errorf("status %q", *c.Status.Message)
	}
	forbidden = false
	if got := look(web); got != "secret [shop/oidc] not found" {
		t.Errorf("status %q", got)
	}
	l.Clock.Advance(20 * time.Minute) // no stack reads it
	secrets.Poll(t.Context())
	if q.Len() > 0 {
		t.Error("it is looked at although nothing has changed")
	}
	_, err := core.CoreV1().Secrets("shop").Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "oidc", ResourceVersion: "1"}}, metav1.CreateOptions{})
	l.Must(err)
	l.Clock.Advance(2 * time.Minute)
	secrets.Poll(t.Context())
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	got := make(chan reconcile.Request, 1)
	go func() { one, _ := q.Get(); got <- one }()
	select {
	case one := <-got:
		if text := look(one); text != "Accepted" {
			t.Errorf("status %q", text)
		}
	case <-ctx.Done():
		t.Fatal("the Secret is there, and the configuration is not looked at")
	}
}
