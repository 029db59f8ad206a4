package console

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/view/explain"
)

// shop is a source with one load balancer.
type shop struct {
	Source
	plans []Planned
}

func (shop) Overview(_ context.Context, fresh bool) (Overview, error) {
	o := Overview{Cluster: "demo", LoadBalancers: []Summary{{Key: "ingress.k8s.aws:shop"}}}
	if fresh {
		o.Problem = "AWS does not answer"
	}
	return o, nil
}

func (shop) LoadBalancer(_ context.Context, key string) (Detail, error) {
	if key != "ingress.k8s.aws:shop" {
		return Detail{}, fmt.Errorf("load balancer %q: %w", key, ErrNotFound)
	}
	return Detail{Summary: Summary{Key: key}}, nil
}

func (shop) Ask(_ context.Context, q Question) (explain.Walk, error) {
	if q.From == "nowhere" {
		return explain.Walk{}, fmt.Errorf("%w: the client", ErrInvalid)
	}
	return explain.Walk{Request: q.Request + " " + strings.Join(q.Headers, ",") + fmt.Sprint(q.Follow)}, nil
}

func (s shop) Plans(context.Context) ([]Planned, error) { return s.plans, nil }

func TestOnlyReadsOfPagesOfTheConsoleAreAnswered(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		method, target, host string
		header               map[string]string
		want                 int
		text                 string
	}{
		"the page":             {target: "/", want: 200, text: "<!doctype html>"},
		"its script":           {target: "/app.js", want: 200, text: "use strict"},
		"its styles":           {target: "/style.css", want: 200, text: ":root"},
		"its head":             {method: "HEAD", target: "/", want: 200},
		"no other file":        {target: "/console.go", want: 404},
		"no unknown route":     {target: "/api/secrets", want: 404},
		"the list":             {target: "/api/overview", want: 200, text: `"cluster":"demo"`},
		"the list, read again": {target: "/api/overview?fresh=true", want: 200, text: "AWS does not answer"},
		"one": {target: "/api/loadbalancer?key=ingress.k8s.aws:shop", want: 200,
			text: `"key":"ingress.k8s.aws:shop"`},
		"one that does not exist": {target: "/api/loadbalancer?key=x", want: 404,
			text: `"error":"load balancer \"x\": not found"`},
		"one without a name": {target: "/api/loadbalancer", want: 400, text: "parameter key is missing"},
		"a question": {
			target: "/api/request?key=k&request=GET+http://a/&from=192.0.2.1&header=A:+b&header=C:+d&follow=true", want: 200,
			text: "GET http://a/ A: b,C: dtrue"},
		"a question without a client": {target: "/api/request?key=k&request=GET+http://a/", want: 400,
			text: "parameter from"},
		"a senseless question": {target: "/api/request?key=k&request=x&from=nowhere", want: 400,
			text: "the client"},
		"a write":               {method: "POST", target: "/api/overview", want: 405},
		"a deletion":            {method: "DELETE", target: "/", want: 405},
		"localhost with a port": {target: "/api/overview", host: "localhost:8080", want: 200},
		"IPv6":                  {target: "/api/overview", host: "[::1]:8080", want: 200},
		"IPv6 without a port":   {target: "/api/overview", host: "[::1]", want: 200},
		"a name of somebody else": {target: "/api/overview", host: "rebound.example.com", want: 403,
			text: "is not a name of this machine"},
		"a name that only looks local": {target: "/api/overview", host: "localhost.example.com:80", want: 403},
		"an address of the network":    {target: "/", host: "192.0.2.7:8080", want: 403},
		"no name":                      {target: "/", host: "-", want: 403},
		"a page of the console": {target: "/api/overview", header: map[string]string{
			"Origin": "http://127.0.0.1:8080", "Sec-Fetch-Site": "same-origin"}, want: 200},
		"a page of another port": {target: "/api/overview", header: map[string]string{
			"Origin": "http://127.0.0.1:9090"}, want: 403},
		"a page of another site": {target: "/api/overview", header: map[string]string{
			"Origin": "https://evil.example.com"}, want: 403},
		"a page without origin": {target: "/api/overview", header: map[string]string{"Origin": "null"}, want: 403},
		"an image on another site": {target: "/api/overview", header: map[string]string{"Sec-Fetch-Site": "cross-site"},
			want: 403},
		"a path that climbs":             {target: "/..%2f..%2fetc%2fpasswd", want: 404},
		"a path that climbs to files":    {target: "/x/..%2fconsole.go", want: 404},
		"a name that begins as loopback": {target: "/api/overview", host: "127.0.0.1.rebound.example.com", want: 403},
		"a name after a loopback user":   {target: "/api/overview", host: "127.0.0.1:8080@rebound.example.com", want: 403},
		"an address in other notation":   {target: "/api/overview", host: "0x7f.1", want: 403},
		"the unspecified address":        {target: "/api/overview", host: "0.0.0.0:8080", want: 403},
		"a preflight": {method: "OPTIONS", target: "/api/overview", header: map[string]string{
			"Origin": "https://evil.example.com", "Access-Control-Request-Method": "GET"}, want: 405},
		"a frame on another site": {target: "/", header: map[string]string{"Sec-Fetch-Site": "cross-site",
			"Sec-Fetch-Dest": "iframe"}, want: 403},
		"a page of a neighbouring name": {target: "/api/overview", header: map[string]string{"Sec-Fetch-Site": "same-site"},
			want: 403},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(http.MethodGet, tt.target, nil)
			if tt.method != "" {
				r.Method = tt.method
			}
			r.Host = "127.0.0.1:8080"
			if tt.host != "" {
				r.Host = strings.TrimPrefix(tt.host, "-")
			}
			for k, v := range tt.header {
				r.Header.Set(k, v)
			}
			w := httptest.NewRecorder()
			Handler(shop{}).ServeHTTP(w, r)
			if w.Code != tt.want || !strings.Contains(w.Body.String(), tt.text) {
				t.Errorf("%d, want %d with %q:\n%s", w.Code, tt.want, tt.text, w.Body)
			}
			for k, v := range map[string]string{"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff",
				"Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Frame-Options": "DENY",
				"Access-Control-Allow-Origin": ""} {
				if w.Header().Get(k) != v {
					t.Errorf("%s: %q", k, w.Header().Get(k))
				}
			}
		})
	}
}

