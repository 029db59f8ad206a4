package compile

import (
	"fmt"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
)

// scattered returns n ranges that cannot be joined.
func scattered(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("%d.%d.%d.%d/32", 20+i/65536, i/256%256, i%256, i*7%256)
	}
	return out
}

func withRanges(ranges []string, ports int) intent.LoadBalancer {
	return loadBalancer(ingress("shop", "web", func(m *intent.Member) {
		m.Listeners = nil
		for i := range ports {
			m.Listeners = append(m.Listeners, intent.Listener{Port: int32(80 + 2*i), Protocol: "HTTP",
				InboundCIDRs: set(m, "inbound-cidrs", ranges)})
		}
	}))
}

// Without the bound, these ranges make millions of rules, which took minutes to compare with each other.
func TestHugeSourceRangesAreRefusedBeforeTheyAreMultiplied(t *testing.T) {
	t.Parallel()
	r := Compile(withRanges(scattered(18_000), 50), account(), config(), nil)
	if r.Stack != nil {
		t.Error("a stack was built")
	}
	if d := r.Diagnostics; len(d) == 0 || d[0].Code != diag.QuotaExceeded ||
		!strings.Contains(d[0].Text, "18000 source ranges for port 80 need at least 18000 inbound rules") {
		t.Errorf("%v", d)
	}
}

func TestManyRangesTimesPortsAreRefusedByTheQuota(t *testing.T) {
	t.Parallel()
	r := Compile(withRanges(scattered(900), 50), account(), config(), nil)
	if r.Stack != nil || !strings.Contains(fmt.Sprint(r.Diagnostics), "would need 45000 inbound rules") {
		t.Errorf("%v", r.Diagnostics)
	}
}

// TestHugeMembersAreRefusedBeforeTheyAreMerged has members of the size that etcd takes. Without the bound, each took a
// minute or more.
func TestHugeMembersAreRefusedBeforeTheyAreMerged(t *testing.T) {
	t.Parallel()
	tags := func(m *intent.Member) {
		m.Settings.Tags = map[string]intent.Field[string]{}
		for i := range 60_000 {
			m.Settings.Tags[fmt.Sprint("k", i)] = set(m, "tags", "v")
		}
	}
	huge := withRanges(scattered(30_000), 8000).Members[0]
	tagged := ingress("shop", "web", tags)
	for i := range 64 {
		tagged.Listeners = append(tagged.Listeners, intent.Listener{Port: int32(1000 + i), Protocol: "HTTP"})
	}
	for name, c := range map[string]struct {
		member intent.Member
		text   string
	}{
		"ports times ranges": {huge, "8000 ports with up to 30000 source ranges each"},
		"tags":               {tagged, "60003 tags"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := Compile(loadBalancer(c.member, ingress("other", "sound")), account(), config(), nil)
			if !strings.Contains(fmt.Sprint(r.Diagnostics), c.text) {
				t.Errorf("%.2000v", r.Diagnostics)
			}
			if r.Stack == nil || len(r.Stack.Rules) == 0 {
				t.Error("nothing is built of the other member")
			}
		})
	}
}

// TestManyReservedTagsEndNoBuild has tags that are not written, however many there are: the rest is built.
func TestManyReservedTagsEndNoBuild(t *testing.T) {
	t.Parallel()
	r := Compile(loadBalancer(ingress("shop", "web", func(m *intent.Member) {
		m.Settings.Tags = map[string]intent.Field[string]{}
		for i := range 2 * hugeTags {
			m.Settings.Tags[fmt.Sprint("elbv2.k8s.aws/k", i)] = set(m, "tags", "v")
		}
	})), account(), config(), nil)
	if s := mustBuild(t, r); len(s.LoadBalancers) != 1 || len(s.Rules) == 0 {
		t.Errorf("%d load balancers, %d rules", len(s.LoadBalancers), len(s.Rules))
	}
}

func TestManyRangesThatJoinAreAccepted(t *testing.T) {
	t.Parallel()
	var ranges []string
	for i := range 4096 {
		ranges = append(ranges, fmt.Sprintf("10.0.%d.%d/32", i/256, i%256))
	}
	s := mustBuild(t, Compile(withRanges(ranges, 2), account(), config(), nil))
	if n := len(s.SecurityGroups[0].Ingress); n > 8192 {
		t.Errorf("%d rules", n)
	}
}

func TestFindingsOfAMemberAreBounded(t *testing.T) {
	t.Parallel()
	var ranges []string
	for i := range 5000 {
		ranges = append(ranges, fmt.Sprintf("2001:db8:%x::/48", i))
	}
	r := Compile(withRanges(append(ranges[:900:900], "10.0.0.0/8"), 1), account(), config(), nil)
	if n := len(r.Diagnostics); n > 2*mostFindings || !strings.Contains(fmt.Sprint(r.Diagnostics),
		"further findings are not listed") {
		t.Errorf("%d findings", n)
	}
}
