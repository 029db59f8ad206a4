package compile

import (
	"slices"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestRestartLoosensNoMoreThanThePermittedEdit has a member that does not decide give up a setting of its own in the
// edit that sets it aside. Its last version has the setting, until a restart without memory: then the setting is as if
// the edit had been permitted, which was in the hands of that member alone.
func TestRestartLoosensNoMoreThanThePermittedEdit(t *testing.T) {
	t.Parallel()
	build := func(memory *Memory, observed *stack.Stack, later func(*intent.Member)) Result {
		first, second := ingress("n-a", "a1", https(certificate1)), ingress("n-c", "c2", https(certificate1), later)
		first.Created, second.Created = 1, 2
		e, f := loadBalancer(first, second), account()
		e.Key.ID = stack.ID{Name: "group"}
		f.WebACLs = map[string]string{"edge": "arn:named-edge", "strict": "arn:named-strict"}
		if observed != nil {
			f = standingListeners(asFacts(f, observed), observed)
		}
		return Compile(e, f, config(), memory)
	}
	shown := 0
	for _, s := range guardingSettings() {
		for _, v := range s.values {
			had := build(nil, nil, func(m *intent.Member) { s.declare(m, v) })
			if had.Stack == nil || !s.observed || s.name == "scheme" || s.read(had.Stack) != v || v == s.fallback {
				continue // not in effect, as that of the oldest member counts
			}
			harmful := func(m *intent.Member) { m.Settings.Scheme = set(m, "scheme", stack.InternetFacing) }
			aside := build(had.Memory, had.Stack, harmful)
			if aside.Stack == nil || !slices.ContainsFunc(aside.Diagnostics, func(d diag.Diagnostic) bool {
				return d.Code == diag.SettingNotPermitted
			}) || s.read(aside.Stack) != v {
				t.Errorf("%s: the member is not set aside, or its last version does not count: %v", s.name, aside.Diagnostics)
				continue
			}
			restarted, permitted := build(nil, aside.Stack, harmful), build(had.Memory, had.Stack, func(*intent.Member) {})
			if restarted.Stack == nil || permitted.Stack == nil {
				t.Fatalf("%s: no stack: %v, %v", s.name, restarted.Diagnostics, permitted.Diagnostics)
			}
			if got, want := s.read(restarted.Stack), s.read(permitted.Stack); got != want && got != v {
				t.Errorf("%s=%s: %s after the restart, %s after a permitted edit", s.name, v, got, want)
			}
			shown++
		}
	}
	if shown == 0 {
		t.Error("no setting of the younger member is in effect")
	}
}
