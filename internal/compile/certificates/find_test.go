package certificates

import (
	"slices"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
)

// TestDiscoveredCertificatesCountIfTheyCoverEachHost has a listener with a certificate of its own, as
// one that names a Secret.
func TestDiscoveredCertificatesCountIfTheyCoverEachHost(t *testing.T) {
	t.Parallel()
	const own, app = "arn:aws:acm:us-west-2:111122223333:certificate/own",
		"arn:aws:acm:us-west-2:111122223333:certificate/app"
	m := &intent.Member{Certificates: []intent.Certificate{{ID: "own", Names: []string{"app.example.com"}}}}
	known := facts.Facts{
		OwnKnown: true, HostedZones: []facts.HostedZone{{ID: "Z1", Name: "example.com"}}, Own: []facts.OwnCertificate{
			{ARN: own, ID: "own", Status: "ISSUED"}},
		Certificates: map[string]facts.Certificate{app: {Domains: []string{"app.example.com"}}},
	}
	for _, c := range []struct {
		name  string
		first []string
		facts facts.Facts
		want  []string
		needs int
	}{
		{"not asked for", nil, known, []string{own}, 0},
		{"each host is covered", []string{"app.example.com"}, known, []string{app}, 0},
		{"one host is not", []string{"app.example.com", "www.example.com"}, known, []string{own}, 0},
		{"ACM is not read yet", []string{"app.example.com"}, facts.Facts{OwnKnown: true}, nil, 1},
	} {
		got := (&Finder{Facts: c.facts}).Find(m, intent.Listener{Owned: []string{"own"}, DiscoverFirst: c.first})
		if !slices.Equal(got.ARNs, c.want) || len(got.Needs) != c.needs {
			t.Errorf("%s: %v, needs %v", c.name, got.ARNs, got.Needs)
		}
	}
}

// TestCertificatesWithDeniedTagsReplaceNone has certificates of which ACM does not tell whether a stack owns them.
func TestCertificatesWithDeniedTagsReplaceNone(t *testing.T) {
	t.Parallel()
	const owned, free = "arn:aws:acm:us-west-2:111122223333:certificate/a", "arn:aws:acm:us-west-2:111122223333:certificate/b"
	all := map[string]facts.Certificate{owned: {Domains: []string{"*.example.com"}, Unproven: true},
		free: {Domains: []string{"*.example.com"}, Unproven: true}}
	for _, c := range []struct {
		name           string
		attached, want []string
		unread         facts.Need
	}{
		{name: "the listener has one", attached: []string{free}, want: []string{free}},
		{name: "the listener has both", attached: []string{free, owned}, want: []string{owned, free}},
		{name: "a new listener", want: []string{owned, free}},
		{name: "the listener is not known", unread: facts.Need{Kind: facts.NeedStackDetails}, want: []string{owned, free}},
	} {
		for _, first := range []bool{false, true} {
			d := Finder{Facts: facts.Facts{Certificates: all},
				Attached: func(intent.Listener) ([]string, facts.Need) { return c.attached, c.unread }}
			l := intent.Listener{DiscoverHosts: []string{"app.example.com"}}
			if first {
				l.DiscoverHosts, l.DiscoverFirst = nil, l.DiscoverHosts
			}
			got := d.Find(&intent.Member{}, l)
			if !slices.Equal(got.ARNs, c.want) || len(got.Problems) > 0 || (len(got.Needs) > 0) != (c.unread != facts.Need{}) {
				t.Errorf("%s, first %t: %v, %v, needs %v", c.name, first, got.ARNs, got.Problems, got.Needs)
			}
		}
	}
}
