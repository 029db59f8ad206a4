package chaos

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/checkpoint"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// refusing is an API server that refuses some writes of a process, in one way, while it is on.
type refusing struct {
	*lab.Lab
	on      atomic.Bool
	refused atomic.Int32
	writes  func(verb string, o client.Object) bool
	err     error
}

func (r *refusing) write(verb string, o client.Object, do func() error) error {
	if r.on.Load() && r.writes(verb, o) {
		r.refused.Add(1)
		return r.err
	}
	err := do()
	if i, ok := o.(*networkingv1.Ingress); ok && err == nil && i.DeletionTimestamp != nil && len(i.Finalizers) == 0 {
		for _, lb := range r.Sim.Resources().LoadBalancers {
			if lb.Tags["ingress.k8s.aws/stack"] == "shop/"+i.Name {
				r.Errorf("%s is released before AWS is clean", i.Name)
			}
		}
	}
	return err
}

// begin begins a process behind the API server.
func (r *refusing) begin() {
	plain := r.Client
	r.Client = interceptor.NewClient(plain.(client.WithWatch), interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			return r.write("create", o, func() error { return c.Create(ctx, o, opts...) })
		},
		Update: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.UpdateOption) error {
			return r.write("update", o, func() error { return c.Update(ctx, o, opts...) })
		},
		Delete: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
			return r.write("delete", o, func() error { return c.Delete(ctx, o, opts...) })
		},
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch,
			opts ...client.PatchOption) error {
			return r.write("patch", o, func() error { return c.Patch(ctx, o, p, opts...) })
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch,
			opts ...client.SubResourcePatchOption) error {
			return r.write("status", o, func() error { return c.SubResource(sub).Patch(ctx, o, p, opts...) })
		},
	})
	r.Restart()
	r.Client = plain
}

// wait lets time pass. Checkpoints are written now and then.
func (r *refusing) wait(d time.Duration, keys ...stack.Key) {
	r.Helper()
	r.Pass(d, []lab.Loop{
		{Every: 15 * time.Second, Run: func(ctx context.Context) { r.Bound.Drains.Look(ctx) }},
		{Every: 30 * time.Second, Run: func(ctx context.Context) { r.Ingresses.Backend.Look(ctx) }},
		{Every: checkpoint.WriteInterval, Run: func(ctx context.Context) { _ = r.Checkpointer.Store.Flush(ctx) }},
	}, keys...)
}

// refusedKinds are the writes that the API server refuses, and refusedWays the ways.
var (
	refusedKinds = map[string]func(verb string, o client.Object) bool{
		"no write":                func(string, client.Object) bool { return false },
		"status of Ingresses":     writeOf[*networkingv1.Ingress]("status"),
		"finalizers of Ingresses": writeOf[*networkingv1.Ingress]("patch"),
		"status of Services":      writeOf[*corev1.Service]("status"),
		"finalizers of Services":  writeOf[*corev1.Service]("patch"),
		"status of bindings":      writeOf[*v1beta1.TargetGroupBinding]("status"),
		"finalizers of bindings":  writeOf[*v1beta1.TargetGroupBinding]("patch"),
		"creations of bindings":   writeOf[*v1beta1.TargetGroupBinding]("create"),
		"deletions of bindings":   writeOf[*v1beta1.TargetGroupBinding]("delete"),
		"checkpoints":             writeOf[*corev1.ConfigMap]("create", "update", "patch", "delete"),
	}
	refusedWays = map[string]error{
		"throttled": apierrors.NewTooManyRequests("wait", 5),
		"conflict":  apierrors.NewConflict(schema.GroupResource{Resource: "objects"}, "x", errors.New("another version")),
		"webhook": apierrors.NewForbidden(schema.GroupResource{Resource: "objects"}, "x",
			errors.New(`admission webhook "v.kyverno.svc-fail" denied the request: no team`)),
		"hanging": context.DeadlineExceeded,
	}
)

// writeOf reports whether a write is one of some verbs, of an object of type T.
func writeOf[T client.Object](verbs ...string) func(verb string, o client.Object) bool {
	return func(verb string, o client.Object) bool {
		_, of := o.(T)
		return of && slices.Contains(verbs, verb)
	}
}

