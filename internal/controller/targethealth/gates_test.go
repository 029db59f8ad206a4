package targethealth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/smithy-go"
	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/pod/readiness"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// gated is a cluster whose pods wait for the binding shop/web, and the AWS behind it.
type gated struct {
	*Gates
	mu      sync.Mutex
	at      time.Time
	created metav1.Time // the binding
	cached  []corev1.Pod
	refuse  map[string]error // patches by pod
	patches []string         // "pod status reason"
	states  map[string]readiness.Health
	down    error // of AWS
	asked   []int // targets that were asked for by name, per look
	whole   int   // groups told to others
	missing int
	ends    atomic.Int32 // of bindings, or failures of them, that were told of
	waited  []time.Duration
	told    []diag.Diagnostic
}

const gateARN = "arn:web"

var gateKey = types.NamespacedName{Namespace: "shop", Name: "web"}

func newGated(pods int) *gated {
	g := &gated{at: time.Unix(1_000_000, 0), refuse: map[string]error{}, states: map[string]readiness.Health{}}
	for i := range pods {
		p := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprintf("web-%d", i),
			UID: types.UID(fmt.Sprintf("u-%d", i))}}
		p.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: readiness.Gate("web")}}
		g.cached = append(g.cached, p)
	}
	g.Gates = NewGates(nil, nil, "", func() time.Time { return g.at }, logr.Discard())
	g.Pods = func(context.Context, types.NamespacedName) (out []*corev1.Pod, err error) {
		for _, p := range g.cached {
			out = append(out, &p)
		}
		return out, nil
	}
	g.Patch, g.Health = g.write, g.describe
	g.Counted = func(string, []registrar.Health) { g.whole++ }
	g.Report = func(d diag.Diagnostic) { g.told = append(g.told, d) }
	g.Lost, g.Ended = func(types.NamespacedName, registrar.Group) { g.missing++ },
		func(types.NamespacedName) { g.ends.Add(1) }
	g.Opened = func(_ types.NamespacedName, after time.Duration) {
		g.mu.Lock()
		g.waited = append(g.waited, after)
		g.mu.Unlock()
	}
	g.LongestPause = 15 * time.Second
	return g
}

// write patches the cached pod, as the API server and the watch do.
func (g *gated) write(_ context.Context, pod types.NamespacedName, patch []byte) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.refuse[pod.Name]; err != nil {
		return err
	}
	var p corev1.Pod
	if err := json.Unmarshal(patch, &p); err != nil {
		return err
	}
	c := p.Status.Conditions[0]
	for i := range g.cached {
		if g.cached[i].Name == pod.Name && g.cached[i].UID == p.UID {
			g.cached[i].Status.Conditions = []corev1.PodCondition{c}
		}
	}
	g.patches = append(g.patches, fmt.Sprintf("%s %s %s", pod.Name, c.Status, c.Reason))
	return nil
}

func (g *gated) describe(_ context.Context, _ registrar.Group, only ...registrar.Target) ([]registrar.Health, error) {
	g.asked = append(g.asked, len(only))
	var out []registrar.Health
	for i := range g.cached {
		t := targetOf(i)
		if h, ok := g.states[g.cached[i].Name]; ok && (len(only) == 0 || slices.Contains(only, t)) {
			out = append(out, registrar.Health{Target: t, State: h.State, Reason: h.Reason, Description: h.Description})
		}
	}
	return out, g.down
}

func targetOf(i int) registrar.Target {
	return registrar.Target{ID: fmt.Sprintf("10.0.%d.%d", i/250, i%250), Port: 8080}
}

