package awssim

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/vnet"
	"github.com/k8s-lbc/lbc/internal/lib/testbrowser"
)

// shop is a load balancer with a rule of its own, a healthy target and one that never answers.
func shop(t *testing.T) (*web, *http.Client) {
	t.Helper()
	network := vnet.New()
	s := serve(t, Options{DataPlane: true, Network: network, HealthInterval: 20 * time.Millisecond,
		HealthTimeout: time.Second})
	pod(t, network, "10.0.128.77", 8080, "blue")
	w := s.web(t)
	w.allow(t, 80)
	listener := w.listen(t, elb.CreateListenerInput{Protocol: "HTTP", Port: aws.Int32(80)})
	wanted(s.balancing.CreateRule(t.Context(), &elb.CreateRuleInput{
		ListenerArn: aws.String(listener), Priority: aws.Int32(7),
		Conditions: []elbtypes.RuleCondition{{Field: aws.String("path-pattern"), Values: []string{"/teapot"}}},
		Actions: []elbtypes.Action{{Type: "fixed-response", FixedResponseConfig: &elbtypes.FixedResponseActionConfig{
			StatusCode: aws.String("418")}}},
	}))(t)
	w.register(t, "10.0.128.77")
	w.healthy(t)
	return w, s.client(t)
}

func TestAdminReportsTrafficAndHealthHistory(t *testing.T) {
	t.Parallel()
	w, client := shop(t)
	url := "http://" + w.dnsName
	for _, path := range []string{"/", "/teapot", "/teapot", "/else"} {
		get(t, client, url+path, "")
	}
	r := wanted(w.admin.Resources(t.Context()))(t)
	counts := map[string]int64{}
	for _, rule := range r.LoadBalancers[0].Listeners[0].Rules {
		counts[rule.Priority] = rule.Requests
	}
	if counts["7"] != 2 || counts["default"] != 2 {
		t.Errorf("requests by rule: %v", counts)
	}
	traffic := wanted(w.admin.Traffic(t.Context()))(t)
	if traffic.LoadBalancers[w.lb]["RequestCount"] != 4 || traffic.TargetGroups[w.tg]["HealthyHostCount"] != 1 {
		t.Errorf("%+v", traffic)
	}
	inService := 0
	for _, z := range r.LoadBalancers[0].Zones {
		if z.InService {
			inService++
		}
	}
	if inService != len(r.LoadBalancers[0].Zones) {
		t.Errorf("zones: %+v", r.LoadBalancers[0].Zones)
	}
	var states []string
	for _, h := range r.TargetGroups[0].Targets[0].History {
		states = append(states, h.State)
	}
	if strings.Join(states, " ") != "initial healthy" {
		t.Errorf("history: %v", states)
	}
}

func TestTheAdministrationReportsOpenFlows(t *testing.T) {
	t.Parallel()
	network := vnet.New()
	s := serve(t, Options{DataPlane: true, Network: network, HealthInterval: 20 * time.Millisecond})
	pod(t, network, "10.0.128.77", 8080, "blue")
	ctx := t.Context()
	vpc := aws.String(s.description.VPC.ID)
	lb := wanted(s.balancing.CreateLoadBalancer(ctx, &elb.CreateLoadBalancerInput{Name: aws.String("net"), Type: "network",
		Subnets: s.subnets()}))(t).LoadBalancers[0]
	tg := wanted(s.balancing.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{Name: aws.String("net"), Protocol: "TCP",
		Port: aws.Int32(8080), VpcId: vpc, TargetType: "ip"}))(t).TargetGroups[0]
	listener := wanted(s.balancing.CreateListener(ctx, &elb.CreateListenerInput{
		LoadBalancerArn: lb.LoadBalancerArn, Protocol: "TCP", Port: aws.Int32(8080), DefaultActions: []elbtypes.Action{
			{Type: "forward", TargetGroupArn: tg.TargetGroupArn}},
	}))(t).Listeners[0]
	w := &web{served: s, lb: *lb.LoadBalancerArn, tg: *tg.TargetGroupArn}
	w.register(t, "10.0.128.77")
	w.healthy(t)
	c := wanted(s.DialContext(ctx, "tcp", net.JoinHostPort(*lb.DNSName, "8080")))(t)
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	flows := wanted(s.admin.Flows(ctx))(t)
	if len(flows) != 1 {
		t.Fatalf("%+v", flows)
	}
	f := flows[0]
	if f.LoadBalancer != w.lb || f.Listener != *listener.ListenerArn || f.TargetGroup != w.tg || f.Protocol != "TCP" ||
		f.Target.String() != "10.0.128.77:8080" ||
		f.Client.Addr().String() != "203.0.113.1" || f.Received == 0 || f.Sent == 0 {
		t.Errorf("%+v", f)
	}
	if r := wanted(s.admin.Resources(ctx))(t); r.LoadBalancers[0].Listeners[0].Rules[0].Requests != 1 {
		t.Errorf("%+v", r.LoadBalancers[0].Listeners[0].Rules[0])
	}
}

