package console_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/lib/testbrowser"
	"github.com/k8s-lbc/lbc/internal/view/console"
	"github.com/k8s-lbc/lbc/internal/view/explain"
)

// account is a source with many load balancers, of which the first is a shop with pods in every state.
type account struct{ many int }

const evil = `<img src=x onerror="document.title='taken'">`

func (a account) Overview(_ context.Context, fresh bool) (console.Overview, error) {
	o := console.Overview{Cluster: "demo", Region: "eu-west-1", Account: "your credentials",
		Read: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}
	if fresh {
		o.Problem = "AWS does not answer"
	}
	o.LoadBalancers = append(o.LoadBalancers, shop())
	for i := range a.many {
		s := console.Summary{
			Key: fmt.Sprintf("ingress.k8s.aws:team-%02d/app-%d", i%40, i), Kind: "Ingress",
			Title: fmt.Sprintf("team-%02d/app-%d", i%40, i), Type: "application", Scheme: "internal", State: "active",
			Objects: []string{fmt.Sprintf("Ingress team-%02d/app-%d", i%40, i)}, Listeners: []string{"HTTP 80"},
			DNSName: fmt.Sprintf("internal-k8s-app-%d.eu-west-1.elb.amazonaws.com", i),
		}
		if i%100 == 7 {
			s.Changes = 2
		}
		o.LoadBalancers = append(o.LoadBalancers, s)
	}
	o.Findings = findings
	return o, nil
}

func shop() console.Summary {
	return console.Summary{
		Key: "ingress.k8s.aws:shop", Kind: "Ingress", Title: "shop (group)", Name: "k8s-shop-7f2c11a0b4", Type: "application",
		Scheme: "internet-facing", State: "active",
		DNSName: "k8s-shop-7f2c11a0b4-1876502343.eu-west-1.elb.amazonaws.com", Objects: []string{"Ingress shop/front",
			"Ingress shop/cart", "Ingress legal/imprint"},
		Listeners: []string{"HTTP 80", "HTTPS 443"}, Rules: 4, Errors: 1, Notes: 1, Changes: 2,
	}
}

var findings = []console.Finding{
	{Key: "ingress.k8s.aws:shop", Finding: explain.Finding{Severity: "error", Object: "Ingress legal/imprint",
		Field: "spec.rules[0].http.paths[0].backend", Reason: "ServiceNotFound",
		Message: "Service legal/imprint does not exist", Remedy: "create the Service, or name another one"}},
	{Key: "ingress.k8s.aws:shop", Finding: explain.Finding{Severity: "note", Object: "Ingress shop/cart",
		Field: "metadata.annotations[x]", Reason: "UnknownAnnotation",
		Message: "annotation " + evil + " is not known", Remedy: "remove it"}},
}

