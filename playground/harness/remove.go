package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/k8s-lbc/lbc/internal/lib/sleep"
	"github.com/k8s-lbc/lbc/playground/manifest"
)

// finalized are the kinds of namespaces that the controller puts finalizers on: when none is left, AWS holds nothing of
// a namespace.
var finalized = []schema.GroupVersionResource{
	{Group: "networking.k8s.io", Version: "v1", Resource: "ingresses"},
	{Group: "gateway.networking.k8s.io", Version: "v1", Resource: "gateways"},
	{Group: "aga.k8s.aws", Version: "v1beta1", Resource: "globalaccelerators"},
	{Version: "v1", Resource: "services"},
	{Group: "elbv2.k8s.aws", Version: "v1beta1", Resource: "targetgroupbindings"},
	{Group: "gateway.k8s.aws", Version: "v1beta1", Resource: "loadbalancerconfigurations"},
	{Group: "gateway.k8s.aws", Version: "v1beta1", Resource: "targetgroupconfigurations"},
}

const (
	removalPause = 100 * time.Millisecond // between two looks
	servedAlways = "kubernetes"           // the Service of the API server
)

func parse(path string) ([]*unstructured.Unstructured, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return manifest.Parse(path, content)
}

// namespaces are the names of the namespaces among objects.
func namespaces(objects []*unstructured.Unstructured) map[string]bool {
	names := map[string]bool{}
	for _, o := range objects {
		if o.GroupVersionKind() == (schema.GroupVersionKind{Version: "v1", Kind: "Namespace"}) {
			names[o.GetName()] = true
		}
	}
	return names
}

// awaitNamespaces waits until no namespace of the objects is about to end: an earlier test may have had it.
func (c *Cluster) awaitNamespaces(t testing.TB, objects []*unstructured.Unstructured) {
	t.Helper()
	for name := range namespaces(objects) {
		c.WaitFor(t, "the end of the former namespace "+name, func(ctx context.Context) error {
			ns, err := c.Client.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
			if apierrors.IsNotFound(err) || err == nil && ns.DeletionTimestamp == nil {
				return nil
			}
			return errors.Join(err, errors.New("it is there"))
		})
	}
}

// remove deletes the objects of a file and all that the controller looks after in their namespaces, and waits until
// these are gone. It does not wait for the namespaces themselves: Kubernetes lets 13 to 21 seconds pass before a
// namespace goes, for pods and finalizers that are gone after one.
func (c *Cluster) remove(ctx context.Context, path string, objects []*unstructured.Unstructured) error {
	if out, err := c.patientKubectl(ctx, "delete", "-f", path, "--ignore-not-found", "--wait=false"); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	going := namespaces(objects)
	for {
		left, err := c.left(ctx, objects, going)
		if err == nil && len(left) == 0 {
			return nil
		}
		if failed := c.failed(); failed != nil {
			return failed
		}
		if sleep.For(ctx, removalPause) != nil {
			return errors.Join(fmt.Errorf("left after %v: %s", 2*Timeout, strings.Join(left, ", ")), err)
		}
	}
}

// left lists what is left of the objects, and of what the controller looks after in namespaces that go, which it
// deletes.
func (c *Cluster) left(ctx context.Context, objects []*unstructured.Unstructured, going map[string]bool) (left []string,
	err error) {
	for ns := range going {
		for _, resource := range finalized {
			in := c.Dynamic.Resource(resource).Namespace(ns)
			list, err := in.List(ctx, metav1.ListOptions{})
			if apierrors.IsNotFound(err) {
				continue // the kind is not served
			}
			if err != nil {
				return left, err
			}
			for _, o := range list.Items {
				if resource.Group == "" && o.GetName() == servedAlways {
					continue
				}
				left = append(left, resource.Resource+" "+ns+"/"+o.GetName())
				if o.GetDeletionTimestamp() != nil {
					continue
				}
				if err := in.Delete(ctx, o.GetName(), metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
					return left, err
				}
			}
			if len(left) > 0 { // the rest can wait
				break
			}
		}
	}
	others, err := c.others(ctx, objects, going)
	return append(left, others...), err
}

// others lists the objects that are left outside the namespaces that go.
func (c *Cluster) others(ctx context.Context, objects []*unstructured.Unstructured, going map[string]bool) (
	left []string, err error) {
	var client *manifest.Client
	for _, o := range objects {
		if going[o.GetNamespace()] || o.GetKind() == "Namespace" {
			continue
		}
		if client == nil {
			if client, err = manifest.NewClient(c.Config); err != nil {
				return left, err
			}
		}
		_, err := client.Get(ctx, o)
		if apierrors.IsNotFound(err) || apimeta.IsNoMatchError(err) {
			continue
		}
		if err != nil {
			return left, err
		}
		left = append(left, o.GetKind()+" "+o.GetName())
	}
	return left, nil
}
