package dataplane_test

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// podsIn serves a handler per address, and registers the addresses in a target group with attributes.
func (w *world) podsIn(group string, attributes map[string]string, h func(ip string) http.Handler, ips ...string) {
	w.Helper()
	for _, ip := range ips {
		w.pod(ip, 8080, h(ip))
	}
	w.group(group, "HTTP", ips...).Attributes = attributes
}

func echoes(ip string) http.Handler { return echoHandler(ip) }

// jar is the cookies of answers, newest first.
type jar map[string]string

func (j jar) take(a answer) {
	for _, c := range a.Cookies() {
		j[c.Name] = c.Value
	}
}

func (j jar) give(names ...string) func(*http.Request) {
	return func(r *http.Request) {
		for name, value := range j {
			if len(names) == 0 || slices.Contains(names, name) {
				r.AddCookie(&http.Cookie{Name: name, Value: value})
			}
		}
	}
}

func TestStickinessCookiesAreWrittenAsAWSDoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.podsIn("a", map[string]string{"stickiness.enabled": "true"}, echoes, "10.0.1.5", "10.0.1.6")
	secure := listener(443, "HTTPS", forward("a"))
	secure.Certificates = []topology.Certificate{certificate(t, "a.b")}
	w.balancer("web", stack.Application, listener(80, "HTTP", forward("a"), onPath(1, "/fixed", notFound())), secure)
	w.update()
	w.await("10.0.1.5", "healthy")
	w.await("10.0.1.6", "healthy")
	const date = `[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT`
	for url, suffix := range map[string]string{base: "", secureBase: "; Secure"} {
		got := w.get(w.client(), url+"/").Header["Set-Cookie"]
		for i, want := range []string{
			`^AWSALB=[A-Za-z0-9+/=]+; Expires=` + date + `; Path=/$`,
			`^AWSALBCORS=[A-Za-z0-9+/=]+; Expires=` + date + `; Path=/; SameSite=None` + suffix + `$`,
		} {
			if len(got) != 2 || !regexp.MustCompile(want).MatchString(got[i]) {
				t.Errorf("%s: %q, want %s", url, got, want)
			}
		}
	}
	if got := w.get(w.client(), base+"/fixed").Header["Set-Cookie"]; got != nil {
		t.Errorf("a fixed response sets %q", got)
	}
	one, other := jar{}, jar{}
	one.take(w.get(w.client(), base+"/"))
	for pod := w.get(w.client(), base+"/", one.give()).echo(t).Pod; ; {
		a := w.get(w.client(), base+"/")
		if a.echo(t).Pod != pod {
			other.take(a)
			break
		}
	}
	mixed := jar{"AWSALB": one["AWSALB"], "AWSALBCORS": other["AWSALBCORS"]}
	if got, want := w.get(w.client(), base+"/", mixed.give()).echo(t).Pod, w.get(w.client(), base+"/", other.give()).echo(
		t).Pod; got != want {
		t.Errorf("with both cookies: %s, want the one of AWSALBCORS, %s", got, want)
	}
	encoded := jar{"AWSALB": strings.ReplaceAll(one["AWSALB"], "=", "%3D") + "%3D"}
	seen := map[string]bool{}
	for range 20 {
		seen[w.get(w.client(), base+"/", encoded.give()).echo(t).Pod] = true
	}
	if len(seen) != 2 {
		t.Error("a URL-encoded cookie counts")
	}
}

func TestApplicationCookiesStickPerTargetGroupWhenBothCookiesCome(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	app := map[string]string{"stickiness.enabled": "true", "stickiness.type": "app_cookie",
		"stickiness.app_cookie.cookie_name": "SESSION"}
	session := func(ip string) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/login") {
				http.SetCookie(rw, &http.Cookie{Name: "SESSION", Value: "1"})
			}
			echoHandler(ip)(rw, r)
		})
	}
	w.podsIn("a", app, session, "10.0.1.5", "10.0.1.6")
	w.podsIn("b", app, session, "10.0.2.5", "10.0.2.6")
	w.balancer("web", stack.Application, listener(80, "HTTP", forward("a"), onPath(1, "/b/*", forward("b"))))
	w.update()
	for _, ip := range []string{"10.0.1.5", "10.0.1.6", "10.0.2.5", "10.0.2.6"} {
		w.await(ip, "healthy")
	}
	c := w.client()
	if got := w.get(c, base+"/").Cookies(); len(got) != 0 {
		t.Errorf("cookies without the application's: %v", got)
	}
	cookies := jar{}
	first := w.get(c, base+"/login")
	cookies.take(first)
	for i := range 4 {
		if got := cookies[fmt.Sprintf("AWSALBAPP-%d", i)]; got == "" || (got == "_remove_") != (i > 0) {
			t.Errorf("shard %d is %q", i, got)
		}
	}
	second := w.get(c, base+"/b/login", cookies.give())
	cookies.take(second)
	want := map[string]string{"/": first.echo(t).Pod, "/b/x": second.echo(t).Pod}
	for range 10 {
		for path, pod := range want {
			if got := w.get(c, base+path, cookies.give()).echo(t).Pod; got != pod {
				t.Fatalf("%s went to %s, stuck to %s", path, got, pod)
			}
		}
	}
	seen := map[string]bool{}
	for range 10 {
		seen[w.get(c, base+"/", cookies.give("AWSALBAPP-0")).echo(t).Pod] = true
	}
	if len(seen) != 2 {
		t.Error("the load balancer's cookie counts without the application's")
	}
}

