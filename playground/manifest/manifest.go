// Package manifest reads YAML files of Kubernetes objects and puts them into a cluster by server-side apply. It is for
// what the playground itself installs; what users apply goes through kubectl. It imports client-go.
package manifest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
)

// ReleaseAnnotation is on each object of a Helm release: the name of the release.
const ReleaseAnnotation = "meta.helm.sh/release-name"

// fieldManager owns the fields that Apply sets. Those of a Helm release belong to Helm: with another owner, "helm
// upgrade" would fail with a conflict wherever it changes a field.
func fieldManager(u *unstructured.Unstructured) string {
	if _, ok := u.GetAnnotations()[ReleaseAnnotation]; ok {
		return "helm"
	}
	return "playground"
}

// Parse reads the objects of a YAML or JSON stream in their order; members of lists count singly. name is used in
// errors.
func Parse(name string, content []byte) ([]*unstructured.Unstructured, error) {
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(content), 4096)
	var objects []*unstructured.Unstructured
	for n := 1; ; n++ {
		var u unstructured.Unstructured
		err := decoder.Decode(&u.Object)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: document %d: %w", name, n, err)
		}
		if len(u.Object) == 0 { // only comments
			continue
		}
		if u.GetKind() == "" || u.GetAPIVersion() == "" {
			return nil, fmt.Errorf("%s: document %d has no kind or no apiVersion", name, n)
		}
		if !u.IsList() {
			objects = append(objects, &u)
			continue
		}
		if err := u.EachListItem(func(o runtime.Object) error {
			objects = append(objects, o.(*unstructured.Unstructured))
			return nil
		}); err != nil {
			return nil, fmt.Errorf("%s: document %d: %w", name, n, err)
		}
	}
}

// Client applies objects.
type Client struct {
	dynamic dynamic.Interface
	mapper  *restmapper.DeferredDiscoveryRESTMapper
}

// NewClient makes a client; nothing is asked of the server yet.
func NewClient(config *rest.Config) (*Client, error) {
	d, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make a dynamic client: %w", err)
	}
	k, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make a discovery client: %w", err)
	}
	return &Client{dynamic: d, mapper: restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(k.Discovery()))},
		nil
}

// Resource is the client of the object's kind in its namespace ("default" if it names none and needs one).
func (c *Client) Resource(u *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	gvk := u.GroupVersionKind()
	mapping, err := c.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", gvk.Kind, u.GetName(), err)
	}
	if mapping.Scope.Name() == "root" {
		return c.dynamic.Resource(mapping.Resource), nil
	}
	namespace := u.GetNamespace()
	if namespace == "" {
		namespace = metav1.NamespaceDefault
	}
	return c.dynamic.Resource(mapping.Resource).Namespace(namespace), nil
}

// Apply puts the objects into the cluster in the given order and takes over fields that others own.
func (c *Client) Apply(ctx context.Context, objects ...*unstructured.Unstructured) error {
	for _, u := range objects {
		resource, err := c.Resource(u)
		if err != nil {
			return err
		}
		if _, err := resource.Apply(ctx, u.GetName(), u, metav1.ApplyOptions{FieldManager: fieldManager(u),
			Force: true}); err != nil {
			return fmt.Errorf("apply %s %s: %w", u.GetKind(), u.GetName(), err)
		}
	}
	return nil
}

// Get reads the present state of an object.
func (c *Client) Get(ctx context.Context, u *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	resource, err := c.Resource(u)
	if err != nil {
		return nil, err
	}
	return resource.Get(ctx, u.GetName(), metav1.GetOptions{})
}