// pass is a pass over the binding that found the pods from..to and registered those of added.
func (g *gated) pass(t *testing.T, from, to int, added ...int) {
	t.Helper()
	o := &v1beta1.TargetGroupBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web",
		CreationTimestamp: g.created}}
	ip := v1beta1.TargetTypeIP
	o.Spec.TargetGroupARN, o.Spec.TargetType = gateARN, &ip
	var endpoints []registrar.Endpoint
	for i := from; i < to; i++ {
		endpoints = append(endpoints, registrar.Endpoint{Target: targetOf(i), Namespace: "shop",
			Pod: fmt.Sprintf("web-%d", i)})
	}
	var change registrar.Change
	for _, i := range added {
		change.Added = append(change.Added, targetOf(i).Key())
	}
	if err := g.Observe(t.Context(), o, registrar.Group{ARN: o.Spec.TargetGroupARN}, registrar.EndpointsOf(endpoints...),
		change); err != nil {
		t.Fatal(err)
	}
	g.flush(t.Context())
}

func TestEndpointsThatACallRegistersAreNotJudgedYet(t *testing.T) {
	t.Parallel()
	g := newGated(2)
	o := &v1beta1.TargetGroupBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
	ip := v1beta1.TargetTypeIP
	o.Spec.TargetGroupARN, o.Spec.TargetType = gateARN, &ip
	var endpoints []registrar.Endpoint
	for i := range 2 {
		endpoints = append(endpoints, registrar.Endpoint{Target: targetOf(i), Namespace: "shop", Pod: fmt.Sprint("web-", i)})
	}
	change := registrar.Change{Pending: true, Added: []string{targetOf(1).Key()}, Unanswered: []string{targetOf(0).Key()}}
	if err := g.Observe(t.Context(), o, registrar.Group{ARN: gateARN}, registrar.EndpointsOf(endpoints...), change); err != nil {
		t.Fatal(err)
	}
	g.flush(t.Context())
	expectPatches(t, g, "one is registered", "web-1 False Elb.RegistrationInProgress")
	if size := g.groups[gateKey].size; size != 1 {
		t.Errorf("%d endpoints, want 1", size)
	}
}

// look lets time pass, looks if something is due, and writes.
func (g *gated) look(t *testing.T, after time.Duration) {
	t.Helper()
	g.at = g.at.Add(after)
	g.lookAtOne(t.Context())
	g.flush(t.Context())
}

// written are the patches since the last call, in order of pods.
func (g *gated) written() []string {
	out := g.patches
	g.patches = nil
	slices.Sort(out)
	return out
}

func expectPatches(t *testing.T, g *gated, when string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, g.written()); diff != "" {
		t.Errorf("%s: %s", when, diff)
	}
}

var (
	healthy  = readiness.Health{State: "healthy"}
	checking = readiness.Health{State: "initial", Reason: "Elb.InitialHealthChecking"}
)

func TestAPodWaitsFromItsRegistrationUntilItsTargetIsHealthy(t *testing.T) {
	t.Parallel()
	g := newGated(2)
	g.pass(t, 0, 2, 0, 1)
	expectPatches(t, g, "registered", "web-0 False Elb.RegistrationInProgress", "web-1 False Elb.RegistrationInProgress")
	g.look(t, time.Millisecond)
	if len(g.asked) != 0 {
		t.Error("looked at once")
	}
	g.look(t, time.Second) // AWS does not list them yet
	expectPatches(t, g, "unknown", "web-0 Unknown ", "web-1 Unknown ")
	g.states["web-0"], g.states["web-1"] = checking, checking
	g.look(t, time.Second)
	expectPatches(t, g, "checked", "web-0 False Elb.InitialHealthChecking", "web-1 False Elb.InitialHealthChecking")
	g.look(t, time.Second)
	expectPatches(t, g, "nothing new")
	g.states["web-0"] = healthy
	g.look(t, 2*time.Second)
	expectPatches(t, g, "one is healthy", "web-0 True ")
	g.states["web-1"] = readiness.Health{State: "unhealthy", Reason: "Target.Timeout"}
	g.states["web-0"] = g.states["web-1"] // whoever was healthy once is ready until it is registered again
	g.look(t, 10*time.Second)
	expectPatches(t, g, "the other is not", "web-1 False Target.Timeout")
	g.states["web-1"] = healthy
	g.look(t, 20*time.Second)
	expectPatches(t, g, "all are healthy", "web-1 True ")
	looks := len(g.asked)
	g.look(t, time.Hour)
	g.pass(t, 0, 2)
	g.look(t, time.Hour)
	if expectPatches(t, g, "afterwards"); len(g.asked) != looks || g.whole != looks {
		t.Errorf("%d looks, then %d, of which %d told others", looks, len(g.asked), g.whole)
	}
	if len(g.waited) != 2 {
		t.Errorf("waited %v", g.waited)
	}
}

