package reports

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// reportedEdit is an input that serves, and the edits of it that AWS or the load balancer cannot have. Each edit is a
// patch, and what the user hears of it; empty = nothing.
type reportedEdit struct {
	file, namespace string
	gateway         string // that serves; empty = Service edge
	requests        []harness.Request
	edits           []patch
}

type patch struct {
	object, text string
	told         told
	// check waits for what the edit changes in AWS; nil = it changes nothing.
	check func(*testing.T, *harness.Cluster)
}

const keepsServing = "keeps serving"

var reportedEdits = []reportedEdit{
	{file: "47-target-group-changes", namespace: "tgu", gateway: "edge",
		requests: []harness.Request{{Target: "http://ADDRESS/"}}, edits: []patch{
			{"targetgroupconfiguration/web", `{"spec":{"defaultConfiguration":{"healthCheckConfig":{"healthCheckPath":` +
				`"/health"}}}}`, told{}, healthIsChecked},
			{"targetgroupconfiguration/web", `{"spec":{"defaultConfiguration":{"protocolVersion":"HTTP2"}}}`,
				told{"HTTPRoute", "web", []string{keepsServing}}, nil},
		}},
	{file: "51-http2-backend-of-a-served-route", namespace: "h2", gateway: "edge", requests: []harness.Request{
		{Target: "http://ADDRESS/", Host: "www.example.com"}, {Target: "https://ADDRESS/", Host: "www.example.com"}},
		edits: []patch{{"service/web", `{"spec":{"ports":[{"port":80,"appProtocol":"kubernetes.io/h2c"}]}}`,
			told{"HTTPRoute", "web", []string{keepsServing}}, nil}}},
	{file: "53-subnet-of-the-same-zone", namespace: "sub", requests: []harness.Request{{Target: "http://ADDRESS/"}},
		edits: []patch{{"service/edge", `{"metadata":{"annotations":{` +
			`"service.beta.kubernetes.io/aws-load-balancer-subnets":"subnet-0a1de0000000000a1,subnet-0a1de0000000000b2"}}}`,
			told{"Service", "edge", []string{"subnet-0a1de0000000000a1 instead of subnet-0a1de0000000000a2 in zone"}},
			noSubnetsPlanned}}},
	{file: "64-edit-of-a-served-route", namespace: "edit", gateway: "edge", requests: []harness.Request{
		{Target: "http://ADDRESS/app/abc"}}, edits: []patch{
		{"httproute/web", edited(`{"type":"RequestMirror","requestMirror":{"backendRef":{"name":"web","port":80}}}`),
			told{"HTTPRoute", "web", []string{"RequestMirror", keepsServing}}, nil},
		{"httproute/web", edited(""), told{}, routeIsRead},
		{"httproute/web", edited(`{"type":"URLRewrite","urlRewrite":{"path":{"type":"ReplaceFullPath","replaceFullPath":` +
			`"/$1"}}}`), told{"HTTPRoute", "web", []string{"$1", keepsServing}}, nil},
	}},
}

// edited is a patch of the rules of route edit/web.
func edited(filter string) string {
	return `{"spec":{"rules":[{"matches":[{"path":{"type":"RegularExpression","value":"/app/([a-z]+)"}}],` +
		`"backendRefs":[{"name":"web","port":80}],"filters":[` + filter + `]}]}}`
}

