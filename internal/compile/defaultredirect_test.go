package compile

import (
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestDefaultRedirectToItselfIsNoted has default backends that redirect from an HTTP and an HTTPS port.
func TestDefaultRedirectToItselfIsNoted(t *testing.T) {
	t.Parallel()
	for to, want := range map[stack.Redirect]string{
		{Protocol: "HTTPS", Port: "443", StatusCode: "HTTP_301"}:                 "port 443 ",
		{Protocol: "HTTP", Port: "80", StatusCode: "HTTP_301"}:                   "port 80 ",
		{Host: "www.example.com", StatusCode: "HTTP_301"}:                        "",
		{Protocol: "HTTPS", Port: "443", Path: "/new", StatusCode: "HTTP_301"}:   "",
		{Protocol: "HTTPS", Port: "8443", Query: "a=b", StatusCode: "HTTP_301"}:  "",
		{Protocol: "HTTPS", Query: "#{query}", StatusCode: "HTTP_301", Port: ""}: "port 443 ",
	} {
		m := ingress("shop", "web", https("a.example.com"))
		for i := range m.Listeners {
			m.Listeners[i].DefaultSource = intent.At(m.Object, "spec.defaultBackend")
			m.Listeners[i].Default = []intent.Action{{Type: stack.ActionRedirect, Redirect: &to}}
		}
		got := ""
		for _, d := range Compile(loadBalancer(m), account(), config(), nil).Diagnostics {
			if at := strings.Index(d.Text, "port "); d.Code == diag.HiddenRule && strings.Contains(d.Text, "without end") {
				got += d.Text[at : at+strings.Index(d.Text[at+5:], " ")+6]
			}
		}
		if got != want {
			t.Errorf("%+v: noted at %q, want %q", to, got, want)
		}
	}
}
