package acceptance

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// action is a path whose backend is an action annotation.
func action(path, name string) scene.Path {
	return scene.Path{Path: path, Service: name, Port: "name: use-annotation"}
}

// TestActionsAnswerRedirectAndForward shows that clients get the fixed response, redirect, forward
// and weighted sticky forward that an Ingress declares in annotations.
func TestActionsAnswerRedirectAndForward(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	const ns = "actions"
	c.Apply(t, scene.Namespace(ns, 0)+scene.Backend(ns, "app-1", 1)+scene.Backend(ns, "app-2", 1)+scene.Ingress(ns, "web",
		scene.Class, public(scene.Annotations{
			"actions.response-503":    `{"type":"fixed-response","fixedResponseConfig":{"contentType":"text/plain","statusCode":"503","messageBody":"503 error text"}}`,
			"actions.redirect-to-eks": `{"type":"redirect","redirectConfig":{"host":"aws.amazon.com","path":"/eks/","port":"443","protocol":"HTTPS","query":"k=v","statusCode":"HTTP_302"}}`,
			"actions.forward-one":     `{"type":"forward","forwardConfig":{"targetGroups":[{"serviceName":"app-1","servicePort":"80"}]}}`,
			"actions.forward-two": `{"type":"forward","forwardConfig":{"targetGroups":[{"serviceName":"app-1","servicePort":80,"weight":20},{"serviceName":"app-2","servicePort":80,"weight":80}],` +
				`"targetGroupStickinessConfig":{"enabled":true,"durationSeconds":200}}}`,
		}), action("/response-503", "response-503"), action("/redirect-to-eks", "redirect-to-eks"),
		action("/forward-one", "forward-one"), action("/forward-two", "forward-two")))
	lb := check(t, c, ns, "web", balancer{groups: []string{"ip HTTP 1, 1 targets", "ip HTTP 1, 1 targets"}})

	t.Run("11 fixed response", func(t *testing.T) {
		if r := c.WaitGet(t, url(lb, "/response-503"), "", 503, ""); r.Body != "503 error text" {
			t.Errorf("the body is %q", r.Body)
		}
	})
	t.Run("11 redirect", func(t *testing.T) {
		if r := c.WaitGet(t, url(lb, "/redirect-to-eks"), "", 302, ""); r.Header.Get("Location") !=
			"https://aws.amazon.com:443/eks/?k=v" {
			t.Errorf("it leads to %s", r.Header.Get("Location"))
		}
	})
	t.Run("11 forward to one", func(t *testing.T) {
		c.WaitGet(t, url(lb, "/forward-one"), "", 200, "app-1")
	})
	t.Run("11 forward by weights and sticking", func(t *testing.T) {
		answers := map[string]int{}
		var cookie string
		for range 100 {
			r := c.WaitGet(t, url(lb, "/forward-two"), "", 200, "")
			answers[r.Pod.Service]++
			for _, set := range r.Header.Values("Set-Cookie") {
				if value, ok := strings.CutPrefix(set, "AWSALBTG="); ok && r.Pod.Service == "app-1" {
					cookie, _, _ = strings.Cut(value, ";")
				}
			}
		}
		// Of 100 answers 20 are expected of app-1, with a standard deviation of 4.
		if n := answers["app-1"]; n < 1 || n > 50 || n+answers["app-2"] != 100 {
			t.Errorf("answers: %v", answers)
		}
		for range 20 {
			c.WaitAnswer(t, harness.Request{Target: url(lb, "/forward-two"), Headers: []string{"Cookie: AWSALBTG=" + cookie}},
				200, "app-1")
		}
	})
	expectNoWarnings(t, c, ns)
}

