package conformance

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/gateway-api/conformance/tests"
	"sigs.k8s.io/gateway-api/conformance/utils/suite"
	"sigs.k8s.io/gateway-api/pkg/features"

	"github.com/k8s-lbc/lbc/internal/lib/longtest"
)

// profiles are those of the suite that concern load balancers.
var profiles = map[string]suite.ConformanceProfile{}

func init() {
	for _, p := range []suite.ConformanceProfile{
		suite.GatewayHTTPConformanceProfile, suite.GatewayGRPCConformanceProfile, suite.GatewayTCPConformanceProfile,
		suite.GatewayUDPConformanceProfile, suite.GatewayTLSConformanceProfile,
	} {
		profiles[string(p.Name)] = p
	}
}

func load(t *testing.T) Lists {
	t.Helper()
	l, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// declared are all features of a run.
func declared(r Run) suite.FeaturesSet {
	set := suite.FeaturesSet{}
	for _, f := range r.Features {
		set.Insert(features.FeatureName(f))
	}
	for _, p := range r.Profiles {
		set = set.Union(profiles[p].CoreFeatures)
	}
	return set
}

func TestADifferenceFromTheListsIsReportedEitherWay(t *testing.T) {
	longtest.Long(t, "make conformance runs the suite; this is about its lists and clients")
	t.Parallel()
	r := Run{Name: "r", Passes: []string{"A"}, NotYet: []string{"B"}, Skipped: map[string]string{"C": "why"}}
	for name, c := range map[string]struct {
		results map[string]Outcome
		want    []string
	}{
		"as listed":        {map[string]Outcome{"A": Passed, "B": Failed, "C": Left, "D": Left}, nil},
		"not yet, not run": {map[string]Outcome{"A": Passed}, nil},
		"worse":            {map[string]Outcome{"A": Failed, "B": Failed}, []string{"r: A failed"}},
		"nothing ran":      {nil, []string{"r: A not run"}},
		"better":           {map[string]Outcome{"A": Passed, "B": Passed}, []string{"r: B passed"}},
		"left out":         {map[string]Outcome{"A": Left, "B": Left}, []string{"r: A skipped", "r: B skipped"}},
		"run all the same": {map[string]Outcome{"A": Passed, "B": Failed, "C": Failed}, []string{"r: C failed"}},
		"a test nobody knew": {map[string]Outcome{"A": Passed, "B": Failed, "D": Failed},
			[]string{"r: D failed and is not listed"}},
	} {
		got := r.Differences(c.results)
		if !slices.EqualFunc(got, c.want, strings.HasPrefix) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestTheListsHoldEveryTestThatTheDeclaredFeaturesSelect(t *testing.T) {
	longtest.Long(t, "make conformance runs the suite; this is about its lists and clients")
	t.Parallel()
	for _, r := range load(t).Runs {
		set := declared(r)
		var want []string
		for _, test := range tests.ConformanceTests {
			if set.HasAll(test.Features...) {
				want = append(want, test.ShortName)
			}
		}
		slices.Sort(want)
		if got := r.Tests(); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", r.Name, got, want)
		}
	}
}

// TestOnlyWhatNoLoadBalancerOfAWSCanDoIsSkipped has a core test of HTTP, an extended one, and a core test of TLS.
func TestOnlyWhatNoLoadBalancerOfAWSCanDoIsSkipped(t *testing.T) {
	longtest.Long(t, "make conformance runs the suite; this is about its lists and clients")
	t.Parallel()
	for name, skipped := range map[string][]string{
		"http":   {"HTTPRouteRedirectPortAndScheme", "HTTPRouteRequestHeaderModifier"},
		"layer4": {"TLSRouteHostnameIntersection"}} {
		r, ok := load(t).Run(name)
		if got := slices.Sorted(maps.Keys(r.Skipped)); !ok || !slices.Equal(got, skipped) {
			t.Errorf("%s skips %q, want %q", name, got, skipped)
		}
	}
}

func TestEveryExtendedFeatureIsBuiltOrHasAReasonNotToBe(t *testing.T) {
	longtest.Long(t, "make conformance runs the suite; this is about its lists and clients")
	t.Parallel()
	l := load(t)
	known, built := map[string]bool{}, map[string]bool{}
	for _, f := range l.Features {
		if (f.How == "") == (f.Not == "") || known[f.Name] {
			t.Errorf("%+v: how it is built or why it is not, once", f)
		}
		known[f.Name], built[f.Name] = true, f.How != ""
	}
	for _, r := range l.Runs {
		for _, p := range r.Profiles {
			for f := range profiles[p].ExtendedFeatures {
				if !profiles[p].CoreFeatures.Has(f) && !known[string(f)] {
					t.Errorf("%s of %s is not in the lists", f, p)
				}
			}
		}
		for _, f := range r.Features {
			if !built[f] {
				t.Errorf("%s declares %s, which is not built", r.Name, f)
			}
		}
	}
}
