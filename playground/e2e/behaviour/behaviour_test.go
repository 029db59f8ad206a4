// Package behaviour shows end to end what users may rely on: edits, groups, classes, deployments, deletions, moves,
// crashes and restarts. Tests that need a controller of their own, or the account for themselves, run one after the
// other before all the others, which run side by side in namespaces of their own.
package behaviour

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
	"github.com/k8s-lbc/lbc/playground/load"
)

func TestMain(m *testing.M) {
	harness.Parallel(8)
	harness.Main(m)
}

func cluster(t *testing.T) *harness.Cluster {
	t.Helper()
	return harness.Start(t, harness.Options{})
}

// public are the annotations of most Ingresses here.
func public(more scene.Annotations) scene.Annotations {
	a := scene.Annotations{"scheme": "internet-facing", "target-type": "ip"}
	for k, v := range more {
		a[k] = v
	}
	return a
}

// serve waits until an Ingress answers path with 200 and all its targets are healthy, and returns its load balancer.
func serve(t *testing.T, c *harness.Cluster, namespace, name, path string) simclient.LoadBalancer {
	t.Helper()
	host := c.IngressAddress(t, namespace, name)
	c.WaitGet(t, "http://"+host+path, "", 200, "")
	lb := c.LoadBalancer(t, host)
	c.WaitHealthy(t, lb)
	return lb
}

func url(lb simclient.LoadBalancer, path string) string { return "http://" + lb.DNSName + path }

// expectNoWarnings fails the test if the controller complained about anything in the namespace.
func expectNoWarnings(t *testing.T, c *harness.Cluster, namespace string) {
	t.Helper()
	if w := scene.Warnings(t, c, namespace); len(w) > 0 {
		t.Errorf("warnings in %s:\n%s", namespace, strings.Join(w, "\n"))
	}
}

// wait repeats a look at the account until it returns no complaint.
func wait(t *testing.T, c *harness.Cluster, what string, look func() string) {
	t.Helper()
	c.WaitFor(t, what, func(context.Context) error {
		if complaint := look(); complaint != "" {
			return fmt.Errorf("%s", complaint)
		}
		return nil
	})
}

func noneWrong(t *testing.T, what string, tally load.Result) {
	t.Helper()
	if tally.Failed > 0 || tally.Requests == 0 {
		t.Errorf("%s: %s", what, tally)
	}
}