// conditions of the rules of path /path1 to /path7, and what else their host or path may be.
var conditions = scene.Annotations{
	"conditions.rule-path1": `[{"field":"host-header","hostHeaderConfig":{"values":["anno.example.com"]}}]`,
	"conditions.rule-path2": `[{"field":"path-pattern","pathPatternConfig":{"values":["/anno/path2"]}}]`,
	"conditions.rule-path3": `[{"field":"http-header","httpHeaderConfig":{"httpHeaderName":"HeaderName","values":["HeaderValue1","HeaderValue2"]}}]`,
	"conditions.rule-path4": `[{"field":"http-request-method","httpRequestMethodConfig":{"values":["GET","HEAD"]}}]`,
	"conditions.rule-path5": `[{"field":"query-string","queryStringConfig":{"values":[{"key":"paramA","value":"valueA1"},{"key":"paramA","value":"valueA2"}]}}]`,
	"conditions.rule-path6": `[{"field":"source-ip","sourceIpConfig":{"values":["192.168.0.0/16","172.16.0.0/16"]}}]`,
	"conditions.rule-path7": `[{"field":"http-header","httpHeaderConfig":{"httpHeaderName":"HeaderName","values":["HeaderValue"]}},` +
		`{"field":"query-string","queryStringConfig":{"values":[{"key":"paramA","value":"valueA"}]}},{"field":"query-string","queryStringConfig":{"values":[{"key":"paramB","value":"valueB"}]}}]`,
}

// TestConditionsNarrowAndWidenRules shows which real requests an ALB answers under each condition
// that an Ingress declares in annotations.
func TestConditionsNarrowAndWidenRules(t *testing.T) {
	if testing.Short() {
		t.Skip("a variant of TestActionsAnswerRedirectAndForward, which make test runs")
	}
	t.Parallel()
	c := cluster(t)
	const ns, host = "conditions", "www.example.com"
	annotations := public(conditions)
	var paths []scene.Path
	for i := 1; i <= 7; i++ {
		annotations[fmt.Sprintf("actions.rule-path%d", i)] = fmt.Sprintf(
			`{"type":"fixed-response","fixedResponseConfig":{"contentType":"text/plain","statusCode":"200","messageBody":"path %d"}}`, i)
		paths = append(paths, scene.Path{Host: host, Path: fmt.Sprintf("/path%d", i), Type: "Exact",
			Service: fmt.Sprintf("rule-path%d", i), Port: "name: use-annotation"})
	}
	c.Apply(t, scene.Namespace(ns, 0)+scene.Ingress(ns, "web", scene.Class, annotations, paths...))
	lb := check(t, c, ns, "web", balancer{})
	for _, row := range []struct {
		name, method, host, path string
		header                   string // value of HeaderName
		want                     int    // n: the answer of path n; 0: 404
	}{
		{name: "12 the rule's host", path: "/path1", want: 1},
		{name: "12 the condition's host", host: "anno.example.com", path: "/path1", want: 1},
		{name: "12 another host", host: "other.example.com", path: "/path1"},
		{name: "12 the rule's path", path: "/path2", want: 2},
		{name: "12 the condition's path", path: "/anno/path2", want: 2},
		{name: "12 another path", path: "/other/path2"},
		{name: "12 the first value of the header", path: "/path3", header: "HeaderValue1", want: 3},
		{name: "12 the second value of the header", path: "/path3", header: "HeaderValue2", want: 3},
		{name: "12 another value of the header", path: "/path3", header: "HeaderValue3"},
		{name: "12 no header", path: "/path3"},
		{name: "12 GET", path: "/path4", want: 4},
		{name: "12 HEAD", method: http.MethodHead, path: "/path4", want: 4},
		{name: "12 POST", method: http.MethodPost, path: "/path4"},
		{name: "12 the first value of the parameter", path: "/path5?paramA=valueA1", want: 5},
		{name: "12 the second value of the parameter", path: "/path5?paramA=valueA2", want: 5},
		{name: "12 another value of the parameter", path: "/path5?paramA=valueA3"},
		{name: "12 a client outside the ranges", path: "/path6"},
		{name: "12 header and both parameters", path: "/path7?paramA=valueA&paramB=valueB", header: "HeaderValue", want: 7},
		{name: "12 another header and both parameters", path: "/path7?paramA=valueA&paramB=valueB", header: "HeaderValue1"},
		{name: "12 header and one parameter", path: "/path7?paramB=valueB", header: "HeaderValue"},
		{name: "12 header and the other parameter", path: "/path7?paramA=valueA", header: "HeaderValue"},
	} {
		t.Run(row.name, func(t *testing.T) { ask(t, c, lb, row.method, url(lb, row.path), row.host, row.header, row.want) })
	}
	expectNoWarnings(t, c, ns)
}