func TestThePolicyOfThePageAllowsNothingInline(t *testing.T) {
	t.Parallel()
	page, err := files.ReadFile("index.html")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(policy, "unsafe") || regexp.MustCompile(`(?i)\son\w+=|\sstyle=|<style|<script>|javascript:`).
		Match(page) {
		t.Error("the page or its policy has something inline")
	}
	for _, name := range []string{"index.html", "app.js", "style.css"} {
		text, err := files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{"://", "innerHTML", "insertAdjacentHTML", "document.write", "eval("} {
			if strings.Contains(string(text), bad) && (bad != "://" || name != "app.js") { // the form suggests a URL
				t.Errorf("%s has %q", name, bad)
			}
		}
	}
}

const planOfIngress = `{"id":"shop/web","resources":{
	"AWS::ElasticLoadBalancingV2::LoadBalancer":{"LoadBalancer":{"spec":{"name":"k8s-shop-web-0123456789","scheme":"internal","subnetMapping":[{"subnetID":"a"},{"subnetID":"b"}]}}},
	"AWS::ElasticLoadBalancingV2::ListenerRule":{"80:1":{"spec":{"priority":1,"actions":[{"type":"forward","forwardConfig":{"targetGroups":[{"targetGroupARN":{"$ref":"#/resources/AWS::ElasticLoadBalancingV2::TargetGroup/x/status/targetGroupARN"}}]}}]}}},
	"AWS::ElasticLoadBalancingV2::TargetGroup":{"x":{"spec":{"name":"k8s-shop-front-0123456789","healthCheckConfig":{"healthyThresholdCount":2}}}},
	"K8S::ElasticLoadBalancingV2::TargetGroupBinding":{"x":{"spec":{"template":{"metadata":{"namespace":"shop","name":"k8s-shop-front-0123456789"},"spec":{"serviceRef":{"name":"front","port":80}}}}}}}}`

