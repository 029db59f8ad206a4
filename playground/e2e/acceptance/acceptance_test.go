// Package acceptance shows end to end, case by case, what users of the existing controller's Ingresses rely on: the
// list is testdata/ingress.txt, which names the test of each case, here or in another package. One playground, whose
// account has a pool of customer-owned addresses and an Outpost in addition to the usual, serves them all.
package acceptance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// What the account has besides that of every playground.
const (
	outpostSubnet = "subnet-0a1de0000000000d1"
	outpostZone   = "us-west-2a"
	customerPool  = "ipv4pool-coip-0a1de000000000001"

	outpost = `    - {id: ` + outpostSubnet + `, zone: ` + outpostZone +
		`, cidr: 10.0.48.0/24, public: true, outpost: "arn:aws:outposts:us-west-2:123456789012:outpost/op-0a1de000000000001", tags: {Name: demo-outpost}}
`
	pools = `
customerPools: [{id: ` + customerPool + `, routeTable: lgw-rtb-0a1de000000000001, cidrs: [198.51.100.128/28]}]
`
)

var account string // its file

func TestMain(m *testing.M) {
	harness.Parallel(8)
	dir, err := os.MkdirTemp("", "acceptance-account-")
	if err != nil {
		panic(err)
	}
	usual, err := os.ReadFile("../../../awssim/seed/default.yaml")
	if err != nil {
		panic(err)
	}
	text := strings.Replace(string(usual), "  subnets:\n", "  subnets:\n"+outpost, 1) + pools
	account = filepath.Join(dir, "account.yaml")
	if err := os.WriteFile(account, []byte(text), 0o600); err != nil {
		panic(err)
	}
	harness.Main(m)
}

// cluster has a controller that serves GlobalAccelerators, that requests certificates, that injects target control
// agents, and that looks for drift as often as its flags allow.
func cluster(t *testing.T) *harness.Cluster {
	t.Helper()
	return harness.Start(t, harness.Options{Account: account, Policy: harness.Minimal, GlobalAccelerator: true,
		ExtraArgs: []string{
			"--feature-gates=EnableCertificateManagement=true,ALBTargetControlAgent=true", "--drift-check-interval=10s",
		}})
}

// public are annotations of an Ingress that the world reaches and whose targets are pods.
func public(more scene.Annotations) scene.Annotations {
	a := scene.Annotations{"scheme": "internet-facing", "target-type": "ip"}
	for k, v := range more {
		a[k] = v
	}
	return a
}

func url(lb simclient.LoadBalancer, path string) string { return "http://" + lb.DNSName + path }

// wait repeats a look until it returns no complaint.
func wait(t *testing.T, c *harness.Cluster, what string, look func() string) {
	t.Helper()
	c.WaitFor(t, what, func(context.Context) error {
		if complaint := look(); complaint != "" {
			return errors.New(complaint)
		}
		return nil
	})
}

func differs(what string, got, want any) string {
	if fmt.Sprint(got) == fmt.Sprint(want) {
		return ""
	}
	return fmt.Sprintf("%s: %v, want %v", what, got, want)
}

// balancer is what is expected of the load balancer of an Ingress.
type balancer struct {
	scheme    string   // empty: internet-facing
	listeners []string // "HTTP 80", by port; nil: that one
	groups    []string // "ip HTTP 8080, 1 targets", sorted
	check     string   // health check of all groups; empty: "HTTP /health on traffic-port expects 200 every 15s"
}

// check waits until an Ingress shows one name, all targets are healthy, and compares the load balancer behind that name
// with what is expected.
func check(t *testing.T, c *harness.Cluster, namespace, name string, want balancer) simclient.LoadBalancer {
	t.Helper()
	host := c.IngressAddress(t, namespace, name)
	if names := scene.Query(t, c, "get", "ingress", "-n", namespace, name, "-o",
		"jsonpath={.status.loadBalancer.ingress[*].hostname}"); names != host {
		t.Errorf("%s: the status names %s", name, names)
	}
	lb := c.LoadBalancer(t, host)
	c.WaitHealthy(t, lb)
	wait(t, c, name+" as expected", func() string {
		lb = c.LoadBalancer(t, host)
		return compare(c, lb, want)
	})
	return lb
}

func compare(c *harness.Cluster, lb simclient.LoadBalancer, want balancer) string {
	var listeners, groups, wrong []string
	for _, l := range lb.Listeners {
		listeners = append(listeners, fmt.Sprintf("%s %d", l.Protocol, l.Port))
	}
	for _, tg := range c.TargetGroups(lb) {
		groups = append(groups, fmt.Sprintf("%s %s %d, %d targets", tg.TargetType, tg.Protocol, tg.Port,
			len(scene.Targets(c, tg.ARN))))
		if expected := cmp.Or(want.check, "HTTP /health on traffic-port expects 200 every 15s"); tg.HealthCheck != expected {
			wrong = append(wrong, fmt.Sprintf("health check %q, want %q", tg.HealthCheck, expected))
		}
	}
	slices.Sort(listeners)
	slices.Sort(groups)
	if want.listeners == nil {
		want.listeners = []string{"HTTP 80"}
	}
	is := func(what string, got, want any) {
		if fmt.Sprint(got) != fmt.Sprint(want) {
			wrong = append(wrong, fmt.Sprintf("%s is %v, want %v", what, got, want))
		}
	}
	is("type", lb.Type, "application")
	is("state", lb.State, "active")
	is("scheme", lb.Scheme, cmp.Or(want.scheme, "internet-facing"))
	is("listeners", listeners, want.listeners)
	is("target groups", groups, want.groups)
	return strings.Join(wrong, "; ")
}

// expectNoWarnings fails the test if the controller complained about anything in the namespace.
func expectNoWarnings(t *testing.T, c *harness.Cluster, namespace string) {
	t.Helper()
	if w := scene.Warnings(t, c, namespace); len(w) > 0 {
		t.Errorf("warnings in %s:\n%s", namespace, strings.Join(w, "\n"))
	}
}
