package quarantine

import (
	"fmt"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// values are those of a version or of class parameters, by the names that shown gives them.
type values map[string]string

// settings are the values of the load balancer, and those of a listener.
func (v values) settings(source intent.Source) (s intent.Settings, l intent.Listener) {
	list := func(name string) (f intent.Field[[]string]) {
		if v[name] != "" {
			f = intent.Of(strings.Fields(v[name]), source)
		}
		return f
	}
	text := func(name string) (f intent.Field[string]) {
		if v[name] != "" {
			f = intent.Of(v[name], source)
		}
		return f
	}
	s.SecurityGroups, s.Scheme, s.PrivateLinkRules = list("groups"), text("scheme"), text("private-link")
	l.InboundCIDRs, l.ALPN = list("ranges"), text("alpn")
	if v["subnets"] != "" {
		s.Subnets = intent.Of(intent.SubnetSelector{IDsOrNames: strings.Fields(v["subnets"])}, source)
	}
	if v["redirect"] != "" {
		s.SSLRedirectPort = intent.Of(int32(443), source)
	}
	if v["backend"] != "" {
		s.ManageBackend = intent.Of(true, source)
	}
	if v["shield"] != "" {
		s.AddOns.Shield = intent.Of(true, source)
	}
	return s, l
}

func shown(m *intent.Member) string {
	s, l := &m.Settings, &m.Listeners[0]
	var out []string
	for _, x := range []struct {
		name  string
		value any
		set   bool
	}{{"scheme", s.Scheme.Value, s.Scheme.Set}, {"subnets", s.Subnets.Value.IDsOrNames, s.Subnets.Set},
		{"redirect", s.SSLRedirectPort.Value, s.SSLRedirectPort.Set}, {"groups", s.SecurityGroups.Value,
			s.SecurityGroups.Set}, {"backend", s.ManageBackend.Value, s.ManageBackend.Set},
		{"shield", s.AddOns.Shield.Value, s.AddOns.Shield.Set}, {"private-link", s.PrivateLinkRules.Value,
			s.PrivateLinkRules.Set}, {"ranges", l.InboundCIDRs.Value, l.InboundCIDRs.Set}, {"alpn", l.ALPN.Value, l.ALPN.Set},
	} {
		if x.set {
			out = append(out, fmt.Sprint(x.name, " ", x.value))
		}
	}
	return strings.Join(out, ", ")
}

// TestClassBindsTheLastGoodVersion has an invalid member, while its class sets values that a build may refuse.
func TestClassBindsTheLastGoodVersion(t *testing.T) {
	t.Parallel()
	web := diag.Object{Kind: "Ingress", Namespace: "shop", Name: "web"}
	ours := intent.At(diag.Object{Kind: "IngressClassParams", Name: "ours"}, "spec")
	theirs := intent.At(diag.Object{Kind: "IngressClassParams", Name: "theirs"}, "spec")
	for name, c := range map[string]struct {
		class    string // of the last valid version
		source   intent.Source
		was, now values // now is of class ours
		refused  string // the builds refuse versions with one of these texts
		want     string
	}{
		"all": {"ours", intent.At(web, "x"), values{"ranges": "0.0.0.0/0"},
			values{"ranges": "10.0.0.0/8", "redirect": "443", "subnets": "s-1", "groups": "sg-1", "backend": "true",
				"shield": "true", "private-link": "on", "alpn": "HTTP2Only"}, "",
			"subnets [s-1], redirect 443, groups [sg-1], backend true, shield true, private-link on, ranges [10.0.0.0/8], " +
				"alpn HTTP2Only"},
		"another class, narrower": {"theirs", theirs, values{"ranges": "0.0.0.0/0"}, values{"ranges": "10.0.0.0/8",
			"redirect": "443"}, "", "ranges [10.0.0.0/8]"},
		"another class, wider": {"theirs", theirs, values{"ranges": "10.0.0.0/8"}, values{"ranges": "0.0.0.0/0"}, "",
			"ranges [10.0.0.0/8]"},

		"subnets of another scheme": {"ours", ours, values{"scheme": "internet-facing", "subnets": "public"},
			values{"scheme": "internal", "subnets": "private", "groups": "sg-1"}, "",
			"scheme internet-facing, subnets [public], groups [sg-1]"},
		"subnets of another scheme than the default": {"ours", intent.At(web, "x"), values{"subnets": "private"},
			values{"scheme": "internet-facing", "subnets": "public"}, "", "subnets [private]"},
		"subnets of the default scheme": {"ours", intent.At(web, "x"), values{"subnets": "private"},
			values{"scheme": "internal", "subnets": "other"}, "", "subnets [other]"},
		"subnets of the same scheme": {"ours", ours, values{"scheme": "internal"},
			values{"scheme": "internal", "subnets": "private"}, "", "scheme internal, subnets [private]"},
		"subnets of no scheme": {"ours", ours, values{"scheme": "internet-facing"},
			values{"subnets": "private"}, "", "scheme internet-facing, subnets [private]"},

		"redirect refused": {"ours", ours, values{"ranges": "10.0.0.0/8"}, values{"redirect": "443", "subnets": "s-1",
			"groups": "sg-1"}, "redirect", "subnets [s-1], groups [sg-1], ranges [10.0.0.0/8]"},
		"subnets refused": {"ours", ours, values{"subnets": "s-0"}, values{"redirect": "443", "subnets": "s-1",
			"groups": "sg-1"}, "s-1", "subnets [s-0], redirect 443, groups [sg-1]"},
		"groups refused": {"ours", ours, values{"groups": "sg-0"}, values{"redirect": "443", "subnets": "s-1",
			"groups": "sg-1", "backend": "true"}, "sg-1", "subnets [s-1], redirect 443, groups [sg-0]"},
		"redirect and subnets refused": {"ours", ours, values{}, values{"redirect": "443", "subnets": "s-1",
			"groups": "sg-1"}, "redirect s-1", "groups [sg-1]"},
		"all refused": {"ours", ours, values{"subnets": "s-0"}, values{"redirect": "443", "subnets": "s-1",
			"groups": "sg-1"}, "redirect s-1 sg-1", "subnets [s-0]"},
		"the last valid version refused": {"ours", ours, values{"subnets": "s-0"}, values{"redirect": "443",
			"subnets": "s-1"}, "redirect s-0 s-1", "frozen"},

		"an earlier checkpoint": {"", ours, values{"ranges": "10.0.0.0/8"}, values{"ranges": "192.168.0.0/16",
			"groups": "sg-1"}, "", "groups [sg-1], ranges [192.168.0.0/16]"},
		"an earlier checkpoint, another class": {"", theirs, values{"ranges": "10.0.0.0/8"},
			values{"ranges": "192.168.0.0/16", "groups": "sg-1"}, "", "ranges [10.0.0.0/8]"},
		"an earlier checkpoint, its own value": {"", intent.At(web, "x"), values{"ranges": "10.0.0.0/8"},
			values{"ranges": "192.168.0.0/16"}, "", "ranges [10.0.0.0/8]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			last, now := intent.Member{Object: web, Class: c.class}, intent.Member{Object: web}
			var l intent.Listener
			last.Settings, l = c.was.settings(c.source)
			l.Protocol, l.Port = "HTTPS", 443
			last.Listeners = []intent.Listener{l}
			of := intent.ClassSettings{Class: "ours"}
			of.Settings, of.Listener = c.now.settings(ours)
			at := of.Listener
			at.Protocol, at.Port = "HTTPS", 443
			of.Listeners = []intent.Listener{at}
			now.OfClass = func() []intent.ClassSettings { return []intent.ClassSettings{of} }
			m := Member{Member: now}
			refused := func() bool {
				for _, text := range strings.Fields(c.refused) {
					if strings.Contains(shown(&m.Member), text) {
						return true
					}
				}
				return false
			}
			good := Versions{web: &last}
			m.Demote(nil, false, good, false, stack.Internal)
			for m.State == LastGood && refused() {
				m.Demote(nil, false, good, false, stack.Internal)
			}
			got := shown(&m.Member)
			if m.State != LastGood {
				got = "frozen"
			}
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}
