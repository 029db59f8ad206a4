package bindings

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// cutting is a Service with two slices whose pods serve. The cache lacks one of them if its list is cut off.
type cutting struct {
	*lab.Lab
	arn         string
	slice       *discoveryv1.EndpointSlice
	first, want []string // registered without, and with the pods of slice
}

func newCutting(t *testing.T) *cutting {
	t.Helper()
	l, b := lab.BoundLab(t)
	l.Misreads = &lab.Misreads{}
	l.Restart()
	c := &cutting{Lab: l, arn: b.Spec.TargetGroupARN}
	c.first = c.registered()
	more := lab.ChaosEndpoints("cut", "node-a", "10.0.1.3", "10.0.1.4")
	c.slice, _ = more[0].(*discoveryv1.EndpointSlice)
	if c.slice.Name = "a"; !lab.CutOff(c.slice.Name) {
		t.Fatal("the slice is not the one that is cut off")
	}
	c.slice.Labels = map[string]string{discoveryv1.LabelServiceName: b.Spec.ServiceRef.Name}
	for _, o := range more {
		if p, ok := o.(*corev1.Pod); ok {
			p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: corev1.ContainersReady,
				Status: corev1.ConditionTrue})
		}
	}
	l.Create(more...)
	l.Settle()
	c.want = slices.Sorted(slices.Values(append(slices.Clone(c.first), "10.0.1.3:8080", "10.0.1.4:8080")))
	c.expect("at first", c.want)
	return c
}

func (c *cutting) registered() []string { return slices.Sorted(slices.Values(c.Targets(c.arn))) }

func (c *cutting) expect(when string, want []string) {
	c.Helper()
	if got := c.registered(); !slices.Equal(got, want) {
		c.Errorf("%s: registered %v, want %v\n%s", when, got, want, strings.Join(c.Events, "\n"))
	}
}

// restart begins a process that finds the registered targets in a checkpoint, or reads them after a crash.
func (c *cutting) restart(checkpoint bool) {
	registered := c.Bound.Registry.Registered(awsclient.Scope{})
	if c.Checkpointer != nil {
		c.Crash()
	}
	if c.Restart(); !checkpoint {
		return
	}
	if len(registered[c.arn]) == 0 {
		c.Error("a checkpoint would have no targets")
	}
	c.Bound.Registry.Assume(awsclient.Scope{}, registered)
}

// TestCacheWithoutSomeSlicesDeregistersNothing has the cache lack one of two slices of a Service whose pods serve, for
// as long as the API server has it.
func TestCacheWithoutSomeSlicesDeregistersNothing(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"list cut off", "list cut off, denied"} {
		for when, restart := range map[string]func(*cutting){
			"running": func(*cutting) {}, "restart": func(c *cutting) { c.restart(false) },
			"restart with checkpoint": func(c *cutting) { c.restart(true) },
		} {
			t.Run(way+", "+when, func(t *testing.T) {
				t.Parallel()
				c := newCutting(t)
				struck := c.Misreads.Fail("discovery/v1.EndpointSlice", way)
				restart(c)
				for range 3 {
					_, _ = c.Round()
				}
				if c.expect("cut off", c.want); struck() == 0 {
					t.Error("nothing was cut off")
				}
				if way == "list cut off, denied" && !strings.Contains(strings.Join(c.Events, "\n"),
					"the cache has no EndpointSlices of Service shop/web, and reading them from the API server failed") {
					t.Errorf("no event has the cause:\n%s", strings.Join(c.Events, "\n"))
				}
				c.Misreads.End()
				c.Must(c.Client.Delete(t.Context(), c.slice))
				c.Settle()
				c.expect("once the API server does not have it", c.first)
			})
		}
	}
}

// TestStartAsksForSlicesOnlyBeforeItDeregisters counts the lists of slices that a start asks the API server for.
func TestStartAsksForSlicesOnlyBeforeItDeregisters(t *testing.T) {
	t.Parallel()
	for _, checkpoint := range []bool{false, true} {
		for name, test := range map[string]struct {
			meanwhile func(*cutting)
			lists     int
		}{
			"nothing changed": {func(*cutting) {}, 0},
			"pods ended": {func(c *cutting) {
				c.Must(c.Client.Delete(c.Context(), c.slice))
				c.Must(c.Client.DeleteAllOf(c.Context(), &corev1.Pod{}, client.InNamespace("shop")))
			}, 0},
			"a slice went": {func(c *cutting) { c.Must(c.Client.Delete(c.Context(), c.slice)) }, 1},
		} {
			t.Run(fmt.Sprintf("%s, checkpoint %t", name, checkpoint), func(t *testing.T) {
				t.Parallel()
				c := newCutting(t)
				test.meanwhile(c)
				c.restart(checkpoint)
				api := &countingLists{Reader: c.Bound.APIReader}
				c.Bound.APIReader = api
				mark := c.Mark()
				c.Settle()
				if api.slices != test.lists {
					t.Errorf("%d lists, want %d", api.slices, test.lists)
				}
				if name == "nothing changed" && len(c.Writes(mark)) > 0 {
					t.Errorf("writes %v", c.Writes(mark))
				}
				if name == "a slice went" {
					c.expect("in the end", c.first)
				}
			})
		}
	}
}

// countingLists counts the lists of EndpointSlices.
type countingLists struct {
	client.Reader
	slices int
}

func (c *countingLists) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	if _, ok := list.(*discoveryv1.EndpointSliceList); ok {
		c.slices++
	}
	return c.Reader.List(ctx, list, options...)
}
