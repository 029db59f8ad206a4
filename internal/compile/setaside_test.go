package compile

import (
	"slices"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestRestartKeepsNoGuardThatItsSetAsideOwnerGaveUp has a member that does not decide give up its security groups in a
// version that is set aside for its scheme. A process without memory does not know its last version. It must not keep
// what nobody declares: the member that is set aside would hold up edits of others. A guard that another member
// declares stays.
func TestRestartKeepsNoGuardThatItsSetAsideOwnerGaveUp(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		others bool // the member that decides declares the security groups, too
		want   string
	}{"nobody else declares it": {false, ""}, "another member declares it": {true, "sg-0a"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			read := map[string]func(*stack.Stack) string{}
			declare := map[string]func(*intent.Member, string){}
			for _, s := range guardingSettings() {
				read[s.name], declare[s.name] = s.read, s.declare
			}
			oldest, member := ingress("n-a", "a1", https(certificate1)), ingress("n-b", "b2", https(certificate1))
			oldest.Created, member.Created = 1, 2
			edited := member
			declare["security-groups"](&member, "sg-0a")
			declare["scheme"](&edited, stack.InternetFacing)
			if c.others {
				declare["security-groups"](&oldest, "sg-0a")
			}
			group := func(second intent.Member) intent.LoadBalancer {
				e := loadBalancer(oldest, second)
				e.Key.ID = stack.ID{Name: "group"}
				return e
			}
			built := Compile(group(member), account(), config(), nil)
			kept := Compile(group(edited), standingListeners(asFacts(account(), built.Stack), built.Stack), config(),
				built.Memory)
			again := Compile(group(edited), standingListeners(asFacts(account(), kept.Stack), kept.Stack), config(), nil)
			for _, r := range []Result{kept, again} {
				if !slices.ContainsFunc(r.Diagnostics, func(d diag.Diagnostic) bool {
					return d.Object == edited.Object && d.Code == diag.SettingNotPermitted
				}) {
					t.Errorf("the member is not set aside: %v", r.Diagnostics)
				}
				if got := read["scheme"](r.Stack); got != stack.Internal {
					t.Errorf("scheme %s", got)
				}
			}
			if got := read["security-groups"](kept.Stack); got != "sg-0a" {
				t.Errorf("with memory the security groups are %q", got)
			}
			if got := read["security-groups"](again.Stack); got != c.want {
				t.Errorf("without memory the security groups are %q", got)
			}
		})
	}
}
