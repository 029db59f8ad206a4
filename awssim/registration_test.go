package awssim

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/internal/lib/await"
)

// networkWorld is an NLB that forwards to the returned target groups: the first has the weight 1, the others 0. A
// server is behind both addresses.
func networkWorld(t *testing.T, p account.Profile, groups ...string) (*web, *clock.Stepped, []string) {
	t.Helper()
	c := clock.NewStepped(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	s := serve(t, Options{DataPlane: true, Clock: c, Profile: p})
	h := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(h.Close)
	backend := h.Listener.Addr().String()
	if err := s.admin.SetBackends(t.Context(), map[string]string{"10.0.128.77:8080": backend,
		"10.0.128.78:8080": backend}); err != nil {
		t.Fatal(err)
	}
	lb := wanted(s.balancing.CreateLoadBalancer(t.Context(), &elb.CreateLoadBalancerInput{Name: aws.String("net"),
		Type: "network", Subnets: s.subnets()}))(t).LoadBalancers[0]
	w := &web{served: s, lb: *lb.LoadBalancerArn, dnsName: *lb.DNSName}
	forward := &elbtypes.ForwardActionConfig{}
	var arns []string
	for i, name := range groups {
		tg := wanted(s.balancing.CreateTargetGroup(t.Context(), &elb.CreateTargetGroupInput{
			Name: aws.String(name), Protocol: "TCP", Port: aws.Int32(8080), VpcId: aws.String(s.description.VPC.ID),
			TargetType: "ip",
		}))(t).TargetGroups[0]
		arns = append(arns, *tg.TargetGroupArn)
		forward.TargetGroups = append(forward.TargetGroups, elbtypes.TargetGroupTuple{TargetGroupArn: tg.TargetGroupArn,
			Weight: aws.Int32(int32(max(0, 1-i)))})
	}
	w.tg = arns[0]
	wanted(s.balancing.CreateListener(t.Context(), &elb.CreateListenerInput{
		LoadBalancerArn: &w.lb, Protocol: "TCP", Port: aws.Int32(80), DefaultActions: []elbtypes.Action{
			{Type: "forward", ForwardConfig: forward}},
	}))(t)
	return w, c, arns
}

// state is the state of the only target of a target group; "" for none.
func (w *web) state(t *testing.T, tg string) string {
	t.Helper()
	all := wanted(w.balancing.DescribeTargetHealth(t.Context(), &elb.DescribeTargetHealthInput{TargetGroupArn: &tg}))(
		t).TargetHealthDescriptions
	if len(all) == 0 {
		return ""
	}
	return string(all[0].TargetHealth.State) + " " + string(all[0].TargetHealth.Reason)
}

// becomes moves the clock in small steps until the target of a group has a state.
func (w *web) becomes(t *testing.T, c *clock.Stepped, tg, state string) {
	t.Helper()
	await.Equal(t, "the target", func() string {
		c.Advance(2 * time.Millisecond) // checks need time of the machine, too
		return w.state(t, tg)
	}, state)
}

// serves reports whether a new connection gets an answer.
func (w *web) serves(t *testing.T) bool {
	t.Helper()
	req := wanted(http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+w.dnsName+"/", nil))(t)
	resp, err := w.client(t).Do(req)
	if err == nil {
		_ = resp.Body.Close()
	}
	return err == nil
}

func TestNLBTargetServesAfterRegistration(t *testing.T) {
	t.Parallel()
	w, c, arns := networkWorld(t, account.Profile{Name: "test", NetworkTargetInitial: time.Minute}, "a")
	w.register(t, "10.0.128.77")
	c.Advance(time.Minute - time.Millisecond)
	if got := w.state(t, arns[0]); got != "initial Elb.RegistrationInProgress" || w.serves(t) {
		t.Errorf("before the minute is over: %s, or it serves", got)
	}
	c.Advance(time.Millisecond)
	w.becomes(t, c, arns[0], "healthy ")
	if !w.serves(t) {
		t.Error("after it, it does not serve")
	}
}

func TestTargetGroupOfWeightZeroIsChecked(t *testing.T) {
	t.Parallel()
	w, c, arns := networkWorld(t, account.Profile{Name: "test", NetworkTargetInitial: time.Minute}, "a", "b")
	w.register(t, "10.0.128.77")
	w.tg = arns[1]
	w.register(t, "10.0.128.78")
	c.Advance(time.Minute)
	w.becomes(t, c, arns[1], "healthy ")
}

func TestNLBTargetDrainsWhileItGetsFlows(t *testing.T) {
	t.Parallel()
	w, c, arns := networkWorld(t, account.Profile{Name: "test", NetworkDeregister: 90 * time.Second,
		Draining: 100 * time.Millisecond}, "a")
	w.register(t, "10.0.128.77")
	w.becomes(t, c, arns[0], "healthy ")
	wanted(w.balancing.DeregisterTargets(t.Context(), &elb.DeregisterTargetsInput{TargetGroupArn: &arns[0],
		Targets: []elbtypes.TargetDescription{{Id: aws.String("10.0.128.77")}}}))(t)
	c.Advance(90*time.Second - time.Millisecond)
	if got := w.state(t, arns[0]); got != "draining Target.DeregistrationInProgress" || !w.serves(t) {
		t.Errorf("before the 90 seconds are over: %q, or it does not serve", got)
	}
	c.Advance(time.Millisecond)
	if got := w.state(t, arns[0]); got != "" || w.serves(t) {
		t.Errorf("after them: %q, or it serves", got)
	}
}
