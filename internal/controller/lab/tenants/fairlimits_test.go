package tenants

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/go-logr/logr"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
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
func paced(l *lab.Lab) {
	l.Helper()
	endpoints := map[string]string{}
	for _, service := range []string{awsclient.ServiceELBV2, awsclient.ServiceEC2, awsclient.ServiceACM,
		awsclient.ServiceSTS, awsclient.ServiceShield, awsclient.ServiceWAFv2} {
		endpoints[service] = "http://aws.invalid"
	}
	connection, err := awsclient.Connect(l.Context(), awsclient.ConnectOptions{Region: "us-west-2", VPC: l.Config.VPC,
		Endpoints: endpoints, Version: "v",
		Transport: func(sdkhttp.Doer) sdkhttp.Doer { return handled{l.Sim.Handler()} }})
	l.Must(err)
	clients := connection.Clients(awsclient.NewLimiter(awsclient.LimiterOptions{Clock: l.Clock}))
	l.Remote = &clients
	l.Restart()
}

// delays are how long edits took to be in AWS: the slowest one of b, which is alone, and the last one of a.
type delays struct{ b, last time.Duration }

// rush is a process in a bubble of synctest under AWS's real limits. Its passes over stacks of namespace a only read
// and edit one load balancer; those over the others are real ones.
type rush struct {
	*lab.Lab
	crowded string // the load balancer of a
	waker   queue.Waker[stack.Key]
	ended   chan error
	stop    context.CancelFunc
	mark    uint64
	done    map[bool][]time.Time // when edits of a, and of others, were in AWS
}

// newRush begins a process over a settled load balancer. tenant is that of stacks.
func newRush(t *testing.T, tenant func(stack.Key) string) *rush {
	t.Helper()
	r := &rush{Lab: lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress("web", nil, "web")),
		ended: make(chan error, 1), done: map[bool][]time.Time{}}
	paced(r.Lab)
	r.Settle(lab.Key("web"))
	made, err := r.Sim.Balancing.CreateLoadBalancer(t.Context(), &elbv2.CreateLoadBalancerInput{
		Name: new("a"), Subnets: []string{"subnet-0a1de0000000000a1", "subnet-0a1de0000000000b1"}})
	r.Must(err)
	r.crowded = *made.LoadBalancers[0].LoadBalancerArn
	r.Clock.Advance(time.Minute)
	r.Sim.Gate.SetThrottle(true)
	r.mark = r.Mark()
	c := queue.NewController(queue.Options[stack.Key]{Name: t.Name(), Reconciler: r, Workers: 48, Log: logr.Discard(),
		Tenant: tenant})
	c.Watch(r.waker.Source())
	ctx, stop := context.WithCancel(t.Context())
	r.stop = stop
	go func() { r.ended <- c.Start(ctx) }()
	synctest.Wait()
	return r
}

// Reconcile makes a pass over a stack.
func (r *rush) Reconcile(ctx context.Context, key stack.Key) (reconcile.Result, error) {
	if !strings.HasPrefix(key.ID.Namespace, "a") {
		return r.Ingresses.Reconcile(ctx, key)
	}
	if _, err := r.Remote.ELBV2.DescribeTags(ctx, &elbv2.DescribeTagsInput{ResourceArns: []string{r.crowded}}); err !=
		nil {
		return reconcile.Result{}, err
	}
	_, err := r.Remote.ELBV2.ModifyLoadBalancerAttributes(ctx, &elbv2.ModifyLoadBalancerAttributesInput{
		LoadBalancerArn: &r.crowded,
		Attributes:      []elbv2types.LoadBalancerAttribute{{Key: new("idle_timeout.timeout_seconds"), Value: new("80")}}})
	return reconcile.Result{}, err
}