func (account) LoadBalancer(_ context.Context, key string) (console.Detail, error) {
	if key != shop().Key {
		return console.Detail{}, fmt.Errorf("load balancer %q: %w", key, console.ErrNotFound)
	}
	redirect := console.Rule{ID: "80:default", Priority: "default", Conditions: "any request",
		Action: "redirect to HTTPS, port 443 (HTTP_301)"}
	pods := func(name string, healths ...string) (out []console.Target) {
		for i, h := range healths {
			t := console.Target{
				Target: explain.Target{ID: fmt.Sprintf("10.0.%d.%d", 128+i*16, 20+len(name)+i), Port: 8080, Health: h},
				Object: fmt.Sprintf("Pod shop/%s-6d5f9-%c%c2kx", name, 'a'+i, 'q'-i)}
			if h == "unhealthy" {
				t.Reason = "Target.ResponseCodeMismatch"
			}
			out = append(out, t)
		}
		return out
	}
	settings := []console.Field{
		{Name: "health check path", Value: "/healthz",
			Source: "metadata.annotations[alb.ingress.kubernetes.io/healthcheck-path] of Ingress shop/front"},
		{Name: "protocol", Value: "HTTP", Source: "(default)"}}
	group := func(id, service string, targets []console.Target) console.TargetGroup {
		return console.TargetGroup{ID: id, Name: "k8s-shop-" + id + "-9b1f0c22de", Exists: true, Backend: "Service shop/" +
			service + " port http", Fields: settings, Targets: targets}
	}
	return console.Detail{
		Summary: shop(), Read: time.Now(),
		Fields: []console.Field{
			{Name: "scheme", Value: "internet-facing", Source: "metadata.annotations[alb.ingress.kubernetes.io/scheme] of " +
				"Ingress shop/front"}, {Name: "subnets", Value: "subnet-0a, subnet-0b, subnet-0c", Source: "(found in the VPC)"}},
		Ports: []console.Listener{
			{Port: 80, Protocol: "HTTP", Exists: true, Rules: []console.Rule{redirect}},
			{Port: 443, Protocol: "HTTPS", Exists: true, Fields: []console.Field{
				{Name: "TLS policy", Value: "ELBSecurityPolicy-TLS13-1-2-2021-06", Source: "(--default-ssl-policy)"}},
				Rules: []console.Rule{
					{ID: "443:1", Priority: "1", Conditions: "host shop.example.com, path /cart or /cart/*", Action: "forward to cart",
						Owner: "Ingress shop/cart", Source: "spec.rules[0]", Shares: []console.Share{{TargetGroup: "cart"}}},
					{ID: "443:2", Priority: "2", Conditions: "host shop.example.com, path /*", Action: "forward to blue×80 + green×20",
						Owner: "Ingress shop/front", Source: "spec.rules[0]", Shares: []console.Share{
							{TargetGroup: "blue", Percent: "80%"}, {TargetGroup: "green", Percent: "20%"}}},
					{ID: "443:3", Priority: "3", Conditions: "host imprint.example.com, path /*", Action: "answer 503",
						Owner: "Ingress legal/imprint"},
					{ID: "443:default", Priority: "default", Conditions: "any other request", Action: "answer 404"},
				}},
		},
		TargetGroups: []console.TargetGroup{
			group("cart", "cart", pods("cart", "healthy", "healthy", "unhealthy")),
			group("blue", "front-blue", pods("front-blue", "healthy", "healthy", "healthy")),
			group("green", "front-green", pods("front-green", "initial", "healthy")),
		},
		Findings: findings, Events: []console.Event{{Time: time.Now(), Type: "Normal", Reason: "SuccessfullyReconciled",
			Object: "Ingress shop/front", Message: "Successfully reconciled", Count: 3}},
		Steps: []console.Step{
			{Action: "update", Resource: "Rule 443:2", Operation: "ModifyRule", Why: []string{
				"at 2: forward to blue×90 + green×10 → forward to blue×80 + green×20"}},
			{Action: "delete", Resource: "TargetGroup old", Operation: "DeleteTargetGroup", Why: []string{
				"no rule forwards to it"}},
		},
		Passes: []console.Pass{
			{Time: time.Now(), Summary: "1 to create", Result: "Failed", Steps: []string{"create Rule 443:3 (it is new " +
				evil + ")"}},
		},
	}, nil
}

func (account) Ask(_ context.Context, q console.Question) (explain.Walk, error) {
	if !strings.HasPrefix(q.Request, "GET ") {
		return explain.Walk{}, fmt.Errorf("%w: %q is no request", console.ErrInvalid, q.Request)
	}
	return explain.Walk{
		Request: q.Request, Listener: "HTTPS 443", Result: "forward to blue×80 + green×20", TargetGroups: []explain.Share{
			{ID: "blue", Chance: "80%", Health: "3 healthy"}, {ID: "green", Chance: "20%",
				Health: "1 healthy, 1 initial"}},
		Tried: []explain.Tried{
			{Rule: "443:1", Owner: "Ingress shop/cart", Source: "spec.rules[0]",
				Conditions: "host shop.example.com, path /cart or /cart/*", Failed: `path is "/checkout", not /cart or /cart/*`},
			{Rule: "443:2", Owner: "Ingress shop/front", Source: "spec.rules[0]", Conditions: "host shop.example.com, path /*"},
		},
	}, nil
}

