package main

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/config"
	"github.com/k8s-lbc/lbc/internal/kube"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/stack"
	"github.com/k8s-lbc/lbc/internal/world"
)

// liveSource reads a cluster and the AWS account that the credentials of the environment give.
func liveSource(ctx context.Context, c *config.Config) (source, error) {
	rc, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig)
	if err != nil {
		return source{}, fmt.Errorf("--kubeconfig: %w", err)
	}
	scheme, err := kube.Scheme()
	if err != nil {
		return source{}, err
	}
	k, err := client.New(rc, client.Options{Scheme: scheme})
	if err != nil {
		return source{}, fmt.Errorf("connecting to the cluster: %w", err)
	}
	objects := world.Snapshot{}
	for _, list := range kube.Lists() {
		if err := k.List(ctx, list); err != nil {
			return source{}, fmt.Errorf("reading %T: %w", list, err)
		}
		if err := meta.EachListItem(list, func(o runtime.Object) error { objects.Put(o); return nil }); err != nil {
			return source{}, err
		}
	}
	clients, scope, err := cloud.Connect(ctx, cloud.ConnectOptions{
		Region: c.Region, VPC: c.VPC, VPCTags: c.VPCTags, MaxAttempts: c.MaxRetries, Endpoints: c.APIEndpoints, Version: version,
	})
	if err != nil {
		return source{}, err
	}
	c.Region, c.VPC = scope.Region, scope.VPC
	clients = cloud.NewLimiter(cloud.LimiterOptions{Attempts: c.MaxRetries}).Wrap(clients)
	return source{
		objects: objects, clients: clients, close: func() {},
		reader: func(s world.Snapshot) world.Reader {
			return &secretReader{Snapshot: s, read: func(namespace, name string) (*corev1.Secret, error) {
				secret := &corev1.Secret{}
				err := k.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, secret)
				return secret, err
			}}
		},
		bindings: func(key stack.Key) []plan.Binding { return kube.BindingsOf(objects, key) },
	}, nil
}

// secretReader shows, beside what was read at once, the Secrets that a plan asks for: no others are read.
type secretReader struct {
	world.Snapshot
	read    func(namespace, name string) (*corev1.Secret, error)
	refused map[string]error // by namespace/name
}

// Get implements world.Reader.
func (r *secretReader) Get(kind world.Kind, namespace, name string) (metav1.Object, bool) {
	if o, ok := r.Snapshot.Get(kind, namespace, name); ok || kind != world.Secret {
		return o, ok
	}
	secret, err := r.read(namespace, name)
	if err == nil {
		r.Put(secret)
		return secret, true
	}
	if !apierrors.IsNotFound(err) {
		if r.refused == nil {
			r.refused = map[string]error{}
		}
		r.refused[namespace+"/"+name] = err
	}
	return nil, false
}

// Why implements world.Explainer.
func (r *secretReader) Why(_ world.Kind, namespace, name string) error {
	return r.refused[namespace+"/"+name]
}