// refusedLife has one object come, others change and one go, while writes to objects are refused, and after that. It
// returns the account then.
func refusedLife(r *refusing) (account string, by map[string]int, said []string) {
	r.begin()
	r.CrashWait(20 * time.Second)
	mark, from := r.Mark(), len(r.Events)
	r.on.Store(true)
	r.Create(lab.Ingress("edge", nil, "s1"), lab.CrashBalancer("edge"))
	r.Scale("s0", lab.SoakAddress(0, 0), lab.SoakAddress(0, 1))
	r.Scale("s1", lab.SoakAddress(1, 1))
	r.Balancer("net", "attributes", "load_balancing.cross_zone.enabled=true")
	keys := append(slices.Clone(lab.CrashKeys), lab.Key("edge"))
	r.wait(2*time.Minute, keys...)
	b := &v1beta1.TargetGroupBinding{}
	r.Get(b, "bound")
	if got := r.Targets(b.Spec.TargetGroupARN); len(got) != 1 || !strings.HasPrefix(got[0], lab.SoakAddress(1, 1)) {
		r.Errorf("targets of the user's binding: %v", got)
	}
	on := 0
	for _, lb := range r.Sim.Resources().LoadBalancers {
		if lb.Attributes["load_balancing.cross_zone.enabled"] == "true" && lb.Type == "network" {
			on++
		}
	}
	if on != 1 {
		r.Errorf("the edit of Service net is in effect %d times", on)
	}
	r.Drop(&networkingv1.Ingress{}, "base")
	r.Drop(&corev1.Service{}, "net")
	r.wait(3*time.Minute, keys...)
	said = slices.Clone(r.Events[from:])
	r.on.Store(false)
	r.wait(10*time.Minute, keys...)
	if r.Get(&networkingv1.Ingress{}, "base") || r.Get(&corev1.Service{}, "net") {
		r.Error("what is deleted does not go")
	}
	_, by = r.Counts(mark)
	return r.Account(), by, said
}

// judge compares the number of refused writes, and what was said meanwhile.
func (r *refusing) judge(kind string, said []string) {
	r.Helper()
	n, times, all := r.refused.Load(), map[string]int{}, strings.Join(said, "\n")
	if n == 0 != (kind == "no write") || n > 100 && kind != "checkpoints" {
		r.Errorf("%d writes were refused in five minutes", n)
	}
	for _, s := range said {
		if times[s]++; times[s] == 2 && !strings.Contains(s, "Successfully") {
			r.Errorf("told twice: %s", s)
		}
	}
	if n > 0 && kind != "checkpoints" && !strings.Contains(all, "v.kyverno.svc-fail refuses") && !strings.Contains(all,
		r.err.Error()) && !strings.Contains(all, "does not answer in time") {
		r.Errorf("nobody is told:\n%s", all)
	}
}

// TestRefusedObjectWritesHoldOnlyTheirObject has the API server refuse each kind of write in each way for minutes.
func TestRefusedObjectWritesHoldOnlyTheirObject(t *testing.T) {
	t.Parallel()
	never := refusedKinds["no write"]
	want, most, _ := refusedLife(&refusing{Lab: lab.CrashLab(t, true, false), writes: never})
	for _, kind := range slices.Sorted(maps.Keys(refusedKinds)) {
		for _, way := range slices.Sorted(maps.Keys(refusedWays)) {
			t.Run(kind+", "+way, func(t *testing.T) {
				t.Parallel()
				r := &refusing{Lab: lab.CrashLab(t, true, false), writes: refusedKinds[kind], err: refusedWays[way]}
				got, by, said := refusedLife(r)
				if d := lab.LinesApart(got, want); d != "" {
					t.Errorf("in the end the account (+) is not as it would have been (-):\n%s", d)
				}
				if kind == "creations of bindings" {
					delete(by, "RevokeSecurityGroupIngress") // of net, as no binding of edge needs the rules yet
				}
				for _, more := range callsBeyond(withholding(by), withholding(most)) {
					t.Error(more)
				}
				r.judge(kind, said)
			})
		}
	}
}
