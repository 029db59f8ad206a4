package upkeep

import (
	"context"
	"net/http/httptest"
	"os"
	"slices"
	"testing"
	"time"

	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/go-logr/logr"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/controller/stacks"
	"github.com/k8s-lbc/lbc/internal/controller/tracing"
	"github.com/k8s-lbc/lbc/internal/controller/tracing/collector"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// byHTTP has the next processes call AWS by HTTP, under a key in the environment; trace is called after each call.
func byHTTP(l *lab.Lab, trace func(context.Context, awsclient.Call)) {
	l.Helper()
	for k, v := range map[string]string{"AWS_ACCESS_KEY_ID": "AKIALAB0000000000001", "AWS_SECRET_ACCESS_KEY": "x",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull} {
		l.Setenv(k, v)
	}
	server := httptest.NewServer(l.Sim.Handler())
	l.Cleanup(server.Close)
	endpoints := map[string]string{}
	for _, service := range []string{awsclient.ServiceELBV2, awsclient.ServiceEC2, awsclient.ServiceACM,
		awsclient.ServiceSTS, awsclient.ServiceShield, awsclient.ServiceWAFv2} {
		endpoints[service] = server.URL
	}
	connection, err := awsclient.Connect(l.Context(), awsclient.ConnectOptions{Region: "us-west-2", VPC: l.Config.VPC,
		Endpoints: endpoints, Version: "v"})
	l.Must(err)
	clients := connection.Clients(awsclient.NewLimiter(awsclient.LimiterOptions{Clock: l.Clock, Trace: trace}))
	l.Remote = &clients
}

// traced has the next processes call AWS by HTTP and trace their passes. The returned function ends the traces and
// returns the spans.
func traced(l *lab.Lab) (end func() []collector.Span) {
	l.Helper()
	byHTTP(l, tracing.RecordCall)
	c := collector.New(l)
	var err error
	l.Tracer, err = tracing.New(tracing.Options{Traces: config.Traces{Endpoint: c.URL, Ratio: 1, Timeout: time.Minute},
		Now: l.Clock.Now, Log: logr.Discard()})
	l.Must(err)
	return func() []collector.Span {
		l.Tracer.End()
		return c.Spans()
	}
}

// requests are the ids of the requests of AWS by action, "" of those without, as the spans below a root have them.
func requests(spans []collector.Span, trace string) (ids []string) {
	for _, s := range spans {
		if s.Trace == trace && s.Attributes["rpc.system"] != "" {
			ids = append(ids, s.Attributes["rpc.method"]+" "+s.Attributes["aws.request_id"])
		}
	}
	slices.Sort(ids)
	return ids
}

// recorded are those of the requests that the simulator answered after a mark and up to another one.
func recorded(l *lab.Lab, after, last uint64) (ids []string) {
	for _, c := range l.Sim.Gate.Calls(gate.Filter{After: after}) {
		if c.Number <= last {
			ids = append(ids, c.Action+" "+c.RequestID)
		}
	}
	slices.Sort(ids)
	return ids
}

func TestTraceOfPassHasPhasesAndCallsWithRequestIDs(t *testing.T) {
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"))
	end := traced(l)
	l.Restart()
	in, key := lab.Ingress("front", nil, "web"), lab.Key("front")
	l.Create(in)
	q := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[stack.Key]())
	defer q.ShutDown()
	(&stacks.OwnerEvents{Reconciler: l.Ingresses, Classes: reads.NewIndex[types.NamespacedName]()}).OwnerHandler().Create(
		t.Context(), event.TypedCreateEvent[client.Object]{Object: in}, q)
	var marks []uint64
	pass := func() error {
		marks = append(marks, l.Mark())
		_, err := l.Ingresses.Reconcile(t.Context(), key)
		return err
	}
	l.Must(pass())
	_, err := l.Sim.Gate.AddFault(gate.Fault{Action: "ModifyLoadBalancerAttributes", Code: "AccessDenied", Status: 403,
		Message: "not authorized"})
	l.Must(err)
	l.Must(l.Client.Get(t.Context(), client.ObjectKeyFromObject(in), in))
	in.Annotations["alb.ingress.kubernetes.io/load-balancer-attributes"] = "idle_timeout.timeout_seconds=61"
	l.Must(l.Client.Update(t.Context(), in))
	if pass() == nil {
		t.Error("a refused call is no error of the pass")
	}
	marks = append(marks, l.Mark())
	spans := end()
	roots := collector.Roots(spans)
	if len(roots) != 2 {
		t.Fatalf("%d traces of two passes", len(roots))
	}
	for i, want := range []string{`reconcile ingress
  apply
    EC2.AuthorizeSecurityGroupIngress
    EC2.CreateSecurityGroup
    EC2.CreateSecurityGroup
    Elastic Load Balancing v2.CreateListener
    Elastic Load Balancing v2.CreateLoadBalancer
    Elastic Load Balancing v2.CreateRule
    Elastic Load Balancing v2.CreateTargetGroup
  compile
    EC2.DescribeAvailabilityZones
    EC2.DescribeSecurityGroups
    EC2.DescribeSubnets
    Elastic Load Balancing v2.DescribeLoadBalancers
    Elastic Load Balancing v2.DescribeTargetGroups
  load
  plan`, `reconcile ingress
  apply
    Elastic Load Balancing v2.ModifyLoadBalancerAttributes
  compile
  load
  plan`} {
		if got := collector.Tree(spans, roots[i]); got != want {
			t.Errorf("pass %d is\n%s\nwant\n%s", i, got, want)
		}
		if got, want := requests(spans, roots[i].Trace), recorded(l, marks[i], marks[i+1]); !slices.Equal(got, want) {
			t.Errorf("pass %d has the requests\n%q\nthe simulator\n%q", i, got, want)
		}
		if roots[i].Failed != (i == 1) || roots[i].Attributes["lbc.stack"] != key.String() ||
			roots[i].Attributes["lbc.caused_by"] != []string{"Ingress shop/front", ""}[i] {
			t.Errorf("pass %d is %+v", i, roots[i])
		}
	}
	denied := slices.IndexFunc(spans, func(s collector.Span) bool {
		return s.Attributes["rpc.method"] == "ModifyLoadBalancerAttributes" && s.Trace == roots[1].Trace
	})
	if denied < 0 || !spans[denied].Failed || spans[denied].Attributes["error.type"] != "AccessDenied" ||
		spans[denied].Error != "not authorized" {
		t.Errorf("the refused call is %+v", spans)
	}
}