// pass lets time pass, on the clock of the limiter and of the simulator as well as on that of the queue.
func (r *rush) pass(d time.Duration) {
	const step = 10 * time.Millisecond
	for end := r.Clock.Now().Add(d); r.Clock.Now().Before(end); {
		time.Sleep(step)
		r.Clock.Advance(step)
		synctest.Wait()
	}
	for _, call := range r.Sim.Gate.Calls(gate.Filter{After: r.mark}) {
		r.mark = max(r.mark, call.Number)
		if in, ok := call.Input.(*elbv2.ModifyLoadBalancerAttributesInput); ok && !call.Failed() {
			crowded := *in.LoadBalancerArn == r.crowded
			r.done[crowded] = append(r.done[crowded], call.Time)
		}
	}
}

// edit edits the Ingress.
func (r *rush) edit(idle int) {
	r.Helper()
	r.Edit("web", func(i *networkingv1.Ingress) {
		i.Annotations["alb.ingress.kubernetes.io/load-balancer-attributes"] = fmt.Sprintf("idle_timeout.timeout_seconds=%d",
			idle)
	})
	r.waker.Wake(queue.Normal, lab.Key("web"))
}

// until lets time pass until there were n edits of a, or of others, and returns when the last one was.
func (r *rush) until(crowded bool, n int) time.Time {
	r.Helper()
	for range 6000 {
		if all := r.done[crowded]; len(all) >= n {
			return slices.MaxFunc(all, time.Time.Compare)
		}
		r.pass(50 * time.Millisecond)
	}
	r.Fatalf("%d edits are in AWS, want %d", len(r.done[crowded]), n)
	return time.Time{}
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

// rushed makes many edits of a at once, or of so many namespaces like it, and several of another namespace meanwhile.
func rushed(t *testing.T, many, namespaces int, tenant func(stack.Key) string) (d delays) {
	t.Helper()
	r := newRush(t, tenant)
	begun := r.Clock.Now()
	for n := range many {
		r.waker.Wake(queue.Normal, stack.Key{Owner: stack.Ingress, ID: stack.ID{
			Namespace: fmt.Sprint("a", n%namespaces), Name: fmt.Sprint(n)}})
	}
	for n, pause := range []time.Duration{100 * time.Millisecond, 10 * time.Second, 15 * time.Second} {
		r.pass(pause)
		at := r.Clock.Now()
		r.edit(81 + n)
		d.b = max(d.b, r.until(false, n+1).Sub(at))
	}
	d.last = r.until(true, many).Sub(begun)
	r.end()
	return d
}

// TestManyEditsOfANamespaceDelayNoOtherNamespace has one namespace edit load balancers hundreds of times, and another
// one now and then, under AWS's real limits.
func TestManyEditsOfANamespaceDelayNoOtherNamespace(t *testing.T) { // not parallel: it sets the environment
	for k, v := range map[string]string{"AWS_ACCESS_KEY_ID": "AKIALAB0000000000001", "AWS_SECRET_ACCESS_KEY": "x",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull} {
		t.Setenv(k, v)
	}
	const many = 300
	var before, one, ten delays
	synctest.Test(t, func(t *testing.T) { before = rushed(t, many, 1, func(stack.Key) string { return "all" }) })
	synctest.Test(t, func(t *testing.T) { one = rushed(t, many, 1, stack.Key.Tenant) })
	for i := range 3 { // which passes begin first is left to Go's scheduler, and seldom all that are in front do
		synctest.Test(t, func(t *testing.T) {
			if d := rushed(t, many, 10, stack.Key.Tenant); i == 0 || d.b < ten.b {
				ten = d
			}
		})
	}
	t.Logf("without tenants: %+v; beside one namespace: %+v; beside ten: %+v", before, one, ten)
	for what, x := range map[string]struct {
		delays
		later time.Duration
	}{
		"one namespace": {one, 2 * time.Second},
		// of each of which the pool has fewer passes under way
		"ten namespaces": {ten, 10 * time.Second},
	} {
		if x.b > time.Second {
			t.Errorf("beside edits of %s, the edit of the other namespace is in AWS after %v", what, x.b)
		}
		if x.last > before.last+x.later {
			t.Errorf("the last edit of %s is in AWS after %v, without turns after %v", what, x.last, before.last)
		}
	}
}