// TestReportedEditsLoseNoRequest shows that an edit that the load balancer cannot have leaves what
// serves, and that the user hears of it. Plans are without a call that AWS refuses.
func TestReportedEditsLoseNoRequest(t *testing.T) {
	if testing.Short() {
		t.Skip("it plays the edits of reports; properties of internal/front show each kind")
	}
	c := harness.Start(t, harness.Options{})
	for _, e := range reportedEdits {
		t.Run(e.file, func(t *testing.T) {
			t.Parallel()
			c.ApplyFile(t, filepath.Join("testdata", e.file+".yaml"))
			var address string
			if e.gateway == "" {
				address = c.ServiceAddress(t, e.namespace, "edge")
			} else {
				address = scene.GatewayAddress(t, c, e.namespace, e.gateway)
			}
			var stops []func()
			for _, r := range e.requests {
				r.Target = strings.Replace(r.Target, "ADDRESS", address, 1)
				c.WaitAnswer(t, r, 200, "")
				stops = append(stops, steady(t, c, r))
			}
			for _, p := range e.edits {
				kind := "--type=merge"
				if strings.HasPrefix(p.object, "service/") {
					kind = "--type=strategic"
				}
				c.Kubectl(t, "patch", "-n", e.namespace, p.object, kind, "-p", p.text)
				if p.told.kind != "" {
					waitTold(t, c, e.namespace, p.told)
				}
				if p.check != nil {
					p.check(t, c)
				}
				waitCalm(t, c)
			}
			for _, stop := range stops {
				stop()
			}
		})
	}
	t.Cleanup(func() { wantNoneRefused(t, c) }) // after the parallel ones
}

// waitCalm waits until nothing has been changed for two seconds: an event comes before the writes of its pass.
func waitCalm(t *testing.T, c *harness.Cluster) {
	t.Helper()
	mark, since := c.Mark(), time.Now()
	c.WaitFor(t, "two seconds without a change", func(context.Context) error {
		if changes := c.Changes(mark); len(changes) > 0 {
			mark, since = c.Mark(), time.Now()
			return fmt.Errorf("%w: %v", errChanges, changes)
		}
		if time.Since(since) < 2*time.Second {
			return errChanges
		}
		return nil
	})
}

func healthIsChecked(t *testing.T, c *harness.Cluster) {
	t.Helper()
	c.WaitFor(t, "the health check path", func(context.Context) error {
		for _, tg := range c.Simulator.Resources().TargetGroups {
			if strings.HasPrefix(tg.Name, "k8s-tgu-web") && strings.Contains(tg.HealthCheck, " /health ") {
				return nil
			}
		}
		return errChanges
	})
}

// routeIsRead waits until the controller has seen the last edit of route edit/web.
func routeIsRead(t *testing.T, c *harness.Cluster) {
	t.Helper()
	c.WaitFor(t, "the status of the edit", func(context.Context) error {
		out := c.Kubectl(t, "get", "-n", "edit", "httproute/web", "-o",
			"jsonpath={.metadata.generation} {.status.parents[0].conditions[?(@.type=='Accepted')].observedGeneration}")
		if is := strings.Fields(out); len(is) != 2 || is[0] != is[1] {
			return fmt.Errorf("%w: %s", errChanges, out)
		}
		return nil
	})
}

// noSubnetsPlanned expects that lbc plans no change of subnets, which AWS would refuse.
func noSubnetsPlanned(t *testing.T, c *harness.Cluster) {
	t.Helper()
	out := lbc(t, c, []int{0, invalidStatus}, append([]string{"plan", "-n", "sub"}, scope(c)...)...)
	if strings.Contains(out, "SetSubnets") || strings.Contains(out, "set subnets") {
		t.Errorf("plan says\n%s", out)
	}
	want(t, "plan", out, []string{"subnet-0a1de0000000000a1 instead of subnet-0a1de0000000000a2"})
}

// steady makes requests, until the function that it returns has seen thirty more, which fails the test for each that is
// not answered with 200.
func steady(t *testing.T, c *harness.Cluster, r harness.Request) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var made atomic.Int64
	lost := make(chan string, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if got, err := c.Get(ctx, r.Target, r.Host); ctx.Err() == nil && (err != nil || got.Status != 200) {
				select {
				case lost <- fmt.Sprintf("request %d: %v, %d", made.Load(), err, got.Status):
				default: // the first one is told
				}
			}
			made.Add(1)
		}
	}()
	t.Cleanup(cancel)
	return func() {
		from := made.Load()
		c.WaitFor(t, "further requests", func(context.Context) error {
			if n := made.Load() - from; n < 30 {
				return fmt.Errorf("%w: %d were made", errChanges, n)
			}
			return nil
		})
		cancel()
		<-ended
		select {
		case text := <-lost:
			t.Errorf("%s: %s", r.Target, text)
		default:
		}
	}
}