func TestThePageShowsTheAccountInABrowserAndKeepsUpWithIt(t *testing.T) {
	t.Parallel()
	b := testbrowser.Start(t)
	w, client := shop(t)
	get(t, client, "http://"+w.dnsName+"/teapot", "")
	_, err := w.balancing.DeleteTargetGroup(t.Context(), &elb.DeleteTargetGroupInput{TargetGroupArn: aws.String(w.tg)})
	if apierr.CodeOf(err) != "ResourceInUse" {
		t.Fatal(err)
	}
	b.Do("Page.navigate", map[string]any{"url": w.url + "/"}, nil) // a browser at the root finds the page
	b.Until(`document.documentElement.dataset.state === "ready"`)
	var path string
	if b.Eval("location.pathname", &path); path != "/_sim/ui/" {
		t.Errorf("the browser is at %s", path)
	}
	var shown struct{ Rules, Targets, Groups, Calls, Facts string }
	b.Eval(`({
		Rules: [...document.querySelectorAll("#s-load-balancers tr[data-rule]")].map((r) => [...r.cells].map((c) => c.innerText).join("|")).join("\n"),
		Targets: [...document.querySelectorAll("#s-target-groups tr[data-target]")].map((r) => [...r.cells].slice(0, 4).map((c) => c.innerText).join("|")).join("\n"),
		Groups: document.querySelector("#s-security-groups").textContent,
		Calls: document.querySelector("#s-calls tbody tr").innerText,
		Facts: document.querySelector("#facts").innerText,
	})`, &shown)
	if want := "7|if path-pattern is /teapot, answer 418|1\ndefault|forward to web|0"; shown.Rules != want {
		t.Errorf("rules:\n%s\nwant\n%s", shown.Rules, want)
	}
	if !strings.HasPrefix(shown.Targets, "10.0.128.77|8080|") || !strings.HasSuffix(shown.Targets, "|healthy") {
		t.Errorf("targets: %s", shown.Targets)
	}
	for what, has := range map[string]bool{
		"the security group's permission": strings.Contains(shown.Groups, "0.0.0.0/0"),
		"the failed call, the last first": strings.Contains(shown.Calls, "DeleteTargetGroup") &&
			strings.Contains(shown.Calls, "ResourceInUse"),
		"the account and region": strings.Contains(shown.Facts, w.Account.ID) &&
			strings.Contains(shown.Facts, w.Account.Region),
	} {
		if !has {
			t.Errorf("the page does not show %s: %+v", what, shown)
		}
	}

	// It keeps up.
	get(t, client, "http://"+w.dnsName+"/teapot", "")
	b.Until(`document.querySelector("#s-load-balancers tr[data-rule]").cells[2].innerText === "2"`)

	// Filter and pause.
	b.Eval(
		`(() => { const f = document.querySelector("#filter"); f.value = "no such thing"; f.dispatchEvent(new Event("input")); })()`, nil)
	b.Until(`document.querySelector("#s-load-balancers").innerText === "Nothing fits the filter."`)
	b.Eval(
		`(() => { const f = document.querySelector("#filter"); f.value = ""; f.dispatchEvent(new Event("input")); document.querySelector("#pause").click(); })()`, nil)
	b.Until(
		`document.querySelectorAll("#s-load-balancers tr[data-rule]").length === 2 && document.querySelector("#pause").getAttribute("aria-pressed") === "true"`)

	accessible(t, b)
	quiet(t, b, w.url)
}

