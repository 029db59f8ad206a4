package lab

import (
	"context"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k8s-lbc/lbc/internal/controller/bindingpass"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
)

// Restrict begins a new life whose caches show one namespace; live answers for the others.
func (l *Lab) Restrict(namespace string, live client.Reader) {
	l.Helper()
	l.Client, l.Config.WatchNamespace = l.OnlyNamespace(l.Client, namespace, live), namespace
	l.Elsewhere = bindingpass.NewOtherNamespaces(live, namespace, l.Clock.Now, logr.Discard())
	l.Elsewhere.Proceed()
	l.Restart()
}

// OnlyNamespace is a cache that shows one namespace.
func (l *Lab) OnlyNamespace(c client.Client, namespace string, live client.Reader) client.Client {
	inNamespace := interceptor.NewClient(c.(client.WithWatch), interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			return c.List(ctx, list, append(opts, client.InNamespace(namespace))...)
		},
	})
	l.Restricted = &reads.Restricted{Cache: inNamespace, Live: live, Namespace: namespace, Now: l.Clock.Now,
		OnChange: func(c objects.Change) {
			for _, s := range l.Gateways {
				l.Woken = append(l.Woken, s.Index.Affected(c)...)
			}
		}}
	return interceptor.NewClient(c.(client.WithWatch), interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object,
			opts ...client.GetOption) error {
			if _, uncached := o.(*corev1.ConfigMap); uncached {
				return c.Get(ctx, key, o, opts...)
			}
			return l.Restricted.Get(ctx, key, o, opts...)
		},
		List: func(ctx context.Context, _ client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			return l.Restricted.List(ctx, list, opts...)
		},
	})
}