func TestLongestWaitOfABindingCounts(t *testing.T) {
	t.Parallel()
	g := newGated(3)
	waits := func(want time.Duration) {
		t.Helper()
		if got := g.Waiting(); got[gateKey] != want {
			t.Errorf("%v, want %s", got, want)
		}
	}
	waits(0)
	g.states["web-0"], g.states["web-1"] = checking, checking
	g.pass(t, 0, 1, 0)
	waits(0)
	g.look(t, 3*time.Minute)
	g.pass(t, 0, 2, 1)
	g.look(t, 4*time.Minute)
	waits(7 * time.Minute)
	g.states["web-0"] = healthy
	g.look(t, time.Minute)
	waits(5 * time.Minute)
	if g.pass(t, 0, 1); len(g.Waiting()) > 0 { // its containers are not ready any more
		t.Errorf("waits: %v", g.Waiting())
	}
}

func TestARestartFindsPodsThatWaitAndLooksAtOnce(t *testing.T) {
	t.Parallel()
	g := newGated(3)
	g.cached[0].Status.Conditions = []corev1.PodCondition{{Type: readiness.Gate("web"), Status: "True"}}
	g.cached[1].Status.Conditions = []corev1.PodCondition{
		{Type: readiness.Gate("web"), Status: "False", Reason: "Elb.RegistrationInProgress"}}
	g.states = map[string]readiness.Health{"web-0": checking, "web-1": healthy, "web-2": checking}
	g.pass(t, 0, 3)
	expectPatches(t, g, "nothing is known yet")
	g.look(t, 0)
	expectPatches(t, g, "looked", "web-1 True ", "web-2 False Elb.InitialHealthChecking")
}

func TestAPodThatReturnsWaitsAgainButNotForOthersMistakes(t *testing.T) {
	t.Parallel()
	g := newGated(2)
	for i := range g.cached {
		g.cached[i].Status.Conditions = []corev1.PodCondition{{Type: readiness.Gate("web"), Status: "True"}}
	}
	g.pass(t, 0, 2)
	g.pass(t, 0, 2, 0) // somebody had deregistered it
	expectPatches(t, g, "registered again after drift")
	g.pass(t, 1, 2) // its containers failed
	expectPatches(t, g, "deregistered")
	g.pass(t, 0, 2, 0)
	expectPatches(t, g, "registered again after a failure", "web-0 False Elb.RegistrationInProgress")
}

func TestReadyPodsStayReadyWhenBindingIsRecreated(t *testing.T) {
	t.Parallel()
	g := newGated(4)
	g.created = metav1.NewTime(g.at)
	open := corev1.PodCondition{Type: readiness.Gate("web"), Status: "True", Message: "Target Group Binding is deleted"}
	ready := func(after time.Duration) corev1.PodCondition {
		return corev1.PodCondition{Type: corev1.PodReady, Status: "True", LastTransitionTime: metav1.NewTime(g.at.Add(after))}
	}
	g.cached[0].Status.Conditions = []corev1.PodCondition{open, ready(-time.Minute)}
	g.cached[1].Status.Conditions = []corev1.PodCondition{open, ready(time.Second)} // its containers failed meanwhile
	g.cached[2].Status.Conditions = []corev1.PodCondition{open}
	g.cached[3].Status.Conditions = []corev1.PodCondition{ready(-time.Minute)}
	g.pass(t, 0, 4, 0, 1, 2, 3)
	expectPatches(t, g, "registered", "web-1 False Elb.RegistrationInProgress", "web-2 False Elb.RegistrationInProgress",
		"web-3 False Elb.RegistrationInProgress")
	g.states["web-0"], g.states["web-1"], g.states["web-2"], g.states["web-3"] = checking, healthy, healthy, healthy
	g.look(t, time.Second)
	expectPatches(t, g, "healthy", "web-1 True ", "web-2 True ", "web-3 True ")
}

func TestOnePodThatCannotBePatchedHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	g := newGated(4)
	g.refuse["web-0"] = errors.New("timeout")
	g.refuse["web-1"] = apierrors.NewNotFound(schema.GroupResource{Resource: "pods"}, "web-1")
	g.refuse["web-2"] = apierrors.NewConflict(schema.GroupResource{Resource: "pods"}, "web-2", errors.New("uid"))
	g.pass(t, 0, 4, 0, 1, 2, 3)
	expectPatches(t, g, "registered", "web-3 False Elb.RegistrationInProgress")
	g.at = g.at.Add(patchRetry)
	g.flush(t.Context())
	g.refuse = map[string]error{}
	g.at = g.at.Add(patchRetry)
	g.flush(t.Context())
	expectPatches(t, g, "too early: it failed twice")
	g.at = g.at.Add(patchRetry)
	g.flush(t.Context())
	expectPatches(t, g, "later; the others are other pods by now", "web-0 False Elb.RegistrationInProgress")
}

func TestATargetThatIsNotRegisteredIsReportedAndNotLookedFor(t *testing.T) {
	t.Parallel()
	g := newGated(1)
	o := &v1beta1.TargetGroupBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
	ip := v1beta1.TargetTypeIP
	o.Spec.TargetGroupARN, o.Spec.TargetType = gateARN, &ip
	err := g.Observe(t.Context(), o, registrar.Group{ARN: o.Spec.TargetGroupARN}, registrar.EndpointsOf(
		registrar.Endpoint{Target: targetOf(0), Namespace: "shop", Pod: "web-0"}), registrar.Change{
		LeftOut: 1, Omitted: []string{targetOf(0).Key()}})
	if err != nil {
		t.Fatal(err)
	}
	g.flush(t.Context())
	expectPatches(t, g, "left out", "web-0 False TooManyTargets")
	g.look(t, time.Hour)
	if len(g.asked) != 0 {
		t.Error("looked")
	}
	g.states["web-0"] = healthy
	g.pass(t, 0, 1, 0)
	g.look(t, time.Second)
	expectPatches(t, g, "when there is room", "web-0 False Elb.RegistrationInProgress", "web-0 True ")
}

func TestGatesOfInstanceTargetsAreOpen(t *testing.T) {
	t.Parallel()
	g := newGated(1)
	o := &v1beta1.TargetGroupBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
	instance := v1beta1.TargetTypeInstance
	o.Spec.TargetType = &instance
	if err := g.Observe(t.Context(), o, registrar.Group{ARN: o.Spec.TargetGroupARN}, registrar.Endpoints{},
		registrar.Change{}); err != nil {
		t.Fatal(err)
	}
	g.flush(t.Context())
	expectPatches(t, g, "instances", "web-0 True InstanceTargets")
}