func TestATraceOfAPassOverABindingHasTheCallsThatEndAfterIt(t *testing.T) {
	l := lab.New(t, account.Profile{}, lab.Service("web"), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	end := traced(l)
	l.Restart()
	ended := make(chan struct{}, 100)
	l.Bound.Registry.Async = true
	l.Bound.Registry.Progress = func(stack.ID) { ended <- struct{}{} }
	arn := l.TargetGroup(elbtypes.TargetTypeEnumIp)
	l.Create(append(lab.Pods("a", "10.0.128.50"), lab.Binding(arn, v1beta1.TargetTypeIP))...)
	q := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	defer q.ShutDown()
	slice := &discoveryv1.EndpointSlice{}
	l.Get(slice, "web-a")
	l.Bound.ServiceEvent(func(client.Object) string { return "web" }, nil).Create(t.Context(),
		event.TypedCreateEvent[client.Object]{Object: slice}, q)
	registered := func() bool {
		all := l.Bound.Registry.Expected(registrar.Group{ARN: arn}).Registered
		return all
	}
	for !registered() {
		_, err := l.Round()
		l.Must(err)
		select {
		case <-ended:
		case <-time.After(10 * time.Millisecond): // a pass without calls
		}
	}
	spans := end()
	roots := collector.Roots(spans)
	if roots[0].Attributes["lbc.caused_by"] != "EndpointSlice shop/web-a" ||
		roots[0].Attributes["lbc.target_group_binding"] != "shop/bound" {
		t.Errorf("the first pass has %v", roots[0].Attributes)
	}
	const want = `reconcile targetGroupBinding
  EC2.DescribeVpcs
  Elastic Load Balancing v2.DescribeTargetHealth
  endpoints
  load
  targets
    Elastic Load Balancing v2.DescribeTargetHealth
    Elastic Load Balancing v2.RegisterTargets`
	if !slices.ContainsFunc(roots, func(root collector.Span) bool { return collector.Tree(spans, root) == want }) {
		t.Errorf("no trace\n%s\namong\n%+v", want, spans)
	}
}
