package main

import (
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/objects"
)

// secretReader is a snapshot that reads Secrets from the cluster as they are needed.
type secretReader struct {
	objects.Snapshot
	read    func(namespace, name string) (*corev1.Secret, error)
	refused map[string]error // by namespace/name
}

// Get implements objects.Reader.
func (r *secretReader) Get(kind objects.Kind, namespace, name string) (metav1.Object, bool) {
	if o, ok := r.Snapshot.Get(kind, namespace, name); ok || kind != objects.Secret {
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

// Why implements objects.ReasonReader.
func (r *secretReader) Why(_ objects.Kind, namespace, name string) error {
	return r.refused[namespace+"/"+name]
}