func TestTheEndOfABindingOpensItsGates(t *testing.T) {
	t.Parallel()
	g := newGated(2)
	g.cached[1].Status.Conditions = []corev1.PodCondition{{Type: readiness.Gate("web"), Status: "True"}}
	if _, err := g.Absent(t.Context(), gateKey); err != nil {
		t.Fatal(err)
	}
	g.flush(t.Context())
	expectPatches(t, g, "before there is a binding", "web-0 Unknown TargetGroupBindingNotFound")
	g.pass(t, 0, 2, 0)
	g.written()
	g.refuse["web-0"] = errors.New("timeout")
	g.opens(t, false, false)
	g.flush(t.Context())
	if g.opens(t, false, true); g.ends.Load() != 1 {
		t.Error("a failure is nobody's")
	}
	g.at = g.at.Add(patchRetry)
	delete(g.refuse, "web-0")
	g.flush(t.Context())
	expectPatches(t, g, "the end", "web-0 True ")
	if g.opens(t, true, false); g.ends.Load() != 2 || len(g.groups) > 0 {
		t.Errorf("told of %d times, kept %v", g.ends.Load(), g.groups)
	}
	if m := g.cached[0].Status.Conditions[0].Message; m != "Target Group Binding is deleted" {
		t.Error(m)
	}
	g.cached[0].UID, g.cached[0].Status.Conditions = "u-late", nil // admitted just before the end
	if _, err := g.Absent(t.Context(), gateKey); err != nil {
		t.Fatal(err)
	}
	g.flush(t.Context())
	expectPatches(t, g, "a late pod", "web-0 True ")
	g.at = g.at.Add(2 * endedFor)
	g.cached[0].UID, g.cached[0].Status.Conditions = "u-later", nil
	if _, err := g.Absent(t.Context(), gateKey); err != nil {
		t.Fatal(err)
	}
	g.flush(t.Context())
	expectPatches(t, g, "long after", "web-0 Unknown TargetGroupBindingNotFound")
	if len(g.groups) > 0 {
		t.Errorf("kept %v", g.groups)
	}
}

// opens asks for the end of the binding's gates as a pass does.
func (g *gated) opens(t *testing.T, done, fails bool) {
	t.Helper()
	if got, err := g.Open(t.Context(), gateKey); got != done || (err != nil) != fails {
		t.Errorf("opened: %t, %v", got, err)
	}
}

func TestTheEndOfABindingWaitsForNoGateThatNeverOpens(t *testing.T) {
	t.Parallel()
	g := newGated(1)
	g.refuse["web-0"] = apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "web-0", errors.New("no right"))
	g.opens(t, false, false)
	g.flush(t.Context())
	if g.opens(t, true, false); g.ends.Load() != 1 {
		t.Error("it was not reported")
	}
}

// TestPatchesThatHangHoldUpNeitherThoseOfTheirBindingNorOthers has the API server not answer for any but the last pod
// of one binding, as a webhook may do, while another binding begins to wait.
func TestPatchesThatHangHoldUpNeitherThoseOfTheirBindingNorOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const pods = 3*patchers + 1
		g := newGated(pods + 1)
		last := fmt.Sprintf("web-%d", pods-1)
		other := g.cached[pods]
		patched := make(chan string, pods)
		g.Patch = func(ctx context.Context, pod types.NamespacedName, _ []byte) error {
			if pod.Name != last && pod.Name != other.Name {
				<-ctx.Done()
				return ctx.Err()
			}
			patched <- pod.Name
			return nil
		}
		group := func(of ...corev1.Pod) *group {
			x := &group{waiting: map[types.UID]*waitingPod{}}
			for _, p := range of {
				x.waiting[p.UID] = &waitingPod{key: types.NamespacedName{Namespace: "shop", Name: p.Name},
					want: corev1.PodCondition{Type: "t", Status: corev1.ConditionFalse}}
			}
			return x
		}
		g.put(gateKey, group(g.cached[:pods]...))
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = g.Start(ctx)
		}()
		g.wake()
		synctest.Wait()
		g.mu.Lock()
		g.put(types.NamespacedName{Namespace: "shop", Name: "other"}, group(other))
		g.mu.Unlock()
		begun := time.Now()
		g.wake()
		synctest.Wait()
		if took := time.Since(begun); took > 0 || len(patched) == 0 {
			t.Errorf("the other binding's pod has waited for %s", took)
		}
		for name := ""; name != last; {
			name = <-patched
		}
		if took := time.Since(begun); took > 4*patchTimeout {
			t.Errorf("a pod has waited for the patches of others for %s", took)
		}
		stop()
		<-ended
	})
}

func TestWhatAWSHasLostIsRegisteredAgain(t *testing.T) {
	t.Parallel()
	g := newGated(1)
	g.pass(t, 0, 1, 0)
	g.look(t, time.Second)
	g.look(t, time.Second)
	if g.missing != 0 {
		t.Error("AWS shows what was registered only after a while")
	}
	g.look(t, lostAfter)
	if g.missing != 1 {
		t.Errorf("told %d times", g.missing)
	}
}

