package controller

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/go-logr/logr"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/lib/sdkhttp"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// handled sends requests to a handler in this process, without a network.
type handled struct{ http.Handler }

func (h handled) Do(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	if r.Body == nil {
		r.Body = http.NoBody
	}
	h.ServeHTTP(w, r)
	return w.Result(), r.Context().Err()
}

// paced has the next process call AWS through the SDK's clients and the limiter, under AWS's real limits.
func (l *lab) paced() {
	l.Helper()
	endpoints := map[string]string{}
	for _, service := range []string{awsclient.ServiceELBV2, awsclient.ServiceEC2, awsclient.ServiceACM, awsclient.ServiceSTS, awsclient.ServiceShield, awsclient.ServiceWAFv2} {
		endpoints[service] = "http://aws.invalid"
	}
	connection, err := awsclient.Connect(l.Context(), awsclient.ConnectOptions{Region: "us-west-2", VPC: l.config.VPC, Endpoints: endpoints, Version: "v",
		Transport: func(sdkhttp.Doer) sdkhttp.Doer { return handled{l.sim.Handler()} }})
	l.must(err)
	clients := connection.Clients(awsclient.NewLimiter(awsclient.LimiterOptions{Clock: l.clock}))
	l.remote = &clients
	l.restart()
}

// twoNamespaces are the Ingresses of two namespaces, each with a load balancer of its own: many of a, and one of b.
func twoNamespaces(many int) (objects []client.Object, keys []stack.Key) {
	objects = append(objects, labClass())
	add := func(namespace, name string) {
		s, i := labService(name), labIngress(name, map[string]string{"load-balancer-attributes": "idle_timeout.timeout_seconds=75"}, name)
		s.Namespace, i.Namespace = namespace, namespace
		objects = append(objects, s, i)
		keys = append(keys, stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: namespace, Name: name}})
	}
	for n := range many {
		add("a", fmt.Sprintf("web%03d", n))
	}
	add("b", "web")
	return objects, keys
}

// delays are how long edits took to be in AWS: the slowest one of b, and the last one of a.
type delays struct{ b, last time.Duration }

// rush is a process in a bubble of synctest that takes edits under AWS's real limits.
type rush struct {
	*lab
	waker queue.Waker[stack.Key]
	ended chan error
	stop  context.CancelFunc
	mark  uint64
	names map[string]string        // of load balancers by ARN
	done  map[string]time.Duration // when their last edit was in AWS, by name
	begun time.Time
}

// newRush begins a process over settled load balancers. tenant is that of stacks.
func newRush(t *testing.T, objects []client.Object, keys []stack.Key, tenant func(stack.Key) string) *rush {
	t.Helper()
	r := &rush{lab: newLab(t, account.Profile{}, objects...), ended: make(chan error, 1), names: map[string]string{}, done: map[string]time.Duration{}}
	r.settle(keys...)
	r.paced()
	r.settle(keys...)
	for _, b := range r.sim.Resources().LoadBalancers {
		r.names[b.ARN] = b.Name
	}
	r.clock.Advance(time.Minute)
	r.sim.Gate.SetThrottle(true)
	r.mark, r.begun = r.lab.mark(), r.clock.Now()
	c := queue.NewController(queue.Options[stack.Key]{Name: t.Name(), Reconciler: r.ingresses, Workers: 48, Log: logr.Discard(), Tenant: tenant})
	c.Watch(r.waker.Source())
	ctx, stop := context.WithCancel(t.Context())
	r.stop = stop
	go func() { r.ended <- c.Start(ctx) }()
	synctest.Wait()
	return r
}

// pass lets time pass, on the clock of the limiter and of the simulator as well as on that of the queue.
func (r *rush) pass(d time.Duration) {
	const step = 10 * time.Millisecond
	for end := r.clock.Now().Add(d); r.clock.Now().Before(end); {
		time.Sleep(step)
		r.clock.Advance(step)
		synctest.Wait()
	}
	for _, call := range r.sim.Gate.Calls(gate.Filter{After: r.mark}) {
		r.mark = max(r.mark, call.Number)
		if in, ok := call.Input.(*elbv2.ModifyLoadBalancerAttributesInput); ok && !call.Failed() {
			r.done[r.names[*in.LoadBalancerArn]] = call.Time.Sub(r.begun)
		}
	}
}

// edit edits Ingresses.
func (r *rush) edit(idle int, keys ...stack.Key) {
	r.Helper()
	for _, key := range keys {
		i := &networkingv1.Ingress{}
		r.must(r.client.Get(r.Context(), client.ObjectKey{Namespace: key.ID.Namespace, Name: key.ID.Name}, i))
		i.Annotations["alb.ingress.kubernetes.io/load-balancer-attributes"] = fmt.Sprintf("idle_timeout.timeout_seconds=%d", idle)
		r.must(r.client.Update(r.Context(), i))
	}
	r.waker.Wake(queue.Normal, keys...)
}

// until lets time pass until as many load balancers were edited whose names begin so, and returns when the last one was.
func (r *rush) until(prefix string, n int) (last time.Duration) {
	r.Helper()
	for end := r.clock.Now().Add(10 * time.Minute); r.clock.Now().Before(end); r.pass(50 * time.Millisecond) {
		found := 0
		for name, at := range r.done {
			if strings.HasPrefix(name, prefix) {
				found, last = found+1, max(last, at)
			}
		}
		if found == n {
			return last
		}
	}
	r.Errorf("%d edits of %s are not in AWS", n, prefix)
	return last
}

// end ends the process.
func (r *rush) end() {
	r.Helper()
	r.stop()
	r.pass(time.Second)
	if err := <-r.ended; err != nil {
		r.Error(err)
	}
}

// rushed edits the load balancers of a at once and that of b several times meanwhile.
func rushed(t *testing.T, many int, tenant func(stack.Key) string) (d delays) {
	t.Helper()
	objects, keys := twoNamespaces(many)
	r := newRush(t, objects, keys, tenant)
	r.edit(80, keys[:many]...)
	for n, pause := range []time.Duration{0, 10 * time.Second, 15 * time.Second} {
		r.pass(pause)
		maps.DeleteFunc(r.done, func(name string, _ time.Duration) bool { return strings.HasPrefix(name, "k8s-b-") })
		at := r.clock.Now().Sub(r.begun)
		r.edit(81+n, keys[many])
		d.b = max(d.b, r.until("k8s-b-", 1)-at)
	}
	d.last = r.until("k8s-a-", many)
	r.end()
	return d
}

// TestManyEditsOfANamespaceDelayNoOtherNamespace has one namespace edit hundreds of load balancers, and another one a single one, under AWS's real limits.
func TestManyEditsOfANamespaceDelayNoOtherNamespace(t *testing.T) { // not parallel: it sets the environment
	for k, v := range map[string]string{"AWS_ACCESS_KEY_ID": "AKIALAB0000000000001", "AWS_SECRET_ACCESS_KEY": "x", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull} {
		t.Setenv(k, v)
	}
	const many = 300
	var before, after delays
	synctest.Test(t, func(t *testing.T) { before = rushed(t, many, func(stack.Key) string { return "all" }) })
	synctest.Test(t, func(t *testing.T) { after = rushed(t, many, stack.Key.Tenant) })
	t.Logf("without tenants: %+v; with tenants: %+v", before, after)
	if after.b > time.Second {
		t.Errorf("the edit of the other namespace is in AWS after %v", after.b)
	}
	if after.last > before.last+2*time.Second {
		t.Errorf("the last edit of many is in AWS after %v, without turns after %v", after.last, before.last)
	}
}
