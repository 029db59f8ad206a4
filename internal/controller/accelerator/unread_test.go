package accelerator

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	simaccount "github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/permission"
	"github.com/k8s-lbc/lbc/internal/lib/sample"
)

// unreadFaults are the ways in which a read of AWS fails; nil = it hangs, or its second page fails.
var unreadFaults = map[string]*gate.Fault{
	"denied":            {Code: "AccessDeniedException", Status: 403},
	"empty":             {Empty: true},
	"expired":           {Code: "ExpiredTokenException", Status: 403},
	"failing":           {Code: "InternalServiceErrorException", Status: 500},
	"hanging":           nil,
	"partial":           {Partial: true},
	"second page fails": nil,
	"throttled":         {Kind: "throttled"},
}

// readsOfAccelerators are the reads for accelerators, with those of load balancers.
func readsOfAccelerators() []string {
	out := []string{"elasticloadbalancing:DescribeListeners", "elasticloadbalancing:DescribeLoadBalancers",
		"elasticloadbalancing:DescribeTags"}
	for _, o := range permission.Operations {
		if service, action, _ := strings.Cut(o.Permission, ":"); service == "globalaccelerator" && awsclient.IsRead(action) {
			out = append(out, o.Permission)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// unreadWorlds have an accelerator: with the ports of its Service; with ARNs; with the ports of the listeners of an ARN;
// and with an object of each kind in another namespace.
var unreadWorlds = map[string]func(*testing.T) *world{
	"a Service": func(t *testing.T) *world {
		t.Helper()
		w := example(t)
		w.balancer("k8s-other")
		return w
	},
	"ARNs": func(t *testing.T) *world {
		t.Helper()
		w := newWorld(t, object([]int32{80}, byARN("k8s-plain"), byARN("k8s-bare")))
		for _, name := range []string{"k8s-plain", "k8s-bare", "k8s-other"} {
			w.balancer(name, func(lb *simaccount.LoadBalancer) {
				if name == "k8s-bare" {
					lb.SecurityGroups = nil
				}
			})
		}
		return w
	},
	"ports of an ARN": func(t *testing.T) *world {
		t.Helper()
		w := newWorld(t, object(nil, byARN("k8s-plain")))
		w.balancer("k8s-plain")
		w.listener("k8s-plain", 80)
		w.listener("k8s-plain", 81)
		return w
	},
	"objects of each kind": func(t *testing.T) *world {
		t.Helper()
		ingress := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
		ingress.Status.LoadBalancer.Ingress = []networkingv1.IngressLoadBalancerIngress{
			{Hostname: "k8s-ingress-50dc.us-west-2.elb.amazonaws.com"}}
		gateway := &gatewayv1.Gateway{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
		gateway.Status.Addresses = []gatewayv1.GatewayStatusAddress{
			{Type: to(gatewayv1.HostnameAddressType), Value: host("k8s-gateway")}}
		w := newWorld(t, object([]int32{80}, endpoint(agav1beta1.EndpointService, "shop", "web"),
			endpoint(agav1beta1.EndpointIngress, "shop", "web"), endpoint(agav1beta1.EndpointGateway, "shop", "web")),
			service("shop", "web", "k8s-service", 80), ingress, gateway, grant("shop", "", "Service"),
			grant("shop", "networking.k8s.io", "Ingress"), grant("shop", "gateway.networking.k8s.io", "Gateway"))
		for _, name := range []string{"k8s-service", "k8s-gateway", "k8s-other"} {
			w.balancer(name)
		}
		w.balancer("k8s-ingress", func(lb *simaccount.LoadBalancer) {
			lb.ARN, lb.Type = prefix+"app/k8s-ingress/50dc", "application"
			lb.DNSName = ingress.Status.LoadBalancer.Ingress[0].Hostname
		})
		return w
	},
}

func byARN(balancer string) agav1beta1.Endpoint {
	return agav1beta1.Endpoint{Type: agav1beta1.EndpointID, EndpointID: to(prefix + "net/" + balancer + "/50dc"),
		Weight: to(int32(128)), ClientIPPreservationEnabled: to(true)}
}

// listener adds a listener of a load balancer.
func (w *world) listener(balancer string, port int32) {
	w.sim.Account.Lock()
	defer w.sim.Account.Unlock()
	lb := w.sim.Account.LoadBalancers[prefix+"net/"+balancer+"/50dc"]
	w.sim.Account.AddListener(&simaccount.Listener{ARN: fmt.Sprintf("%s/%d", strings.Replace(lb.ARN, ":loadbalancer/",
		":listener/", 1), port), LoadBalancer: lb, Port: port, Protocol: "TCP"}, &simaccount.Rule{ARN: fmt.Sprintf(
		"%s/%d/0", strings.Replace(lb.ARN, ":loadbalancer/", ":listener-rule/", 1), port)})
}

// unreadEdits take nothing away.
var unreadEdits = map[string]func(*world){
	"none": func(*world) {},
	"a port of the Service": func(w *world) { // without one, a Service that nothing names
		s := service("default", "web", "k8s-default-web-1a2b", 80, 81, 443)
		w.must(client.IgnoreNotFound(w.client.Status().Update(w.t.Context(), s)))
	},
	"a weight": func(w *world) {
		w.edit(func(ga *agav1beta1.GlobalAccelerator) {
			ga.Spec.Listeners[0].EndpointGroups[0].Endpoints[0].Weight = to(int32(64))
		})
	},
	"a tag": func(w *world) {
		w.edit(func(ga *agav1beta1.GlobalAccelerator) { ga.Spec.Tags = map[string]string{"team": "red"} })
	},
	"another endpoint": func(w *world) {
		w.edit(func(ga *agav1beta1.GlobalAccelerator) {
			g := &ga.Spec.Listeners[0].EndpointGroups[0]
			g.Endpoints = append(g.Endpoints, byARN("k8s-other"))
		})
	},
}

// parts are what the account has of accelerators, each as a text: endpoints, their weights, and whether they preserve
// addresses of clients.
func (w *world) parts() map[string]bool {
	out := map[string]bool{}
	for line := range strings.Lines(w.accelerators()) {
		line = strings.TrimSpace(line)
		words := strings.Fields(line)
		switch out[words[0]] = true; {
		case words[0] == "TCP":
			for _, ports := range words[2:] {
				out["ports "+ports] = true
			}
		case strings.HasPrefix(words[0], "loadbalancer/"):
			out[words[0]+" weight "+words[1]] = true
			if words[2] == "true" { // an endpoint that preserves them from now on has lost nothing
				out[words[0]+" preserves addresses of clients"] = true
			}
		default:
			out[line] = true
		}
	}
	w.sim.Account.Lock()
	defer w.sim.Account.Unlock()
	for _, x := range w.sim.Account.AcceleratorsInOrder() {
		for key, value := range x.Tags {
			out["tag "+key+" = "+value] = true
		}
	}
	return out
}

// TestFailedReadTakesNoEndpointAway has each read of AWS fail in each way during edits: what the accelerator has before
// and after stays, no second one is made, and the edit is in effect once the read works again. The short form tries
// some of the reads.
func TestFailedReadTakesNoEndpointAway(t *testing.T) {
	t.Parallel()
	chosen := sample.OneOf(37) // not a multiple of the number of edits, worlds or ways
	for _, permission := range readsOfAccelerators() {
		for _, way := range slices.Sorted(maps.Keys(unreadFaults)) {
			for _, of := range slices.Sorted(maps.Keys(unreadWorlds)) {
				for _, edit := range slices.Sorted(maps.Keys(unreadEdits)) {
					for _, restarts := range []bool{false, true} {
						if !chosen.Next() {
							continue
						}
						t.Run(fmt.Sprintf("%s %s, %s, %s, restart %t", permission, way, of, edit, restarts), func(t *testing.T) {
							t.Parallel()
							u := unreadLife{of: of, edit: edit, restarts: restarts}
							u.fail, u.end = awsFailure(permission, way)
							u.try(t)
						})
					}
				}
			}
		}
	}
}

// awsFailure begins and ends that a read of AWS fails in a way.
func awsFailure(permission, way string) (begin, end func(*world)) {
	of, action, _ := strings.Cut(permission, ":")
	judge := func(_ context.Context, s, a string, in any) error {
		if s != of || a != action {
			return nil
		}
		if way == "hanging" {
			return context.DeadlineExceeded
		}
		for _, field := range []string{"Marker", "NextToken"} {
			if f := reflect.Indirect(reflect.ValueOf(in)).FieldByName(field); f.IsValid() && !f.IsNil() {
				return apierr.WithStatus(500, "InternalFailure", "the second page fails")
			}
		}
		return nil
	}
	begin = func(w *world) {
		if fault := unreadFaults[way]; fault != nil {
			f := *fault
			f.Service, f.Action = of, action
			_, err := w.sim.Gate.AddFault(f)
			w.must(err)
			return
		}
		if way == "second page fails" {
			pagesOf(w, 1)
		}
		w.judge = judge
	}
	return begin, func(w *world) {
		w.mu.Lock()
		w.judge = nil
		w.mu.Unlock()
		w.sim.Gate.ClearFaults()
		pagesOf(w, 0)
	}
}

// pagesOf limits the pages of lists; 0 = as AWS has them.
func pagesOf(w *world, size int) {
	w.sim.Account.Lock()
	defer w.sim.Account.Unlock()
	w.sim.Account.Trouble.PageSize = size
}

// unreadLife is an edit of a world while reads fail.
type unreadLife struct {
	of, edit  string
	restarts  bool // a new process carries out the edit
	fail, end func(*world)
}

// whole are the parts of the world before and after the edit where each read succeeds.
func (u *unreadLife) whole(t *testing.T) (before, after map[string]bool) {
	t.Helper()
	w := unreadWorlds[u.of](t)
	w.settle()
	if before = w.parts(); len(before) < 8 {
		t.Fatalf("account:\n%s\n%s", w.accelerators(), w.told())
	}
	unreadEdits[u.edit](w)
	w.clock.Advance(2 * time.Hour)
	w.restart()
	w.settle()
	return before, w.parts()
}

func (u *unreadLife) try(t *testing.T) {
	t.Helper()
	before, after := u.whole(t)
	w := unreadWorlds[u.of](t)
	w.settle()
	if u.restarts {
		w.restart()
	} else {
		w.clock.Advance(2 * time.Hour) // what was read is old
	}
	u.fail(w)
	unreadEdits[u.edit](w)
	for range 4 {
		_, _ = w.pass()
		now := w.parts()
		for part := range before {
			if after[part] && !now[part] {
				t.Errorf("gone: %s of\n%s", part, w.accelerators())
			}
		}
		if n := strings.Count(w.accelerators(), " IPV4 "); n != 1 {
			t.Errorf("%d accelerators:\n%s", n, w.accelerators())
		}
		w.clock.Advance(time.Minute)
	}
	u.end(w)
	w.clock.Advance(2 * time.Hour)
	w.restart()
	for range 20 {
		r, _ := w.pass()
		w.clock.Advance(max(r.RequeueAfter%(5*time.Minute), 5*time.Second))
	}
	if now := w.parts(); !maps.Equal(now, after) {
		t.Errorf("in the end:\n%s, want %v", w.accelerators(), slices.Sorted(maps.Keys(after)))
	}
}

// TestOnlyADeletedListenerTakesItsPortAway has lists that lack a listener by mistake, and then because it is deleted.
func TestOnlyADeletedListenerTakesItsPortAway(t *testing.T) {
	t.Parallel()
	w := unreadWorlds["ports of an ARN"](t)
	w.settle()
	before := w.accelerators()
	look := func(want string) {
		t.Helper()
		w.clock.Advance(2 * time.Hour)
		w.settle()
		w.want("account", w.accelerators(), want)
	}
	for _, way := range []string{"partial", "empty"} {
		begin, end := awsFailure("elasticloadbalancing:DescribeListeners", way)
		begin(w)
		look(before)
		end(w)
	}
	_, err := w.sim.Gate.AddFault(gate.Fault{Action: "DescribeListeners", Partial: true, Times: 1}) // the list alone
	w.must(err)
	look(before)
	_, err = w.sim.Balancing.DeleteListener(t.Context(), &elbv2.DeleteListenerInput{
		ListenerArn: aws.String(strings.Replace(prefix, ":loadbalancer/", ":listener/", 1) + "net/k8s-plain/50dc/80")})
	w.must(err)
	look(strings.Replace(before, "80-81", "81-81", 1))
}

// TestBalancerWithoutListenersIsAskedTwiceAnHour has an endpoint without listeners, which gets one after an hour.
func TestBalancerWithoutListenersIsAskedTwiceAnHour(t *testing.T) {
	t.Parallel()
	w := newWorld(t, object(nil, byARN("k8s-plain")))
	w.balancer("k8s-plain")
	w.called()
	follow := func(until time.Time) {
		for w.clock.Now().Before(until) {
			r, err := w.pass()
			w.must(err)
			if r.RequeueAfter == 0 {
				t.Fatal("nothing looks again")
			}
			w.clock.Advance(r.RequeueAfter)
		}
	}
	follow(w.clock.Now().Add(50 * time.Minute))
	lists := 0
	for _, action := range strings.Fields(w.called()) {
		if action == "DescribeListeners" {
			lists++
		}
	}
	if lists != 2 {
		t.Errorf("%d lists of listeners in an hour", lists)
	}
	w.listener("k8s-plain", 80)
	w.settle()
	if !strings.Contains(w.accelerators(), "80-80") {
		t.Errorf("account:\n%s\n%s", w.accelerators(), w.told())
	}
}

// TestPartialFirstListTakesNoPortAway has the lists of a new process lack a listener: as long as the process lives,
// where the one before kept the ARNs of the listeners; else the first list alone.
func TestPartialFirstListTakesNoPortAway(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		kept  bool
		times int
	}{"with a checkpoint": {true, 0}, "without one": {false, 1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := unreadWorlds["ports of an ARN"](t)
			w.settle()
			before := w.accelerators()
			if len(w.kept) != 1 {
				t.Errorf("kept for the next process: %v", w.kept)
			}
			if !c.kept {
				w.kept = nil
			}
			_, err := w.sim.Gate.AddFault(gate.Fault{Action: "DescribeListeners", Partial: true, Times: c.times})
			w.must(err)
			w.restart()
			_, err = w.pass()
			w.must(err)
			w.want("account after a pass", w.accelerators(), before)
			w.settle()
			w.want("account", w.accelerators(), before)
			w.sim.Gate.ClearFaults()
			w.must(w.client.Delete(t.Context(), w.get()))
			w.settle()
			if _, err := w.pass(); err != nil || len(w.kept) > 0 {
				t.Errorf("%v; kept of an object that is gone: %v", err, w.kept)
			}
		})
	}
}

// TestAnotherAccountsAnswerMakesNoAccelerator has a new process work in an account without the accelerator.
func TestAnotherAccountsAnswerMakesNoAccelerator(t *testing.T) {
	t.Parallel()
	w, other := example(t), example(t)
	w.settle()
	before := w.accelerators()
	own := w.sim
	other.sim.Account.Lock()
	other.sim.Account.ID = "210987654321"
	other.sim.Account.Unlock()
	w.sim = other.sim
	w.restart()
	for range 4 {
		_, _ = w.pass()
		w.clock.Advance(time.Minute)
	}
	if now := w.accelerators(); now != "" || !strings.Contains(w.told(), "210987654321") {
		t.Errorf("in the other account is %q; told:\n%s", now, w.told())
	}
	w.must(w.client.Delete(t.Context(), w.get()))
	for range 4 {
		_, _ = w.pass()
		w.clock.Advance(time.Minute)
	}
	if ga := w.get(); len(ga.Finalizers) == 0 {
		t.Error("the object went without its accelerator")
	}
	w.sim = own
	w.want("account", w.accelerators(), before)
}

// TestPortsOfADeletedListenerGoAfterARestart has a listener deleted while no process runs.
func TestPortsOfADeletedListenerGoAfterARestart(t *testing.T) {
	t.Parallel()
	for _, kept := range []bool{true, false} {
		w := unreadWorlds["ports of an ARN"](t)
		w.settle()
		before := w.accelerators()
		if !kept {
			w.kept = nil
		}
		_, err := w.sim.Balancing.DeleteListener(t.Context(), &elbv2.DeleteListenerInput{
			ListenerArn: aws.String(strings.Replace(prefix, ":loadbalancer/", ":listener/", 1) + "net/k8s-plain/50dc/80")})
		w.must(err)
		w.restart()
		w.settle()
		w.want("account", w.accelerators(), strings.Replace(before, "80-81", "81-81", 1))
	}
}

// TestFailedReadChangesNoPreservationOfAddresses has a new process that cannot read whether a network load balancer
// preserves the addresses of clients, which one without security groups does not. An edit is in effect all the same.
func TestFailedReadChangesNoPreservationOfAddresses(t *testing.T) {
	t.Parallel()
	plain := agav1beta1.Endpoint{Type: agav1beta1.EndpointID, EndpointID: to(prefix + "net/k8s-plain/50dc"),
		Weight: to(int32(128)), ClientIPPreservationEnabled: to(true)}
	w := newWorld(t, object([]int32{80}, plain))
	w.balancer("k8s-plain", func(lb *simaccount.LoadBalancer) { lb.SecurityGroups = nil })
	w.settle()
	before := w.accelerators()
	if !strings.Contains(before, "k8s-plain/50dc 128 false") {
		t.Fatal(before)
	}
	_, err := w.sim.Gate.AddFault(gate.Fault{Action: "DescribeLoadBalancers", Code: "AccessDenied", Status: 403})
	w.must(err)
	w.restart()
	ga := w.get()
	ga.Spec.Listeners[0].PortRanges[0].ToPort = 81
	ga.Generation++
	w.must(w.client.Update(t.Context(), ga))
	for range 4 {
		if _, err := w.pass(); err != nil {
			t.Errorf("%v\n%s", err, strings.Join(w.events, "\n"))
		}
		w.clock.Advance(time.Minute)
	}
	w.want("account", w.accelerators(), strings.Replace(before, "80-80", "80-81", 1))
}