func TestPodsThatWaitForLongAreReportedOnce(t *testing.T) {
	t.Parallel()
	g := newGated(3)
	g.pass(t, 0, 3, 0, 1, 2)
	unused := readiness.Health{State: "unused", Reason: "Target.NotInUse", Description: "not used"}
	g.states = map[string]readiness.Health{"web-0": unused, "web-1": healthy, "web-2": unused}
	for range 20 {
		g.look(t, time.Minute)
	}
	if len(g.told) != 1 || g.told[0].Code != diag.ReadinessGateClosed || !strings.Contains(g.told[0].Text,
		"pods wait for their readiness gates: 2 × Target.NotInUse not used") {
		t.Errorf("told %v", g.told)
	}
	g.states = map[string]readiness.Health{"web-0": healthy, "web-2": healthy}
	g.look(t, time.Hour)
	g.pass(t, 0, 3, 1) // drift: it stays ready
	g.look(t, time.Hour)
	if len(g.told) != 1 {
		t.Errorf("told %v", g.told)
	}
}

func TestErrorsThatDoNotPassAreInTheCondition(t *testing.T) {
	t.Parallel()
	g := newGated(1)
	g.pass(t, 0, 1, 0)
	g.written()
	g.down = &awsError{"ThrottlingException"}
	g.look(t, time.Second)
	expectPatches(t, g, "throttled")
	g.down = &awsError{"AccessDenied"}
	g.look(t, time.Minute)
	expectPatches(t, g, "forbidden", "web-0 Unknown AccessDenied")
	g.down, g.states["web-0"] = nil, healthy
	g.look(t, time.Minute)
	expectPatches(t, g, "admitted", "web-0 True ")
}

func TestThousandPodsCostOneHealthCallPerLook(t *testing.T) {
	t.Parallel()
	const n = 1000
	g := newGated(n)
	var all []int
	for i := range n {
		all = append(all, i)
		g.states[g.cached[i].Name] = checking
	}
	g.pass(t, 0, n, all...)
	g.look(t, time.Second)
	g.written()
	for i := range n - 3 {
		g.states[g.cached[i].Name] = healthy
	}
	g.look(t, 2*time.Second)
	if got := len(g.written()); got != n-3 {
		t.Errorf("%d patches", got)
	}
	g.look(t, 2*time.Second)
	expectPatches(t, g, "three are left")
	if diff := cmp.Diff([]int{0, 0, 3}, g.asked); diff != "" {
		t.Error(diff)
	}
	for i := n - 3; i < n; i++ {
		g.states[g.cached[i].Name] = healthy
	}
	for range 100 {
		g.pass(t, 0, n)
		g.look(t, 15*time.Second)
	}
	if len(g.written()) != 3 || len(g.asked) != 4 {
		t.Errorf("looks %v", g.asked)
	}
}

// awsError is an answer of AWS.
type awsError struct{ code string }

func (e *awsError) Error() string                 { return e.code + ": no" }
func (e *awsError) ErrorCode() string             { return e.code }
func (e *awsError) ErrorMessage() string          { return "no" }
func (e *awsError) ErrorFault() smithy.ErrorFault { return smithy.FaultClient }

func TestALookOrAPatchThatHangsHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	g := newGated(3)
	hang := make(chan struct{})
	patched := make(chan string, 9)
	g.Health = func(_ context.Context, of registrar.Group, _ ...registrar.Target) ([]registrar.Health, error) {
		if of.ARN == "arn:hangs" {
			<-hang
			return nil, errors.New("timeout")
		}
		return []registrar.Health{{Target: targetOf(1), State: "healthy"}, {Target: targetOf(2), State: "healthy"}}, nil
	}
	g.Patch = func(_ context.Context, pod types.NamespacedName, _ []byte) error {
		if pod.Name == "web-1" {
			<-hang
			return errors.New("timeout")
		}
		patched <- pod.Name
		return nil
	}
	due := readiness.Schedule{}
	due.Find(g.at.Add(-time.Minute))
	group := func(arn string, size int, pods ...int) *group {
		x := &group{of: registrar.Group{ARN: arn}, size: size, schedule: due, waiting: map[types.UID]*waitingPod{}}
		for _, i := range pods {
			p := g.cached[i]
			x.waiting[p.UID] = &waitingPod{key: types.NamespacedName{Namespace: "shop", Name: p.Name},
				targets: []registrar.Target{targetOf(i)}}
		}
		return x
	}
	g.put(types.NamespacedName{Namespace: "shop", Name: "hangs"}, group("arn:hangs", 1, 0))
	g.put(gateKey, group(gateARN, 2, 1, 2))
	var looks sync.WaitGroup
	looks.Go(func() { g.lookAtOne(t.Context()) })
	looks.Go(func() { g.lookAtOne(t.Context()) })
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = g.Start(ctx)
	}()
	if name := <-patched; name != "web-2" {
		t.Errorf("patched %s", name)
	}
	close(hang)
	stop()
	looks.Wait()
	<-ended
}

// TestAGateThatCannotBeReadReportsTheSameAtEachLook has AWS answer with another request id each time, which would be
// another patch of each pod.
func TestAGateThatCannotBeReadReportsTheSameAtEachLook(t *testing.T) {
	t.Parallel()
	denied := func(id string) corev1.PodCondition {
		c, ok := unreadable(readiness.Gate("web"), fmt.Errorf("operation error Elastic Load Balancing v2: "+
			"DescribeTargetHealth, https response error StatusCode: 403, RequestID: %s, %w",
			id, &awsError{"AccessDenied"}))
		if !ok || c.Reason != "AccessDenied" || c.Message == "" {
			t.Errorf("condition %+v", c)
		}
		return c
	}
	if first, second := denied("7-1"), denied("7-2"); first != second {
		t.Errorf("%q and %q", first.Message, second.Message)
	}
}

// flush writes the conditions that changed and waits until all are written.
func (g *Gates) flush(ctx context.Context) {
	var all sync.WaitGroup
	for g.patchAll(ctx, &all) > 0 {
		all.Wait()
	}
}

// TestLooksOfANamespaceLeaveRoomForOthers has the looks at many groups of one namespace hang, which have been due
// longer than that of another one.
func TestLooksOfANamespaceLeaveRoomForOthers(t *testing.T) {
	t.Parallel()
	g := newGated(1)
	add := func(namespace, name string, since time.Duration) {
		due := readiness.Schedule{}
		due.Find(g.at.Add(-since))
		g.put(types.NamespacedName{Namespace: namespace, Name: name}, &group{of: registrar.Group{ARN: name},
			schedule: due, waiting: map[types.UID]*waitingPod{"u": {}}})
	}
	for i := range 4 * lookers {
		add("mal", fmt.Sprint("evil-", i), time.Hour)
	}
	add("shop", "web", time.Minute)
	taken := map[string]int{}
	for range lookers {
		key, _, _ := g.due()
		taken[key.Namespace]++
	}
	if taken["shop"] != 1 || taken["mal"] > lookers/2 || taken["mal"] == 0 {
		t.Errorf("%d looks are under way: %v", lookers, taken)
	}
}

// TestGatesLookAtBindingsWithWaitingPodsOnly has a binding whose pods are all ready: a look at it would panic. There
// are four looks a second, and more after each pass and each condition that was written.
func TestGatesLookAtBindingsWithWaitingPodsOnly(t *testing.T) {
	t.Parallel()
	g := newGated(1)
	g.groups[types.NamespacedName{Namespace: "shop", Name: "other"}] = nil
	g.pass(t, 0, 1, 0)
	g.states["web-0"] = healthy
	g.look(t, 2*time.Second)
	expectPatches(t, g, "registered and healthy", "web-0 False Elb.RegistrationInProgress", "web-0 True ")
	if key, _, _ := g.due(); key.Name != "" || len(g.waiting) > 0 {
		t.Errorf("%v is looked at, %v are kept", key, g.waiting)
	}
}