const planOfGateway = `{"id":"shop/web","resources":{
	"AWS::ElasticLoadBalancingV2::LoadBalancer":{"LoadBalancer":{"spec":{"name":"k8s-shop-gw-abcdef0123","scheme":"internet-facing","subnetMapping":[{"subnetID":"b"},{"subnetID":"a"}],"tags":{"gateway.k8s.aws/migrated-from":"ingress/shop/web"}}}},
	"AWS::ElasticLoadBalancingV2::ListenerRule":{"80:1":{"spec":{"priority":1,"actions":[{"type":"forward","forwardConfig":{"targetGroups":[{"targetGroupARN":{"$ref":"#/resources/AWS::ElasticLoadBalancingV2::TargetGroup/y/status/targetGroupARN"},"weight":1}]}}]}}},
	"AWS::ElasticLoadBalancingV2::TargetGroup":{"y":{"spec":{"name":"k8s-shop-front-abcdef0123","healthCheckConfig":{"healthyThresholdCount":5}}}},
	"K8S::ElasticLoadBalancingV2::TargetGroupBinding":{"y":{"spec":{"template":{"metadata":{"namespace":"shop","name":"k8s-shop-front-abcdef0123"},"spec":{"serviceRef":{"name":"front","port":80}}}}}}}}`

func migrated() []Planned {
	return []Planned{
		{Gateway: true, Namespace: "shop", Name: "gw", Plan: []byte(planOfGateway)}, {Namespace: "shop", Name: "web",
			Plan: []byte(planOfIngress)},
		{Gateway: true, Namespace: "blog", Name: "alone", Plan: []byte(`{"id":"blog/alone","resources":{}}`)},
	}
}

func TestThePlanOfAGatewayIsComparedWithThatOfItsIngress(t *testing.T) {
	t.Parallel()
	get := func(target string, into any) int {
		r := httptest.NewRequest(http.MethodGet, target, nil)
		r.Host = "localhost"
		w := httptest.NewRecorder()
		Handler(shop{plans: migrated()}).ServeHTTP(w, r)
		if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
			t.Fatalf("%s: %v\n%s", target, err, w.Body)
		}
		return w.Code
	}
	var namespaces []namespaceOfGateways
	if get("/api/namespaces", &namespaces); fmt.Sprint(namespaces) != "[{blog 1} {shop 1}]" {
		t.Errorf("%v", namespaces)
	}
	var gateways []comparedGateway
	if get("/api/gateways?namespace=blog", &gateways); len(gateways) != 1 || !strings.Contains(gateways[0].Error,
		"could not determine ingress plan holder") {
		t.Errorf("%+v", gateways)
	}
	if get("/api/gateways?namespace=shop", &gateways); len(gateways) != 1 || gateways[0].MigratedFrom !=
		"ingress/shop/web" || gateways[0].Summary.Changed != 6 {
		t.Errorf("%+v", gateways)
	}
	var d difference
	if code := get("/api/diff?namespace=shop&gateway=gw", &d); code != 200 {
		t.Fatal(code)
	}
	var got []string
	for _, e := range d.Entries {
		if e.Status != "same" {
			got = append(got, fmt.Sprintf("%s %s known=%v", e.Field, e.Status, e.Known))
		}
	}
	want := []string{
		"spec.name changed known=true", "spec.scheme changed known=false",
		"spec.tags.gateway.k8s.aws/migrated-from added known=true", "spec.actions changed known=true",
		"spec.healthCheckConfig.healthyThresholdCount changed known=true", "spec.name changed known=true",
		"spec.template.metadata.name changed known=true",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	var failure struct{ Error string }
	for target, want := range map[string]int{"/api/diff?namespace=shop&gateway=none": 404, "/api/diff?namespace=shop": 400,
		"/api/gateways": 400, "/api/diff?namespace=blog&gateway=alone": 404} {
		if code := get(target, &failure); code != want || failure.Error == "" {
			t.Errorf("%s: %d, want %d: %+v", target, code, want, failure)
		}
	}
}

func TestAThresholdThatTheIngressSetsIsNoKnownDifference(t *testing.T) {
	t.Parallel()
	all := migrated()
	all[1].Annotations = map[string]string{ingressPrefix + "healthy-threshold-count": "2"}
	d, err := differenceOf(all, all[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range d.Entries {
		if e.Field == "spec.healthCheckConfig.healthyThresholdCount" && e.Known {
			t.Errorf("%+v", e)
		}
	}
}

func TestTheIngressWithThePlanOfAGroupMustBeOne(t *testing.T) {
	t.Parallel()
	member := func(name string) Planned { return Planned{Namespace: "shop", Name: name, Group: "g"} }
	for name, tt := range map[string]struct {
		all  []Planned
		want string
	}{
		"none":    {nil, "is not reconciled yet"},
		"one":     {[]Planned{member("b")}, ""},
		"several": {[]Planned{member("b"), member("a")}, "shop/a, shop/b"},
	} {
		_, err := holderOf(tt.all, "ingress-group/g")
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
