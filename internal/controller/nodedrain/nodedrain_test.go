package nodedrain

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

const arn = "arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/web/0123"

// registry answers with the targets of the node "leaves".
type registry struct {
	registrar.NodeTargets
	known bool
}

func (r *registry) OfNodes(instances map[string]string) map[string]registrar.NodeTargets {
	out := map[string]registrar.NodeTargets{}
	for name := range instances {
		out[name] = r.NodeTargets
	}
	return out
}

func (r *registry) Learnt(registrar.Group) bool { return r.known }

// world is a cluster of a node that stays and one whose changes a test makes, and the writes to them.
type world struct {
	*testing.T
	*Writer
	*registry
	now    time.Time
	writes int
	err    error // of writes
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, registry: &registry{known: true}, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	ready := corev1.NodeStatus{Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}}
	c := fake.NewClientBuilder().WithScheme(scheme.Scheme).WithStatusSubresource(&corev1.Node{}).WithObjects(
		&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "stays"}, Status: ready}, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "leaves"}, Status: ready},
	).WithInterceptorFuncs(interceptor.Funcs{
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
			w.writes++
			if w.err != nil {
				return w.err
			}
			return c.SubResource(sub).Patch(ctx, o, p, opts...)
		},
	}).Build()
	w.Writer = &Writer{Client: c, Targets: w.registry, Now: func() time.Time { return w.now }, Log: logr.Discard(), Groups: func(context.Context) map[types.NamespacedName]registrar.Group {
		return map[types.NamespacedName]registrar.Group{{Namespace: "shop", Name: "web"}: {ARN: arn}}
	}}
	return w
}

// restart begins the next process.
func (w *world) restart() {
	w.Writer = &Writer{Client: w.Client, Targets: w.registry, Groups: w.Groups, Now: w.Now, Log: w.Log}
}

func (w *world) cordon(on bool) {
	w.Helper()
	n := &corev1.Node{}
	err := w.Client.Get(w.Context(), client.ObjectKey{Name: "leaves"}, n)
	n.Spec.Unschedulable = on
	if err = errors.Join(err, w.Client.Update(w.Context(), n)); err != nil {
		w.Fatal(err)
	}
}

// look looks after a while and expects the condition of the node that leaves: "STATUS REASON: MESSAGE", "" = none; and so many writes.
func (w *world) look(after time.Duration, want string, writes int) {
	w.Helper()
	w.writes, w.now = 0, w.now.Add(after)
	w.Look(w.Context())
	var nodes corev1.NodeList
	if err := w.Client.List(w.Context(), &nodes); err != nil {
		w.Fatal(err)
	}
	for _, n := range nodes.Items {
		got, ready := "", false
		for _, c := range n.Status.Conditions {
			ready = ready || c.Type == corev1.NodeReady
			if c.Type == Condition {
				got = fmt.Sprintf("%s %s: %s", c.Status, c.Reason, c.Message)
			}
		}
		if !ready {
			w.Errorf("%s lost its condition Ready", n.Name)
		}
		if n.Name == "stays" && got != "" || n.Name == "leaves" && (want == "" && got != "" || !strings.HasPrefix(got, want)) {
			w.Errorf("the condition of %s is %q, want %q", n.Name, got, want)
		}
	}
	if w.writes != writes {
		w.Errorf("%d writes for %q, want %d", w.writes, want, writes)
	}
}

func TestANodeThatLeavesShowsWhetherItsTargetsHaveDrainedAndOtherNodesAreNotWritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Registered = []string{arn}
	w.look(0, "", 0)
	w.cordon(true)
	w.look(tick, "False TargetsRegistered: there are targets in target group web", 1)
	w.look(tick, "False TargetsRegistered", 0)
	w.Registered, w.Draining, w.Until = nil, []string{arn}, w.now.Add(20*time.Second)
	w.look(tick, "False TargetsDraining: targets drain until 2026-01-01T00:00:24Z in target group web", 1)
	w.Draining = nil
	w.look(tick, "True NoTargets", 1)
	w.look(time.Hour, "True NoTargets", 0)
	w.cordon(false)
	w.look(tick, "", 1)
	w.look(tick, "", 0)
}

func TestTheMessageOfANodeFollowsItsTargetGroupsAtMostTwiceAMinute(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.look(0, "", 0)
	w.cordon(true)
	w.Registered = []string{arn, strings.Replace(arn, "web", "api", 1)}
	w.look(tick, "False TargetsRegistered: there are targets in target groups web, api", 1)
	w.Registered = []string{arn}
	w.look(tick, "False TargetsRegistered: there are targets in target groups web, api", 0)
	w.look(refresh, "False TargetsRegistered: there are targets in target group web", 1)
}

func TestWhatDrainsSinceBeforeTheStartHoldsNodesThatWereLeavingThen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cordon(true)
	w.look(0, "False ControllerStarting", 1)
	w.look(registrar.DefaultDrainTime-tick, "False ControllerStarting", 0)
	w.look(2*tick, "True NoTargets", 1)
	w.restart()
	w.look(tick, "True NoTargets", 0)
	w.cordon(false)
	w.look(tick, "", 1)
	w.known = false
	w.cordon(true)
	w.look(tick, "False ControllerStarting", 1)
	w.known = true
	w.look(tick, "True NoTargets", 1)
}

func TestARefusedWriteIsTriedAgainAfterAPause(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.look(0, "", 0)
	w.cordon(true)
	w.err = apierrors.NewForbidden(schema.GroupResource{Resource: "nodes/status"}, "leaves", errors.New("no right"))
	w.look(tick, "", 1)
	w.look(tick, "", 0)
	w.err = nil
	w.look(refused, "True NoTargets", 1)
}
