package harness

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Kubectl runs kubectl with all rights, fails the test if it fails, and returns what it printed.
func (c *Cluster) Kubectl(t testing.TB, args ...string) string {
	t.Helper()
	out, err := c.patientKubectl(t.Context(), args...)
	if err != nil {
		t.Fatalf("kubectl %v: %v\n%s", args, err, out)
	}
	return out
}

// patientKubectl runs kubectl again while an API server or a webhook ran out of time, as both do on a busy machine.
func (c *Cluster) patientKubectl(ctx context.Context, args ...string) (string, error) {
	for end := time.Now().Add(Timeout); ; {
		out, err := c.kubectl(ctx, args...)
		if err == nil || !outOfTime(out+err.Error()) || ctx.Err() != nil || time.Now().After(end) {
			return out, err
		}
	}
}

// outOfTime reports whether a request ended because the API server, or a webhook that it called, took too long.
func outOfTime(text string) bool {
	return strings.Contains(text, "Error from server (Timeout)") ||
		strings.Contains(text, "failed calling webhook") && strings.Contains(text, "context deadline exceeded")
}

// TryKubectl runs kubectl with all rights and returns what it printed and how it ended.
func (c *Cluster) TryKubectl(t testing.TB, args ...string) (string, error) {
	t.Helper()
	return c.kubectl(t.Context(), args...)
}

// kubectl runs kubectl, which waits as long as a finalizer stays or a rollout takes, for twice the Timeout at most.
func (c *Cluster) kubectl(ctx context.Context, args ...string) (string, error) {
	return within(2*Timeout, fmt.Sprintf("kubectl %q", args), func() (string, error) {
		return c.trial.Kubectl(ctx, args...)
	})
}

// within returns what f returns, or an error with the name of f if f takes longer than the limit. f then goes on.
func within(limit time.Duration, what string, f func() (string, error)) (string, error) {
	type result struct {
		out string
		err error
	}
	ended := make(chan result, 1)
	go func() {
		out, err := f()
		ended <- result{out, err}
	}()
	select {
	case r := <-ended:
		return r.out, r.err
	case <-time.After(limit):
		return "", fmt.Errorf("%s has not ended after %s", what, limit)
	}
}

// ApplyFile applies a file as "kubectl apply -f" does, and deletes it at the end of the test if the test did not. Files
// may overlap with those of other tests only if these do not run at the same time.
func (c *Cluster) ApplyFile(t testing.TB, path string) {
	t.Helper()
	objects, err := parse(path)
	if err != nil {
		t.Fatal(err)
	}
	c.awaitNamespaces(t, objects)
	c.Kubectl(t, "apply", "-f", path)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*Timeout) // the test's context has ended
		defer cancel()
		remove := func() error {
			c.EnsureController(t)
			return c.remove(ctx, path, objects)
		}
		err := remove()
		if err != nil && c.alone && c.controllerEnded() { // meanwhile
			err = remove()
		}
		if err != nil {
			t.Errorf("clean up %s: %v\n%s", path, err, c.Report(context.Background()))
		}
	})
}

// Apply applies YAML text like ApplyFile.
func (c *Cluster) Apply(t testing.TB, manifests string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "manifests.yaml")
	if err := os.WriteFile(path, []byte(manifests), 0o600); err != nil {
		t.Fatal(err)
	}
	c.ApplyFile(t, path)
}

// ApplyRefused applies YAML text of which a part must be refused. It returns kubectl's output, with the errors.
// Objects that were not refused stay until the test deletes them.
func (c *Cluster) ApplyRefused(t testing.TB, manifests string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "refused.yaml")
	if err := os.WriteFile(path, []byte(manifests), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := c.kubectl(t.Context(), "apply", "-f", path)
	if err == nil {
		t.Fatalf("nothing was refused:\n%s", out)
	}
	return out + err.Error()
}

// IngressAddress waits until the Ingress has an address and returns it.
func (c *Cluster) IngressAddress(t testing.TB, namespace, name string) string {
	t.Helper()
	var host string
	c.WaitFor(t, "the address of Ingress "+namespace+"/"+name, func(ctx context.Context) error {
		i, err := c.Client.NetworkingV1().Ingresses(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if len(i.Status.LoadBalancer.Ingress) == 0 {
			return errNoAddress
		}
		host = i.Status.LoadBalancer.Ingress[0].Hostname
		return nil
	})
	return host
}

// ServiceAddress waits until the Service has a load balancer's address and returns it.
func (c *Cluster) ServiceAddress(t testing.TB, namespace, name string) string {
	t.Helper()
	var host string
	c.WaitFor(t, "the address of Service "+namespace+"/"+name, func(ctx context.Context) error {
		s, err := c.Client.CoreV1().Services(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if len(s.Status.LoadBalancer.Ingress) == 0 {
			return errNoAddress
		}
		host = s.Status.LoadBalancer.Ingress[0].Hostname
		return nil
	})
	return host
}

// Events lists the events on an object, such as Events(t, "Ingress", "shop", "web").
func (c *Cluster) Events(t testing.TB, kind, namespace, name string) []corev1.Event {
	t.Helper()
	list, err := c.Client.CoreV1().Events(namespace).List(t.Context(), metav1.ListOptions{
		FieldSelector: "involvedObject.kind=" + kind + ",involvedObject.name=" + name,
	})
	if err != nil {
		t.Fatal(err)
	}
	return list.Items
}

// WaitEvent waits for an event with the reason on the object and returns it.
func (c *Cluster) WaitEvent(t testing.TB, kind, namespace, name, reason string) corev1.Event {
	t.Helper()
	var found corev1.Event
	c.WaitFor(t, "event "+reason+" on "+kind+" "+namespace+"/"+name, func(ctx context.Context) error {
		list, err := c.Client.CoreV1().Events(namespace).List(ctx, metav1.ListOptions{
			FieldSelector: "involvedObject.kind=" + kind + ",involvedObject.name=" + name + ",reason=" + reason,
		})
		if err != nil {
			return err
		}
		if len(list.Items) == 0 {
			return errNoEvent
		}
		found = list.Items[len(list.Items)-1]
		return nil
	})
	return found
}