// ask makes one request and compares its answer. Host and method may be empty.
func ask(t *testing.T, c *harness.Cluster, lb simclient.LoadBalancer, method, target, host, header string, want int) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	if req.Host = host; host == "" {
		req.Host = "www.example.com"
	}
	if header != "" {
		req.Header.Set("HeaderName", header)
	}
	resp, err := c.HTTP.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	status, text := http.StatusOK, fmt.Sprintf("path %d", want)
	if want == 0 {
		status, text = http.StatusNotFound, ""
	}
	if resp.StatusCode != status || want > 0 && method != http.MethodHead && string(body) != text {
		t.Errorf("%s answers %d %q, want %d %q", lb.Name, resp.StatusCode, body, status, text)
	}
}

// member is an Ingress of the class of the group with one path.
func member(namespace, name, path, order string) string {
	a := scene.Annotations{
		"actions.answer": fmt.Sprintf(
			`{"type":"fixed-response","fixedResponseConfig":{"contentType":"text/plain","statusCode":"200","messageBody":%q}}`,
			name)}
	if order != "" {
		a["group.order"] = order
	}
	return scene.Ingress(namespace, name, namespace, a, scene.Path{Path: path, Type: "Exact", Service: "answer",
		Port: "name: use-annotation"})
}

// TestRulesOfAGroupChangeTheirOrderInPlace shows that requests get the answers of the new order of
// a group after at most one call that moves rules. This is case 17. Rules are numbered 1, 2, 3, …
// after each change: a new first member, and one that changes its place, move the others in one call
// for all.
func TestRulesOfAGroupChangeTheirOrderInPlace(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	const ns = "reordered"
	c.Apply(t, scene.IngressClass(ns, "{scheme: internet-facing, group: {name: "+ns+"}}")+scene.Namespace(ns, 0)+
		member(ns, "ing-z", "/z", ""))
	lb := check(t, c, ns, "ing-z", balancer{})
	// rules are the paths of the rules in order, and their ARNs.
	rules := func() (paths, arns []string) {
		for i, r := range c.LoadBalancer(t, lb.Name).Listeners[0].Rules {
			if r.Priority == fmt.Sprint(i+1) {
				paths = append(paths, r.Conditions[0].Values...)
				arns = append(arns, r.ARN)
			}
		}
		return paths, arns
	}
	inOrder := func(want ...string) {
		t.Helper()
		wait(t, c, "rules "+strings.Join(want, ", "), func() string {
			if paths, _ := rules(); !slices.Equal(paths, want) {
				return fmt.Sprintf("they are %v", paths)
			}
			return ""
		})
	}
	inOrder("/z")
	_, before := rules()

	c.Apply(t, member(ns, "ing-a", "/a", ""))
	if host := c.IngressAddress(t, ns, "ing-a"); host != lb.DNSName {
		t.Errorf("the second member is at %s, the first at %s", host, lb.DNSName)
	}
	inOrder("/a", "/z")
	_, after := rules()
	if after[1] != before[0] {
		t.Errorf("the rule was replaced: %v, then %v", before, after)
	}

	mark := c.Mark()
	scene.Change(t, c, member(ns, "ing-z", "/z", "-1"))
	inOrder("/z", "/a")
	if _, now := rules(); now[0] != after[1] || now[1] != after[0] {
		t.Errorf("rules were replaced: %v, then %v", after, now)
	}
	writes := scene.Writes(c, mark, lb.Name)
	if len(writes) != 1 || !strings.HasPrefix(writes[0], "SetRulePriorities ") {
		t.Errorf("writes:\n%s", strings.Join(writes, "\n"))
	}
	for path, text := range map[string]string{"/a": "ing-a", "/z": "ing-z"} {
		if r := c.WaitGet(t, url(lb, path), "", 200, ""); r.Body != text {
			t.Errorf("%s is answered by %s", path, r.Body)
		}
	}
	expectNoWarnings(t, c, ns)
}