func (account) Plans(context.Context) ([]console.Planned, error) { return nil, nil }

// open opens the console in a browser.
func open(t *testing.T, s console.Source, fragment string) (*testbrowser.Browser, string) {
	t.Helper()
	b := testbrowser.Start(t)
	server := httptest.NewServer(console.Handler(s))
	t.Cleanup(server.Close)
	b.Do("Emulation.setDeviceMetricsOverride", map[string]any{"width": 1440, "height": 900, "deviceScaleFactor": 1,
		"mobile": false}, nil)
	b.Do("Page.navigate", map[string]any{"url": server.URL + "/" + fragment}, nil)
	b.Until(`document.documentElement.dataset.state === "ready"`)
	return b, server.URL
}

// quiet checks that the page raised no errors and sent requests to its own server only.
func quiet(t *testing.T, b *testbrowser.Browser, url string) {
	t.Helper()
	for _, method := range []string{"Runtime.exceptionThrown", "Log.entryAdded"} {
		for _, e := range b.Seen(method) {
			t.Errorf("%s: %s", method, e)
		}
	}
	for _, e := range b.Seen("Network.requestWillBeSent") {
		var sent struct{ Request struct{ URL string } }
		if err := json.Unmarshal([]byte(e), &sent); err != nil || !strings.HasPrefix(sent.Request.URL, url) &&
			!strings.HasPrefix(sent.Request.URL, "data:") {
			t.Errorf("the page asked %s (%v)", sent.Request.URL, err)
		}
	}
}

func TestTheMapLeadsFromTheObjectsToThePods(t *testing.T) {
	t.Parallel()
	b, url := open(t, account{5}, "")
	var shown struct {
		Nodes, Title, Heading string
		Images                int
		Wide                  bool
	}
	b.Eval(`({
		Nodes: [...document.querySelectorAll("[role=treeitem]")].map((n) => n.ariaLevel + " " + n.ariaLabel).join("\n"),
		Title: document.title, Heading: document.querySelector("main h2").textContent, Images: document.images.length,
		Wide: document.documentElement.scrollWidth > innerWidth,
	})`, &shown)
	for _, want := range []string{
		"1 Ingress shop/front, Ingress shop/cart, Ingress legal/imprint: load balancer k8s-shop-7f2c11a0b4, active",
		"2 listener HTTPS 443, 4 rules",
		"3 rule 1: host shop.example.com, path /cart or /cart/*: forward to cart, of Ingress shop/cart",
		"4 target group k8s-shop-blue-9b1f0c22de, Service shop/front-blue port http, 3 of 3 healthy, 80% of requests",
		"5 targets of k8s-shop-cart-9b1f0c22de: 2 of 3 healthy", "3 rule default: any other request: answer 404",
	} {
		if !strings.Contains(shown.Nodes, want) {
			t.Errorf("no node %q in\n%s", want, shown.Nodes)
		}
	}
	if shown.Title != "shop (group) · lbc console" || shown.Heading != "shop (group)" || shown.Images != 0 || shown.Wide {
		t.Errorf("%+v", shown)
	}
	quiet(t, b, url)
}

func TestTheConsoleWorksWithTheKeyboardAlone(t *testing.T) {
	t.Parallel()
	b, url := open(t, account{5}, "")
	focused := func(want string) {
		t.Helper()
		var got string
		b.Eval(`document.activeElement.ariaLabel || document.activeElement.textContent`, &got)
		if !strings.Contains(got, want) {
			t.Errorf("focus is on %q, not on %q", got, want)
		}
	}
	b.Press("Tab")
	focused("Skip to content")
	b.Eval(`document.querySelector("#filter").focus()`, nil)
	b.Press("ArrowDown")
	focused("shop (group)")
	b.Press("ArrowDown")
	focused("team-00/app-0")
	b.Press("End")
	focused("team-04/app-4")
	b.Eval(`document.querySelector("[role=treeitem]").focus()`, nil)
	b.Press("ArrowRight")
	focused("listener HTTP 80")
	b.Press("ArrowDown")
	focused("listener HTTPS 443")
	b.Press("ArrowRight")
	focused("rule 1")
	b.Press("ArrowRight")
	focused("target group k8s-shop-cart")
	b.Until(`document.querySelector(".about-node").innerText.includes("Target.ResponseCodeMismatch")`)
	b.Press("ArrowLeft")
	focused("rule 1")
	b.Eval(`document.querySelector("[role=tab][aria-selected=true]").focus()`, nil)
	b.Press("ArrowRight")
	b.Until(`document.activeElement.id === "tab-request" && document.activeElement.ariaSelected === "true"`)
	b.Eval(`document.querySelector("form input[name=request]").focus()`, nil)
	b.Until(`document.activeElement.value === "GET https://shop.example.com/cart"`)
	b.Do("Input.dispatchKeyEvent", map[string]any{"type": "char", "text": "\r"}, nil)
	b.Until(
		`document.querySelector("ol.tried li.match")?.innerText.includes("443:2") && document.querySelector(".result").innerText.includes("80%")`)
	quiet(t, b, url)
}

