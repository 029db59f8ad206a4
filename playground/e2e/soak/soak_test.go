// Package soak has the controller's real binary, in two replicas, live through random edits, rollouts, node deaths,
// kills, upgrades and faults while clients send requests through seven load balancers. Each failed request must be
// explained by a recorded fault, and at the end nothing may be left. It has tests only.
//
// LBC_SOAK_SEED and LBC_SOAK_TIME choose the steps and how long they go on; "make soak" sets them.
package soak

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/playground/environment"
	"github.com/k8s-lbc/lbc/playground/harness"
	"github.com/k8s-lbc/lbc/playground/load"
	processes "github.com/k8s-lbc/lbc/playground/process"
)

func TestMain(m *testing.M) { harness.Main(m) }

// speed is how much faster than the machine's the clock of the account runs.
const speed = 30

// usual is the seed of the usual run of the tests, of a minute. In it a node dies, a process is killed, AWS refuses
// calls, ports and health checks change, and a certificate is renewed: see TestTheUsualSeedMeetsMuchInItsMinute.
const usual = 20

// times are AWS's own, but for the provisioning of load balancers, for which nobody waits here.
var times = account.Profile{
	Name: "soak", TargetInitial: 10 * time.Second, NetworkTargetInitial: time.Minute, NetworkDeregister: 90 * time.Second,
	Draining: 5 * time.Minute,
}

// run is a soak.
type run struct {
	*harness.Cluster
	t      *testing.T
	dir    string
	ledger *ledger

	seed      uint64
	length    time.Duration
	arn       string            // of the target group that the binding names
	balancers map[string]string // ARNs by namespace
	serial    int64             // of the last certificate

	alone      chan struct{} // capacity 1: held by the fault of which only one happens
	background sync.WaitGroup

	mu     sync.Mutex
	steps  []string // that have begun
	edits  int
	faults int
	err    error // of a fault
}

