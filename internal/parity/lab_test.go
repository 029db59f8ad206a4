package parity

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim"
	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/awssim/seed"
	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/lbc/offline"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
)

const vpc = "vpc-01ab0001"

// lab is the account that the cases were recorded in, simulated, with the cluster's TargetGroupBindings and a
// controller.
type lab struct {
	t       *testing.T
	sim     *awssim.Simulator
	cluster string
	clock   *clock.Stepped
	config  *config.Config
	inv     *inventory.Inventory
	// defaults are the attributes of new load balancers by type and scheme, of new target groups by protocol and target
	// type, and of new listeners by protocol.
	defaults map[string]map[string]string

	// attachDefault has put attach the default certificate of a listener as a further one, too.
	attachDefault bool

	mu       sync.Mutex
	bindings map[string]*v1beta1.TargetGroupBinding // by namespace/name
}

func newLab(t *testing.T, flags ...string) *lab {
	t.Helper()
	raw, err := os.ReadFile("testdata/account.yaml")
	if err != nil {
		t.Fatal(err)
	}
	account, err := seed.Load(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{t: t, clock: clock.NewStepped(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)),
		bindings: map[string]*v1beta1.TargetGroupBinding{}}
	l.sim, err = awssim.New(awssim.Options{Seed: &account, Clock: l.clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.sim.Close(); err != nil {
			t.Error(err)
		}
	})
	l.config, err = config.Parse(append([]string{"--cluster-name=lab", "--aws-vpc-id=" + vpc, "--aws-region=us-west-2"},
		flags...))
	if err != nil {
		t.Fatal(err)
	}
	l.cluster = l.config.ClusterName
	l.readDefaults()
	l.restart()
	return l
}

// restart begins with a controller that knows nothing.
func (l *lab) restart() {
	l.inv = inventory.New(l.clients(), inventory.Config{Cluster: l.cluster, VPC: vpc, Now: l.clock.Now,
		AddOnTimeout: time.Minute})
}

func (l *lab) clients() awsclient.Clients {
	return awsclient.Clients{ELBV2: l.sim.Balancing, EC2: l.sim.Compute, ACM: l.sim.Trust, STS: l.sim.Identity,
		WAFv2: l.sim.Firewall, Shield: l.sim.Shield}
}

// plans is what a controller would do now.
func (l *lab) plans(r *cluster) []offline.Result {
	l.t.Helper()
	planner := offline.Planner{Account: l.inv, Config: l.config, Cluster: offline.Cluster{Bindings: l.of}}
	out, err := planner.Plans(l.t.Context(), objects.FromObjects(r.typed(l.t, l.names())),
		func(stack.Key) bool { return true })
	if err != nil {
		l.t.Fatal(err)
	}
	if len(out.Diagnostics) > 0 {
		l.t.Fatal(out.Diagnostics)
	}
	return out.Stacks
}

// settle makes passes until nothing is left to do. It tells the steps that were done, one line each.
func (l *lab) settle(r *cluster) []string {
	l.t.Helper()
	var done []string
	for range 40 {
		empty, next := true, time.Second
		for _, s := range l.plans(r) {
			if s.Plan.Empty() {
				continue
			}
			empty = false
			res := apply.Run(l.t.Context(), s.Plan, apply.Deps{Clients: l.clients(), Inventory: l.inv, Bindings: l,
				Now: l.clock.Now})
			for _, step := range s.Plan.Steps {
				o := res.Outcomes[step.ID]
				if o.State == apply.Failed || o.State == apply.Prevented {
					l.t.Fatalf("%s: %v", step.ID, o.Err)
				}
				if o.State == apply.Done {
					done = append(done, fmt.Sprintf("%s %s", plan.NameOf(step.Op), step.Resource))
				}
			}
			if until, ok := res.Wait(); ok {
				next = max(next, until.Sub(l.clock.Now()))
			}
		}
		if empty {
			return done
		}
		l.clock.Advance(next)
	}
	l.t.Fatalf("does not settle:\n%s", strings.Join(done, "\n"))
	return nil
}

// CreateBinding implements apply.Bindings.
func (l *lab) CreateBinding(_ context.Context, b stack.Binding) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := b.Namespace + "/" + b.Name
	if l.bindings[key] != nil {
		return fmt.Errorf("%w: %s", apply.ErrBindingExists, key)
	}
	l.bindings[key] = &v1beta1.TargetGroupBinding{ObjectMeta: metav1.ObjectMeta{Namespace: b.Namespace, Name: b.Name,
		Labels: b.Labels}, Spec: bindingobject.BindingSpec(b)}
	return nil
}

// UpdateBinding implements apply.Bindings.
func (l *lab) UpdateBinding(_ context.Context, b stack.Binding) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	o := l.bindings[b.Namespace+"/"+b.Name]
	o.Labels, o.Spec = b.Labels, bindingobject.BindingSpec(b)
	return nil
}

// ReleaseBinding implements apply.Bindings.
func (l *lab) ReleaseBinding(_ context.Context, namespace, name string, labels []string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range labels {
		delete(l.bindings[namespace+"/"+name].Labels, k)
	}
	return nil
}

// DeleteBinding implements apply.Bindings.
func (l *lab) DeleteBinding(_ context.Context, namespace, name string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.bindings, namespace+"/"+name)
	return nil
}

func (l *lab) of(key stack.Key) []awsop.Binding {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []awsop.Binding
	for _, o := range l.bindings {
		if bindingobject.HasLabels(o.Labels, naming.Labels(key)) {
			out = append(out, bindingobject.ObservedBinding(o))
		}
	}
	return out
}
