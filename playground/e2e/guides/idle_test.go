package guides

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/playground/harness"
)

// work is the state of the controller's queues: passes by kind, and what is queued or at work.
type work struct {
	passes map[string]int
	open   int
}

// progress reads the controller's metrics.
func progress(ctx context.Context, c *harness.Cluster) (work, error) {
	w := work{passes: map[string]int{}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Env.ControllerMetrics(), nil)
	if err != nil {
		return w, err
	}
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return w, err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), "} ")
		name, labels, _ := strings.Cut(name, "{")
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			continue
		}
		switch name {
		case "controller_runtime_reconcile_total":
			_, kind, _ := strings.Cut(labels, `controller="`)
			kind, _, _ = strings.Cut(kind, `"`)
			w.passes[kind] += int(n)
		case "workqueue_depth", "controller_runtime_active_workers":
			w.open += int(n)
		}
	}
	return w, lines.Err()
}

// waitPasses waits until the controller has made so many more passes of each kind since from, and has nothing left to
// do.
func waitPasses(t *testing.T, c *harness.Cluster, from work, more map[string]int) {
	t.Helper()
	c.WaitFor(t, fmt.Sprintf("passes: %v more than %v", more, from.passes), func(ctx context.Context) error {
		now, err := progress(ctx, c)
		if err != nil {
			return err
		}
		for kind, n := range more {
			if now.passes[kind] < from.passes[kind]+n {
				return fmt.Errorf("%s: %d", kind, now.passes[kind])
			}
		}
		if now.open > 0 {
			return fmt.Errorf("%d are queued or at work", now.open)
		}
		return nil
	})
}

// stacks counts what the controller makes passes over for some rows.
func stacks(rows ...*scenario) map[string]int {
	n := map[string]int{}
	for _, s := range rows {
		for _, b := range s.balancers {
			n[b.passes()]++
			n["targetGroupBinding"] += len(b.groups)
		}
		n["targetGroupBinding"] += len(s.bindings)
	}
	return n
}

// passes is the name of the controller that makes passes over what the load balancer is made for.
func (b balancer) passes() string {
	switch {
	case b.gateway != nil && b.nlb:
		return "gateway.k8s.aws/nlb"
	case b.gateway != nil:
		return "gateway.k8s.aws/alb"
	case b.nlb:
		return "service"
	}
	return "ingress"
}

// touched counts the passes that an edit of every object brings.
func touched(rows ...*scenario) map[string]int {
	n := stacks(rows...)
	delete(n, "targetGroupBinding")
	for _, s := range rows {
		if len(s.bindings) > 0 {
			n["targetGroupBinding"] += len(s.bindings)
		}
	}
	return n
}

// expectNoWrites does something after which the controller passes over the rows again, and finds nothing to write.
func expectNoWrites(t *testing.T, c *harness.Cluster, what string, more map[string]int, do func()) {
	t.Helper()
	mark := c.Mark()
	from, err := progress(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if what == restart {
		from = work{}
	}
	do()
	waitPasses(t, c, from, more)
	if w := c.Writes(mark); len(w) > 0 {
		t.Errorf("after %s the controller wrote:\n  %s", what, strings.Join(w, "\n  "))
	}
}

const restart = "a restart"
