package behaviour

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	neturl "net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/view/console"
	"github.com/k8s-lbc/lbc/internal/view/explain"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// ask reads an answer of the console into v.
func ask(ctx context.Context, at, host string, v any) (status int, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return 0, err
	}
	if host != "" {
		r.Host = host
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, json.Unmarshal(text, v)
}

// consoleOf starts lbc console on the cluster, and returns its address.
func consoleOf(t *testing.T, c *harness.Cluster) (at string) {
	t.Helper()
	seeded := c.Simulator.Seed()
	cmd := exec.CommandContext(t.Context(), filepath.Join(string(c.Repo), "bin", "lbc"), "console",
		"--kubeconfig", c.Env.Kubeconfig, "--cluster-name", seeded.Cluster.Name, "--aws-vpc-id", seeded.VPC.ID,
		"--aws-region", seeded.Region)
	cmd.Env = c.Environ()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v: run make build", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// TestConsoleShowsLastPlanEventsAndTargets shows that lbc console serves a load balancer with the
// last plan of its LoadBalancer object, its events and its healthy targets.
func TestConsoleShowsLastPlanEventsAndTargets(t *testing.T) {
	t.Parallel()
	const ns = "watched"
	c := cluster(t)
	c.Apply(t, scene.Namespace(ns, 1)+scene.Ingress(ns, "web", scene.Class, public(nil)))
	lb := serve(t, c, ns, "web", "/")
	scene.WaitSuccess(t, c, ns, "web", 0)
	at := consoleOf(t, c)
	key := "ingress.k8s.aws:" + ns + "/web"
	get := func(ctx context.Context, path string, parameters neturl.Values, v any) error {
		status, err := ask(ctx, at+path+"?"+parameters.Encode(), "", v)
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("%s: %d", path, status)
		}
		return err
	}
	c.WaitFor(t, "the load balancer in the list", func(ctx context.Context) error {
		var o console.Overview
		if err := get(ctx, "/api/overview", neturl.Values{"fresh": {"true"}}, &o); err != nil {
			return err
		}
		for _, x := range o.LoadBalancers {
			if x.Key == key && x.DNSName == lb.DNSName && x.State == "active" && x.Changes == 0 && x.Errors == 0 {
				return nil
			}
		}
		return fmt.Errorf("%+v", o)
	})
	c.WaitFor(t, "its healthy targets, with their pods", func(ctx context.Context) error {
		var d console.Detail
		if err := get(ctx, "/api/loadbalancer", neturl.Values{"key": {key}}, &d); err != nil {
			return err
		}
		event, healthy := false, 0
		for _, e := range d.Events {
			event = event || e.Reason == "SuccessfullyReconciled" && e.Object == "Ingress "+ns+"/web"
		}
		for _, tg := range d.TargetGroups {
			for _, x := range tg.Targets {
				if x.Health == "healthy" && strings.HasPrefix(x.Object, "Pod "+ns+"/") {
					healthy++
				}
			}
		}
		if len(d.Passes) != 1 || d.Passes[0].Result != "Done" || len(d.Passes[0].Steps) == 0 || !event || healthy == 0 ||
			len(d.Ports) != 1 || len(d.Steps) != 0 {
			return fmt.Errorf("%+v", d)
		}
		return nil
	})
	var w explain.Walk
	if err := get(t.Context(), "/api/request", neturl.Values{"key": {key}, "request": {"GET http://" + lb.DNSName + "/"},
		"from": {"192.0.2.1"}}, &w); err != nil || len(w.TargetGroups) != 1 ||
		!strings.Contains(w.TargetGroups[0].Health, "healthy") {
		t.Errorf("%v: %+v", err, w)
	}
	var refused struct{ Error string }
	if status, err := ask(t.Context(), at+"/api/overview", "rebound.example.com", &refused); err != nil ||
		status != http.StatusForbidden || !strings.Contains(refused.Error, "is not a name of this machine") {
		t.Errorf("another host: %v, %d, %+v", err, status, refused)
	}
}
