package facts

import (
	"slices"
	"testing"
)

func TestAWildcardCoversExactlyOneLabel(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		domain, host string
		want         bool
	}{
		{"a.example.com", "a.example.com", true},
		{"*.example.com", "a.example.com", true},
		{"*.example.com", "*.example.com", true},
		{"*.example.com", "example.com", false},
		{"*.example.com", "a.b.example.com", false},
		{"a.example.com", "A.example.com", false},
		{"*", "example", false},
		{"*.example", "example", false},
		{"example.com", "a.example.com", false},
		{"*.", "example", false},
	} {
		if got := (Names{c.domain: true}).Cover(c.host); got != c.want {
			t.Errorf("%s covers %s: %t", c.domain, c.host, got)
		}
		// The index finds what Cover says.
		f := Facts{Certificates: map[string]Certificate{
			"x": {ARN: "x", Status: "ISSUED", Domains: []string{c.domain, c.domain}}}}
		if arns, _ := DiscoverCertificates(f, []string{c.host}, nil); (len(arns) == 1) != c.want {
			t.Errorf("%s is found for %s: %v", c.domain, c.host, arns)
		}
	}
}

func TestDiscoveryTakesAllThatCoverAndNamesHostsWithout(t *testing.T) {
	t.Parallel()
	f := Facts{Certificates: map[string]Certificate{
		"d": {ARN: "d", Status: "ISSUED", Domains: []string{"*.example.com"}},
		"c": {ARN: "c", Status: "ISSUED", Domains: []string{"a.example.com", "b.example.com"}, CA: "ca"},
		"b": {ARN: "b", Status: "EXPIRED", Domains: []string{"a.example.com"}},
		"a": {ARN: "a", Status: "ISSUED", Domains: []string{"a.example.com"}, Owned: true},
	}}
	arns, uncovered := DiscoverCertificates(f, []string{"a.example.com", "b.example.com", "example.org"}, nil)
	if !slices.Equal(arns, []string{"c", "d"}) || !slices.Equal(uncovered, []string{"example.org"}) {
		t.Errorf("found %v, without %v", arns, uncovered)
	}
	f.Index = IndexCertificates(f.Certificates)
	arns, uncovered = DiscoverCertificates(f, []string{"a.example.com", "x.example.com"}, []string{"ca"})
	if !slices.Equal(arns, []string{"c"}) || !slices.Equal(uncovered, []string{"x.example.com"}) {
		t.Errorf("with an authority: found %v, without %v", arns, uncovered)
	}
}

func TestARecordGoesIntoTheZoneWithTheLongestName(t *testing.T) {
	t.Parallel()
	zones := []HostedZone{{"Z1", "example.com"}, {"Z9", "dev.example.com"}, {"Z3", "dev.example.com"}, {"Z4", "ample.com"}}
	backwards := slices.Clone(zones)
	slices.Reverse(backwards)
	for name, want := range map[string]string{
		"example.com": "Z1", "www.example.com.": "Z1", "a.dev.example.com": "Z3", "DEV.example.com": "Z3",
		"notexample.com": "", "com": "",
	} {
		for _, in := range [][]HostedZone{zones, backwards} {
			if z, ok := ZoneOf(in, name); z.ID != want || ok != (want != "") {
				t.Errorf("%s: %v %t", name, z, ok)
			}
		}
	}
}

func TestOnlyAnIssuedCertificateIsForListeners(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]bool{"ISSUED": true, "PENDING_VALIDATION": false, "": false} {
		if got := (OwnCertificate{Status: status}).Issued(); got != want {
			t.Errorf("%q: %t", status, got)
		}
	}
}