func TestGroupStickinessHoldsAtWeightZeroAndEndsWithTheRule(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.podsIn("blue", nil, echoes, "10.0.1.5")
	w.podsIn("green", nil, echoes, "10.0.1.6")
	sticky := func(weights map[string]int32) []stack.Action {
		actions := weighted(weights)
		actions[0].Forward.Stickiness = &stack.Stickiness{Enabled: true, DurationSeconds: 60}
		return actions
	}
	w.balancer("web", stack.Application, listener(80, "HTTP", sticky(map[string]int32{"blue": 1, "green": 0})))
	w.update()
	w.await("10.0.1.5", "healthy")
	w.await("10.0.1.6", "healthy")
	first := w.get(w.client(), base+"/")
	cookies := jar{}
	cookies.take(first)
	set := first.Header["Set-Cookie"]
	if len(set) != 2 || !strings.HasPrefix(set[0], "AWSALBTG=") || !strings.HasSuffix(set[0], "; Path=/") ||
		!strings.HasPrefix(set[1], "AWSALBTGCORS=") || !strings.HasSuffix(set[1], "; Path=/; SameSite=None; Secure") {
		t.Errorf("cookies %q", set)
	}
	set8 := func(actions []stack.Action) map[string]bool {
		w.topo.LoadBalancers[0].Listeners[0].Default = actions
		w.update()
		seen := map[string]bool{}
		for range 8 {
			seen[w.get(w.client(), base+"/", cookies.give()).echo(t).Pod] = true
		}
		return seen
	}
	if got := set8(sticky(map[string]int32{"blue": 0, "green": 1})); len(got) != 1 || !got["10.0.1.5"] {
		t.Errorf("at weight 0 the client of blue is served by %v", got)
	}
	if got := set8(sticky(map[string]int32{"green": 1})); len(got) != 1 || !got["10.0.1.6"] {
		t.Errorf("without blue the client is served by %v", got)
	}
}

func TestApplicationCookiesDoNotWorkWithSeveralTargetGroups(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	app := map[string]string{"stickiness.enabled": "true", "stickiness.type": "app_cookie",
		"stickiness.app_cookie.cookie_name": "SESSION"}
	w.podsIn("a", app, func(ip string) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			http.SetCookie(rw, &http.Cookie{Name: "SESSION", Value: "1"})
			echoHandler(ip)(rw, r)
		})
	}, "10.0.1.5", "10.0.1.6")
	w.podsIn("b", nil, echoes, "10.0.2.5")
	w.balancer("web", stack.Application, listener(80, "HTTP", forward("a"),
		onPath(1, "/both", weighted(map[string]int32{"a": 1, "b": 0}))))
	w.update()
	w.await("10.0.1.5", "healthy")
	w.await("10.0.1.6", "healthy")
	c, cookies := w.client(), jar{}
	alone := w.get(c, base+"/")
	cookies.take(alone)
	if cookies["AWSALBAPP-0"] == "" {
		t.Fatalf("cookies %v", cookies)
	}
	seen := map[string]bool{}
	for range 10 {
		a := w.get(c, base+"/both", cookies.give())
		seen[a.echo(t).Pod] = true
		if n := len(a.Cookies()); n != 1 {
			t.Fatalf("%d cookies where the load balancer's do not work", n)
		}
	}
	if len(seen) != 2 {
		t.Errorf("the client sticks to %v", seen)
	}
}

func TestAStickyTargetThatBecameUnhealthyIsLeft(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.podsIn("a", map[string]string{"stickiness.enabled": "true"}, echoes, "10.0.1.5", "10.0.1.6")
	w.balancer("web", stack.Application, listener(80, "HTTP", forward("a")))
	w.update()
	w.await("10.0.1.5", "healthy")
	w.await("10.0.1.6", "healthy")
	cookies := jar{}
	a := w.get(w.client(), base+"/")
	cookies.take(a)
	for i, target := range w.topo.TargetGroups[0].Targets {
		if target.ID == a.echo(t).Pod {
			w.topo.TargetGroups[0].Targets[i].Draining = true
		}
	}
	w.update()
	next := w.get(w.client(), base+"/", cookies.give())
	if next.echo(t).Pod == a.echo(t).Pod || len(next.Cookies()) != 2 {
		t.Errorf("still at %s, cookies %v", next.echo(t).Pod, next.Cookies())
	}
}

func TestWithoutCrossZoneBalancingANodeUsesItsZonesTargetsOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.podsIn("a", map[string]string{"load_balancing.cross_zone.enabled": "false"}, echoes, "10.0.1.5") // in zone a
	lb := w.balancer("web", stack.Application, listener(80, "HTTP", forward("a")))
	w.update()
	w.await("10.0.1.5", "healthy")
	for i, want := range []int{http.StatusOK, http.StatusServiceUnavailable} {
		c := &http.Client{Transport: &http.Transport{DialContext: w.from("10.0.9.9"), DisableKeepAlives: true}}
		if got := w.get(c, fmt.Sprintf("http://%s/", lb.Zones[i].Private)).StatusCode; got != want {
			t.Errorf("zone %s: %d, want %d", lb.Zones[i].Name, got, want)
		}
	}
}

func TestAGroupWithoutHealthyTargetsUsesThemAll(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.podsIn("a", nil, func(ip string) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if r.Header.Get("User-Agent") == "ELB-HealthChecker/2.0" {
				rw.WriteHeader(http.StatusInternalServerError)
			}
		})
	}, "10.0.1.5", "10.0.1.6")
	w.balancer("web", stack.Application, listener(80, "HTTP", forward("a")))
	w.update()
	w.await("10.0.1.5", "unhealthy")
	w.await("10.0.1.6", "unhealthy")
	if got := w.get(w.client(), base+"/").StatusCode; got != http.StatusOK {
		t.Errorf("%d", got)
	}
	if n := w.plane.Stats().TargetGroups[groupARN("a")]["UnhealthyRoutingRequestCount"]; n != 1 {
		t.Errorf("counted %d", n)
	}
}
