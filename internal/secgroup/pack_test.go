package secgroup

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/k8s-lbc/lbc/internal/stack"
)

func tcp(from, to int32, group string) stack.Permission {
	return stack.Permission{Protocol: "tcp", FromPort: from, ToPort: to, Group: stack.Literal(stack.KindSecurityGroup, group), Description: Label}
}

func TestPackingJoinsWhatTouchesAndKeepsWhatDoesNot(t *testing.T) {
	t.Parallel()
	many := func(n int32) (in []stack.Permission) {
		for i := range n {
			in = append(in, tcp(1000+i*10, 1000+i*10, "sg-b"))
		}
		return in
	}
	for _, tc := range []struct {
		name            string
		wanted, current []stack.Permission
		want            []stack.Permission
	}{
		{"equal ports of two bindings", []stack.Permission{tcp(8080, 8080, "sg-b"), tcp(8080, 8080, "sg-b")}, nil, []stack.Permission{tcp(8080, 8080, "sg-b")}},
		{"ports apart stay apart", []stack.Permission{tcp(9443, 9443, "sg-b"), tcp(8080, 8080, "sg-b")}, nil, []stack.Permission{tcp(8080, 8080, "sg-b"), tcp(9443, 9443, "sg-b")}},
		{"neighbours join", []stack.Permission{tcp(8081, 8081, "sg-b"), tcp(8080, 8080, "sg-b")}, nil, []stack.Permission{tcp(8080, 8081, "sg-b")}},
		{"the range of the existing controller is kept", []stack.Permission{tcp(8080, 8080, "sg-b"), tcp(9443, 9443, "sg-b")}, []stack.Permission{tcp(8080, 9443, "sg-b")}, []stack.Permission{tcp(8080, 9443, "sg-b")}},
		{"such a range of somebody else is not", []stack.Permission{tcp(8080, 8080, "sg-b"), tcp(9443, 9443, "sg-b")}, []stack.Permission{{Protocol: "tcp", FromPort: 8080, ToPort: 9443, Group: stack.Literal(stack.KindSecurityGroup, "sg-b")}}, []stack.Permission{tcp(8080, 8080, "sg-b"), tcp(9443, 9443, "sg-b")}},
		{"sources are told apart", []stack.Permission{tcp(80, 80, "sg-b"), tcp(80, 80, "sg-a")}, nil, []stack.Permission{tcp(80, 80, "sg-a"), tcp(80, 80, "sg-b")}},
		{"CIDRs are normalised", []stack.Permission{{Protocol: "tcp", FromPort: 1, ToPort: 1, CIDR: "10.0.0.5/24"}}, nil, []stack.Permission{{Protocol: "tcp", FromPort: 1, ToPort: 1, CIDR: "10.0.0.0/24", Description: Label}}},
		{"twenty apart fit", many(20), nil, many(20)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, Pack(tc.wanted, tc.current)); diff != "" {
				t.Error(diff)
			}
		})
	}
	if got := Pack(many(50), nil); len(got) != maxRulesPerSource {
		t.Errorf("fifty ports take %d rules, want %d", len(got), maxRulesPerSource)
	}
}

func TestPackingAdmitsPreciselyTheWantedTraffic(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		wanted := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) stack.Permission {
			from := rapid.Int32Range(0, 40).Draw(t, "from")
			return tcp(from, from+rapid.Int32Range(0, 3).Draw(t, "length"), rapid.SampledFrom([]string{"sg-a", "sg-b"}).Draw(t, "group"))
		}), 0, 12).Draw(t, "wanted")
		covers := func(perms []stack.Permission) map[string]bool {
			out := map[string]bool{}
			for _, p := range perms {
				for port := p.FromPort; port <= p.ToPort; port++ {
					out[fmt.Sprint(p.Group.Literal, port)] = true
				}
			}
			return out
		}
		packed := Pack(wanted, nil)
		if diff := cmp.Diff(covers(wanted), covers(packed)); diff != "" {
			t.Fatal(diff)
		}
		if grant, revoke := Diff(packed, Pack(wanted, packed)); len(grant)+len(revoke) != 0 {
			t.Fatalf("packing is not stable: grant %v, revoke %v", grant, revoke)
		}
	})
}

func TestRulesWithoutOurLabelAreNeverTouched(t *testing.T) {
	t.Parallel()
	foreign := tcp(8080, 8080, "sg-b")
	foreign.Description = "opened by hand"
	grant, revoke := Diff([]stack.Permission{foreign, tcp(9000, 9000, "sg-b")}, []stack.Permission{tcp(8080, 8080, "sg-b")})
	if len(grant) != 0 || len(revoke) != 1 || revoke[0].FromPort != 9000 {
		t.Errorf("grant %v, revoke %v: want only our own unused rule revoked", grant, revoke)
	}
}