// TestNoRequestFailsUnexplainedAndNothingIsLeftWhateverHappens shows that random edits, rollouts,
// crashes and faults together fail no request without an explanation and leave nothing.
func TestNoRequestFailsUnexplainedAndNothingIsLeftWhateverHappens(t *testing.T) {
	if testing.Short() {
		t.Skip("it is a minute of random edits and faults")
	}
	r := &run{t: t, dir: t.TempDir(), ledger: &ledger{}, seed: usual, length: time.Minute, serial: 1,
		balancers: map[string]string{}, alone: make(chan struct{}, 1)}
	var err error
	if text := os.Getenv("LBC_SOAK_SEED"); text != "" {
		if r.seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	if text := os.Getenv("LBC_SOAK_TIME"); text != "" {
		if r.length, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	r.Cluster = harness.Start(t, harness.Options{Profile: times, Speed: speed, Release: &environment.Release{
		Values: map[string]any{
			"enableTLSSecretImport": true, "clusterSecretsPermissions": map[string]any{"allowAllSecrets": true},
		}}})
	began := time.Now()
	r.say("seed %d, %v", r.seed, r.length)
	if err := r.live(t.Context()); err != nil {
		t.Errorf("%v\n%s", err, r.report())
	}
	requests, failures := r.ledger.total()
	r.say("%d requests, of which %d failed; %d edits, %d faults; in all %v", requests, failures, r.edits, r.faults,
		time.Since(began).Round(time.Second))
}

// say prints a line with the time.
func (r *run) say(format string, args ...any) {
	fmt.Printf("%s  %s\n", stamp(time.Now()), fmt.Sprintf(format, args...))
}

// wait repeats f until it returns nil, but no longer than for a time.
func (r *run) wait(ctx context.Context, limit time.Duration, what string, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	began := time.Now()
	var last error
	for {
		err := f(ctx)
		if err == nil {
			return nil
		}
		if last == nil || ctx.Err() == nil {
			last = err
		}
		if err := r.Env.ClusterFailed(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited %v for %s: %w", time.Since(began).Round(time.Second), what, last)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// live is a soak from its begin to its end.
func (r *run) live(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	made, err := r.Simulator.Balancing.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{
		Name: aws.String("soak-bound"), Protocol: elbtypes.ProtocolEnumHttp, Port: aws.Int32(80),
		TargetType: elbtypes.TargetTypeEnumIp, VpcId: aws.String(r.Simulator.Seed().VPC.ID),
	})
	if err != nil {
		return err
	}
	r.arn = aws.ToString(made.TargetGroups[0].TargetGroupArn)
	if err := r.controllers(ctx); err != nil {
		return err
	}
	before, err := r.survey(ctx)
	if err != nil {
		return err
	}
	traffic := load.Start(ctx)
	defer traffic.Stop()
	if err := r.populate(ctx, traffic); err != nil {
		return err
	}
	r.say("all load balancers serve")
	watching, stop := context.WithCancel(ctx)
	defer stop()
	var watcher sync.WaitGroup
	watcher.Go(func() { r.progress(watching) })
	watcher.Go(func() { r.watchPods(watching) })
	err = r.story(ctx)
	if err == nil {
		err = r.converge(ctx)
	}
	traffic.Stop()
	stop()
	watcher.Wait()
	if err != nil {
		cancel()
		r.background.Wait()
		return err
	}
	if err := r.judge(time.Now()); err != nil {
		return err
	}
	for _, p := range places {
		if r.ledger.of(p.namespace) == 0 {
			return fmt.Errorf("no request to %s", p.namespace)
		}
	}
	if err := r.freshStart(ctx); err != nil {
		return err
	}
	return r.remove(ctx, before)
}

// populate makes all objects and waits until their load balancers serve.
func (r *run) populate(ctx context.Context, traffic *load.Clients) error {
	manifests, err := objects(r.arn)
	if err == nil {
		err = r.apply(ctx, manifests)
	}
	if err != nil {
		return err
	}
	addresses := map[string]string{}
	for _, p := range places {
		path := "jsonpath={.status.loadBalancer.ingress[0].hostname}"
		if p.kind == "gateway" {
			path = "jsonpath={.status.addresses[0].value}"
		}
		err := r.wait(ctx, heals, "the address of "+p.namespace, func(context.Context) error {
			out, err := r.TryKubectl(r.t, "get", p.kind, "-n", p.namespace, p.object, "-o", path)
			if err == nil && out == "" {
				err = errors.New("none yet")
			}
			addresses[p.namespace] = out
			return err
		})
		if err != nil {
			return err
		}
		err = r.wait(ctx, heals, "bindings in "+p.namespace, func(context.Context) error {
			out, err := r.TryKubectl(r.t, "get", "targetgroupbindings", "-n", p.namespace, "-o", "name")
			if n := len(strings.Fields(out)); err == nil && n < len(p.backends) {
				err = fmt.Errorf("%d", n)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	for _, lb := range r.Simulator.Resources().LoadBalancers {
		for namespace, address := range addresses {
			if strings.EqualFold(lb.DNSName, address) {
				r.balancers[namespace] = lb.ARN
			}
		}
	}
	for _, ns := range append(namespaces(), bound, passing) {
		if _, err := r.kubectl(ctx, "scale", "deployment", "-n", ns, "--all", "--replicas=3"); err != nil {
			return err
		}
	}
	for _, p := range places {
		for _, service := range p.backends {
			w := newWitness(&ledger{}, r.Simulator.DialContext, p.namespace, p.url(addresses[p.namespace], service),
				service, false)
			if err := r.wait(ctx, heals, "an answer of "+p.namespace, w.Call); err != nil {
				return err
			}
		}
	}
	if err := r.rolledOut(ctx); err != nil {
		return err
	}
	if err := r.wait(ctx, heals, "healthy targets", func(context.Context) error { return r.served() }); err != nil {
		return err
	}
	for _, p := range places {
		r.send(traffic, p, addresses[p.namespace])
	}
	return nil
}

func namespaces() (out []string) {
	for _, p := range places {
		out = append(out, p.namespace)
	}
	return out
}

// rolledOut waits until all pods are as they are wanted.
func (r *run) rolledOut(ctx context.Context) error {
	return r.wait(ctx, heals, "all Deployments", func(ctx context.Context) error {
		list, err := r.Client.AppsV1().Deployments("").List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, d := range list.Items {
			if s, want := d.Status, *d.Spec.Replicas; s.ObservedGeneration < d.Generation || s.UpdatedReplicas != want ||
				s.AvailableReplicas != want || s.Replicas != want {
				return fmt.Errorf("%s/%s: %d pods, %d of the last version, %d available, want %d", d.Namespace, d.Name, s.Replicas,
					s.UpdatedReplicas, s.AvailableReplicas, want)
			}
		}
		return nil
	})
}

// story has the steps of the seed happen.
func (r *run) story(ctx context.Context) error {
	g := newGenerator(r.seed, everything(r.Env.NodeNames()))
	began := time.Now()
	for {
		s := g.next()
		if s.at > r.length || time.Since(began) > r.length {
			return nil
		}
		time.Sleep(s.at - time.Since(began))
		if err := r.judge(time.Now().Add(-grace)); err != nil {
			return err
		}
		if err := r.take(ctx, g, s); err != nil {
			return fmt.Errorf("%v: %w", s, err)
		}
	}
}

// take has a step happen: an edit to its end, a fault beside what follows.
func (r *run) take(ctx context.Context, g *generator, s step) error {
	if s.lasts == 0 {
		r.begin(s, &r.edits)
		return r.edit(ctx, s)
	}
	i := slices.IndexFunc(g.actions, func(a action) bool { return a.name == s.do })
	alone := g.actions[i].alone
	if alone {
		select {
		case r.alone <- struct{}{}: // the fault before may take longer than it was to
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	r.begin(s, &r.faults)
	r.background.Go(func() {
		if err := r.happen(ctx, s); err != nil && ctx.Err() == nil {
			r.mu.Lock()
			r.err = errors.Join(r.err, fmt.Errorf("%v: %w", s, err))
			r.mu.Unlock()
		}
		if alone {
			<-r.alone
		}
	})
	return nil
}

func (r *run) begin(s step, counted *int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	*counted++
	line := fmt.Sprintf("%s  %v  %v", stamp(time.Now()), s.at, s)
	r.steps = append(r.steps, line)
	fmt.Println(line)
}

// judge reports requests that failed before a time without an explanation, and faults that the cluster did not get
// over.
func (r *run) judge(before time.Time) error {
	r.mu.Lock()
	err := r.err
	r.mu.Unlock()
	wrong := slices.DeleteFunc(r.ledger.unexplained(), func(f failure) bool { return f.to.After(before) })
	if len(wrong) > 0 {
		err = errors.Join(err, fmt.Errorf("%d requests failed, and no fault explains it", len(wrong)))
	}
	return err
}

// progress prints how far the soak is, every ten seconds.
func (r *run) progress(ctx context.Context) {
	began := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(10 * time.Second):
		}
		requests, failures := r.ledger.total()
		r.mu.Lock()
		edits, faults := r.edits, r.faults
		r.mu.Unlock()
		now := ""
		if present := r.ledger.present(); len(present) > 0 {
			now = "; now: " + strings.Join(present, ", ")
		}
		r.say("%v: %d requests, %d failed, %d edits, %d faults%s", time.Since(began).Round(time.Second), requests, failures,
			edits, faults, now)
	}
}

// watchPods records pods that the webhooks have not seen, because the process that they were sent to was killed: they
// end when they are asked to, and requests to them fail. They are replaced.
func (r *run) watchPods(ctx context.Context) {
	seen := map[string]func(){}
	defer func() {
		for _, end := range seen {
			end()
		}
	}()
	for ctx.Err() == nil {
		list, err := r.Client.CoreV1().Pods("").List(ctx, metav1.ListOptions{LabelSelector: "app"})
		present := map[string]bool{}
		if err == nil {
			for _, p := range list.Items {
				l := p.Spec.Containers[0].Lifecycle
				if !slices.Contains(namespaces(), p.Namespace) || l != nil && l.PreStop != nil {
					continue
				}
				id := string(p.UID)
				if present[id] = true; seen[id] != nil {
					continue
				}
				if !r.ledger.admitted(p.CreationTimestamp.Time) {
					r.mu.Lock()
					r.err = errors.Join(r.err, fmt.Errorf("pod %s/%s was made without hooks at %v, when no fault explains it",
						p.Namespace, p.Name, p.CreationTimestamp))
					r.mu.Unlock()
				}
				number := r.ledger.begin(fault{what: "pod " + p.Namespace + "/" + p.Name + " has no hooks",
					begin: p.CreationTimestamp.Time, breaks: []string{p.Namespace}})
				seen[id] = sync.OnceFunc(func() { r.ledger.end(number, time.Now()) })
				// else it ends with the next rollout
				_ = r.Client.CoreV1().Pods(p.Namespace).Delete(ctx, p.Name, metav1.DeleteOptions{})
			}
			for id, end := range seen {
				if !present[id] {
					end()
				}
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// converge ends what goes wrong and waits until the controller has nothing to do.
func (r *run) converge(ctx context.Context) error {
	r.say("the steps are over")
	done := make(chan struct{})
	go func() { defer close(done); r.alone <- struct{}{} }()
	select {
	case <-done:
	case <-ctx.Done():
		return ctx.Err()
	}
	r.Simulator.Gate.ClearFaults()
	cure := step{do: mistake, place: group, object: "b", value: absent}
	return errors.Join(r.edit(ctx, cure), r.controllers(ctx), r.rolledOut(ctx), r.settled(ctx))
}

// freshStart has other processes take over, which must find nothing to do, and compares the leader of before with them.
func (r *run) freshStart(ctx context.Context) error {
	old, _, err := r.leader(ctx)
	if err != nil {
		return err
	}
	long, err := metricsOf(ctx, old)
	if err != nil {
		return err
	}
	mark := r.Mark()
	if err := r.rollControllers(ctx); err != nil {
		return err
	}
	time.Sleep(quiet) // what is tested is the time itself
	if w := r.Writes(mark); len(w) > 0 {
		return fmt.Errorf("a fresh start writes %v", w)
	}
	now, _, err := r.leader(ctx)
	if err != nil {
		return err
	}
	fresh, err := metricsOf(ctx, now)
	if err != nil {
		return err
	}
	r.say("a fresh start writes nothing; goroutines %d, fresh %d; resident %d MiB, fresh %d MiB", long.goroutines,
		fresh.goroutines, long.resident, fresh.resident)
	if grown := fresh.growth(long, 1); len(grown) > 0 { // it may watch the pods of what came and went
		return fmt.Errorf("the leader holds more than a fresh one: %s", strings.Join(grown, ", "))
	}
	return nil
}

// remove deletes all objects, and compares what is left with what was there before.
func (r *run) remove(ctx context.Context, before state) error {
	all := append(namespaces(), bound, passing)
	for _, ns := range all { // nobody sends requests any more
		if _, err := r.kubectl(ctx, "delete", "deployment", "-n", ns, "--all", "--wait=false"); err != nil {
			return err
		}
	}
	for _, ns := range all {
		if _, err := r.kubectl(ctx, "delete", "pods", "-n", ns, "--all", "--grace-period=1", "--wait=false"); err != nil {
			return err
		}
	}
	if _, err := r.kubectl(ctx, append([]string{"delete", "namespace", "--wait=false", "--ignore-not-found"},
		all...)...); err != nil {
		return err
	}
	if _, err := r.kubectl(ctx, "delete", "ingressclass,ingressclassparams", className, "--ignore-not-found",
		"--wait=false"); err != nil {
		return err
	}
	var after state
	err := r.wait(ctx, heals, "the state of before", func(ctx context.Context) (err error) {
		if after, err = r.survey(ctx); err != nil {
			return err
		}
		if left := before.difference(after); len(left) > 0 {
			return fmt.Errorf("it differs:\n  %s", strings.Join(left, "\n  "))
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.say("nothing is left; goroutines %d, at first %d; resident %d MiB, at first %d MiB", after.leader.goroutines,
		before.leader.goroutines, after.leader.resident, before.leader.resident)
	_, err = r.Simulator.Balancing.DeleteTargetGroup(ctx, &elb.DeleteTargetGroupInput{TargetGroupArn: &r.arn})
	return err
}

// report is what helps to understand a failure.
func (r *run) report() string {
	var b strings.Builder
	r.mu.Lock()
	fmt.Fprintf(&b, "seed %d; the last steps:\n%s\n", r.seed, strings.Join(r.steps[max(0, len(r.steps)-20):], "\n"))
	r.mu.Unlock()
	fmt.Fprintf(&b, "faults:\n%s", r.ledger)
	wrong := r.ledger.unexplained()
	fmt.Fprintf(&b, "requests that failed without an explanation: %d\n", len(wrong))
	for _, f := range wrong[:min(50, len(wrong))] {
		fmt.Fprintln(&b, f)
	}
	for _, log := range []string{"controller", "controller-2"} {
		fmt.Fprintf(&b, "the end of the log of %s:\n%s\n", log, processes.Tail(r.Env.LogPath(log), 30))
	}
	b.WriteString(r.Report(context.Background()))
	fmt.Fprintf(&b, "again: make soak SEED=%d TIME=%v\n", r.seed, r.length)
	return b.String()
}