// accessible checks what assistive technology needs: names for controls and tables, and enough contrast in both
// colour schemes.
func accessible(t *testing.T, b *testbrowser.Browser) {
	t.Helper()
	var faults []string
	b.Eval(`[
		...[...document.querySelectorAll("table")].filter((t) => !t.caption || !t.querySelector("th[scope]")).map(() => "a table without caption or column headings"),
		...[...document.querySelectorAll("input")].filter((i) => i.labels.length === 0).map((i) => "an input without label: " + i.id),
		...[...document.querySelectorAll("section")].filter((s) => !document.getElementById(s.getAttribute("aria-labelledby"))).map(() => "a section without heading"),
		...(document.documentElement.lang ? [] : ["no language"]),
		...(new Set([...document.querySelectorAll("[id]")].map((e) => e.id)).size === document.querySelectorAll("[id]").length ? [] : ["an id used twice"]),
	]`, &faults)
	for _, f := range faults {
		t.Error(f)
	}
	for scheme, dark := range map[string]bool{"light": false, "dark": true} {
		b.Scheme(scheme)
		if poor, is := b.Contrast(); is != dark || len(poor) > 0 {
			t.Errorf("%s: dark %v, poor contrast of %v", scheme, is, poor)
		}
	}
}

// quiet checks that the page raised no errors and sent requests to the simulator only.
func quiet(t *testing.T, b *testbrowser.Browser, url string) {
	t.Helper()
	for _, method := range []string{"Runtime.exceptionThrown", "Log.entryAdded"} {
		for _, e := range b.Seen(method) {
			t.Errorf("%s: %s", method, e)
		}
	}
	asked := b.Seen("Network.requestWillBeSent")
	if len(asked) < 5 {
		t.Errorf("only %d requests seen", len(asked))
	}
	for _, e := range asked {
		var sent struct{ Request struct{ URL string } }
		if err := json.Unmarshal([]byte(e), &sent); err != nil || !strings.HasPrefix(sent.Request.URL, url) &&
			!strings.HasPrefix(sent.Request.URL, "data:") {
			t.Errorf("the page asked %s (%v)", sent.Request.URL, err)
		}
	}
}

func TestThePageTakesNoTextForMarkup(t *testing.T) {
	t.Parallel()
	b := testbrowser.Start(t)
	s := serve(t, Options{})
	const evil = `<img src=x onerror="document.title='taken'">`
	wanted(s.balancing.CreateTargetGroup(t.Context(), &elb.CreateTargetGroupInput{
		Name: aws.String("tagged"), Protocol: "HTTP", Port: aws.Int32(80), VpcId: aws.String(s.description.VPC.ID),
		TargetType: "ip", HealthCheckPath: aws.String("/" + evil),
	}))(t)
	b.Do("Page.navigate", map[string]any{"url": s.url + "/_sim/ui"}, nil)
	b.Until(`document.documentElement.dataset.state === "ready"`)
	var shown struct {
		Images int
		Title  string
		Text   bool
	}
	b.Eval(
		`({Images: document.images.length, Title: document.title, Text: document.querySelector("#s-target-groups").textContent.includes("onerror")})`, &shown)
	if shown.Images != 0 || shown.Title != "awssim" || !shown.Text {
		t.Errorf("%+v", shown)
	}
}
