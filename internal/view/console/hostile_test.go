package console_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/view/console"
)

// markup is what a tenant may have in a name, an annotation or a message, in a form that tags, attributes, URLs and
// scripts would take.
const markup = `javascript:x"'><img src=x onerror="document.title='taken'"><script>document.title='taken'</script>`

// hostile is a source all of whose texts have markup, but for those that name the load balancer and the kind of a part.
type hostile struct{ account }

// taint adds markup to all texts of a value.
func taint(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			taint(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			taint(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Name != "Key" {
				taint(v.Field(i))
			}
		}
	case reflect.String:
		v.SetString(v.String() + markup)
	default:
	}
}

func (h hostile) Overview(ctx context.Context, fresh bool) (console.Overview, error) {
	o, err := h.account.Overview(ctx, fresh)
	o.Findings = append([]console.Finding(nil), o.Findings...)
	taint(reflect.ValueOf(&o))
	return o, err
}

func (h hostile) LoadBalancer(ctx context.Context, key string) (console.Detail, error) {
	d, err := h.account.LoadBalancer(ctx, key)
	d.Findings = append([]console.Finding(nil), d.Findings...)
	taint(reflect.ValueOf(&d))
	return d, err
}

func TestMarkupInAnyTextIsText(t *testing.T) {
	t.Parallel()
	b, url := open(t, hostile{}, "")
	for _, view := range []string{"#/", "#/lb/ingress.k8s.aws%3Ashop/request", "#/lb/ingress.k8s.aws%3Ashop/changes",
		"#/lb/ingress.k8s.aws%3Ashop/findings", "#/lb/ingress.k8s.aws%3Ashop/events", "#/lb/ingress.k8s.aws%3Ashop/settings",
		"#/findings", "#/migration"} {
		b.Eval(`document.documentElement.dataset.state = "loading"; location.hash = `+fmt.Sprintf("%q", view)+
			`; window.dispatchEvent(new HashChangeEvent("hashchange"))`, nil)
		b.Until(`document.documentElement.dataset.state === "ready"`)
		var found struct {
			Elements, Links int
			Title           string
		}
		b.Eval(`({
			Elements: document.images.length + document.querySelectorAll("script:not([src='app.js'])").length + document.querySelectorAll("[onerror]").length,
			Links: [...document.querySelectorAll("a")].filter((a) => !a.getAttribute("href").startsWith("#")).length, Title: document.title,
		})`, &found)
		if found.Elements+found.Links > 0 || found.Title == "taken" {
			t.Errorf("%s: %+v", view, found)
		}
	}
	quiet(t, b, url)
}

func TestHugeRequestsOfConsoleAreRefused(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- console.Serve(ctx, l, console.Handler(account{})) }()
	for target, want := range map[string]int{"/api/overview": 200, "/api/loadbalancer?key=" +
		strings.Repeat("x", 100_000): http.StatusRequestHeaderFieldsTooLarge} {
		r, err := http.Get("http://" + l.Addr().String() + target)
		if err != nil {
			t.Fatal(err)
		}
		_ = r.Body.Close()
		if r.StatusCode != want {
			t.Errorf("%.30s: %d", target, r.StatusCode)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
