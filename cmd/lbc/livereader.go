package main

import (
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/lbc/offline"
)

// liveReader is a snapshot that reads Secrets, and pods behind Services, from the cluster as they are needed.
type liveReader struct {
	*offline.Indexed
	read    func(namespace, name string) (*corev1.Secret, error)
	pod     func(svc *corev1.Service) (*corev1.Pod, error) // nil without an error = there is none
	refused map[objects.Read]error
	pods    map[string]*corev1.Pod // by namespace/name of the Service
}

// Get implements objects.Reader.
func (r *liveReader) Get(kind objects.Kind, namespace, name string) (metav1.Object, bool) {
	if kind == objects.PodOfService {
		return r.podOfService(namespace, name)
	}
	if o, ok := r.Indexed.Get(kind, namespace, name); ok || kind != objects.Secret {
		return o, ok
	}
	secret, err := r.read(namespace, name)
	if err == nil {
		r.Put(secret)
		return secret, true
	}
	if !apierrors.IsNotFound(err) {
		r.refuse(kind, namespace, name, err)
	}
	return nil, false
}

func (r *liveReader) refuse(kind objects.Kind, namespace, name string, err error) {
	if r.refused == nil {
		r.refused = map[objects.Read]error{}
	}
	r.refused[objects.Read{Kind: kind, Namespace: namespace, Name: name}] = err
}

func (r *liveReader) podOfService(namespace, name string) (metav1.Object, bool) {
	key := namespace + "/" + name
	pod, known := r.pods[key]
	if !known {
		o, ok := r.Indexed.Get(objects.Service, namespace, name)
		svc, _ := o.(*corev1.Service)
		if !ok || svc == nil {
			return nil, false
		}
		var err error
		if pod, err = r.pod(svc); err != nil {
			r.refuse(objects.PodOfService, namespace, name, err)
			return nil, false
		}
		if r.pods == nil {
			r.pods = map[string]*corev1.Pod{}
		}
		r.pods[key] = pod
	}
	return pod, pod != nil
}

// Why implements objects.ReasonReader.
func (r *liveReader) Why(kind objects.Kind, namespace, name string) error {
	return r.refused[objects.Read{Kind: kind, Namespace: namespace, Name: name}]
}
