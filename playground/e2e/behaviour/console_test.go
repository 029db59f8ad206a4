package behaviour

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	neturl "net/url"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/lib/longtest"
	"github.com/k8s-lbc/lbc/internal/view/console"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// freeAddress is an address that nothing listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // nothing was sent
	return l.Addr().String()
}

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
	defer resp.Body.Close() //nolint:errcheck // read to its end
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, json.Unmarshal(text, v)
}

// TestTheControllerShowsWhatItHoldsInItsConsole shows that the console of a controller process
// serves its load balancers, passes, events and targets over HTTP. The test is not parallel: it has
// a controller of its own.
func TestTheControllerShowsWhatItHoldsInItsConsole(t *testing.T) {
	longtest.Long(t, "it starts the controller with flags or a policy of its own, while nothing else runs")
	const ns = "watched"
	at := freeAddress(t)
	c := harness.Start(t, harness.Options{ExtraArgs: []string{"--console-bind-addr=" + at}})
	c.Apply(t, scene.Namespace(ns, 1)+scene.Ingress(ns, "web", scene.Class, public(nil)))
	lb := serve(t, c, ns, "web", "/")
	key := "ingress.k8s.aws:" + ns + "/web"
	get := func(ctx context.Context, path string, parameters neturl.Values, v any) error {
		status, err := ask(ctx, "http://"+at+path+"?"+parameters.Encode(), "", v)
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("%s: %d", path, status)
		}
		return err
	}
	c.WaitFor(t, "the load balancer in the list", func(ctx context.Context) error {
		var o console.Overview
		if err := get(ctx, "/api/overview", nil, &o); err != nil {
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
		made, event, healthy := false, false, 0
		for _, p := range d.Passes {
			for _, s := range p.Steps {
				made = made || s.Operation == "CreateLoadBalancer" && s.Outcome == "done"
			}
		}
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
		if !made || !event || healthy == 0 || len(d.Ports) != 1 || len(d.Steps) != 0 {
			return fmt.Errorf("%+v", d)
		}
		return nil
	})
	var w console.Walk
	if err := get(t.Context(), "/api/request", neturl.Values{"key": {key}, "request": {"GET http://" + lb.DNSName + "/"}, "from": {"192.0.2.1"}}, &w); err != nil || len(w.Groups) != 1 || !strings.Contains(w.Groups[0].Health, "healthy") {
		t.Errorf("%v: %+v", err, w)
	}
	var refused struct{ Error string }
	if status, err := ask(t.Context(), "http://"+at+"/api/overview", "rebound.example.com", &refused); err != nil || status != http.StatusForbidden || !strings.Contains(refused.Error, "is not a name of this machine") {
		t.Errorf("another host: %v, %d, %+v", err, status, refused)
	}
}