func TestEachViewIsReadableInBothColourSchemesAndNamesItsControls(t *testing.T) {
	t.Parallel()
	b, url := open(t, account{5}, "")
	for _, view := range []string{"#/", "#/lb/ingress.k8s.aws%3Ashop/request", "#/lb/ingress.k8s.aws%3Ashop/changes",
		"#/lb/ingress.k8s.aws%3Ashop/findings", "#/lb/ingress.k8s.aws%3Ashop/events", "#/lb/ingress.k8s.aws%3Ashop/settings",
		"#/findings", "#/migration"} {
		b.Eval(`document.documentElement.dataset.state = "loading"; location.hash = `+fmt.Sprintf("%q", view)+
			`; window.dispatchEvent(new HashChangeEvent("hashchange"))`, nil)
		b.Until(`document.documentElement.dataset.state === "ready"`)
		var faults []string
		b.Eval(`[
			...[...document.querySelectorAll("table")].filter((t) => !t.caption || !t.querySelector("th[scope]")).map(() => "a table without caption or column headings"),
			...[...document.querySelectorAll("input, textarea")].filter((i) => i.labels.length === 0).map((i) => "an input without label: " + i.name),
			...[...document.querySelectorAll("[aria-controls], [aria-labelledby]")].filter((e) => !document.getElementById(e.getAttribute("aria-controls") || e.getAttribute("aria-labelledby"))).map((e) => "a reference to nothing: " + e.outerHTML.slice(0, 80)),
			...(document.querySelectorAll("main h2").length === 1 ? [] : ["not one heading"]),
			...(new Set([...document.querySelectorAll("[id]")].map((e) => e.id)).size === document.querySelectorAll("[id]").length ? [] : ["an id used twice"]),
			...(document.title.includes("taken") ? ["markup was taken from text"] : []),
		]`, &faults)
		for _, f := range faults {
			t.Errorf("%s: %s", view, f)
		}
		for scheme, dark := range map[string]bool{"light": false, "dark": true} {
			b.Scheme(scheme)
			if poor, is := b.Contrast(); is != dark || len(poor) > 0 {
				t.Errorf("%s, %s: dark %v, poor contrast of %v", view, scheme, is, poor)
			}
		}
	}
	quiet(t, b, url)
}

func TestChangesShowWhatTheLastPlanChanged(t *testing.T) {
	t.Parallel()
	b, url := open(t, account{0}, "#/lb/ingress.k8s.aws%3Ashop/changes")
	var text string
	b.Eval(`document.querySelector("#tabpanel").innerText`, &text)
	for _, want := range []string{"DeleteTargetGroup", "What the last plan changed", "1 to create Failed",
		"create Rule 443:3 (it is new <img"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	quiet(t, b, url)
}

func TestAFailedReadKeepsWhatIsShownAndIsReported(t *testing.T) {
	t.Parallel()
	b, _ := open(t, account{5}, "")
	b.Eval(`document.querySelector("#fresh").click()`, nil)
	b.Until(
		`document.querySelector("#problem").innerText.includes("AWS does not answer") && document.querySelectorAll("#list a").length === 6`)
}
