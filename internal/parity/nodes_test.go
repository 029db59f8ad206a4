package parity

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/parity/recorded"
	"github.com/k8s-lbc/lbc/internal/targets/sgsync"
)

// TestRulesOfNodesAreThoseOfTheExistingController compares what the recorded bindings open on the nodes' security
// group: rules that are there stay as they are; where there are none, only the ports that were asked for are opened.
func TestRulesOfNodesAreThoseOfTheExistingController(t *testing.T) {
	t.Parallel()
	files, err := recorded.Files("testdata")
	if err != nil {
		t.Fatal(err)
	}
	d := readDifferences(t)
	for _, file := range files {
		r, err := recorded.Read(file)
		if err != nil {
			t.Fatal(err)
		}
		for i, raw := range r.After {
			name, step := r.Name, r.Edits[i].Step
			var s struct {
				AWS struct {
					SecurityGroups map[string]struct{ Ingress []string }
				}
				Kube map[string]struct {
					Spec v1beta1.TargetGroupBindingSpec
				}
			}
			if err := json.Unmarshal(raw, &s); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			current := s.AWS.SecurityGroups["lab-nodes"].Ingress
			var held, wanted []stack.Permission
			for _, rule := range current {
				held = append(held, permission(t, rule))
			}
			removable := func(stack.Permission) sgsync.RuleState { return sgsync.Unneeded }
			for ref, o := range s.Kube {
				if !strings.HasPrefix(ref, "TargetGroupBinding/") {
					continue
				}
				alone := opened(t, o.Spec.Networking)
				if grant, revoke, _ := sgsync.Changes(held, alone, removable, true); len(grant)+len(revoke) > 0 {
					t.Errorf("%s %s: a start at which %s comes first grants %v and revokes %v", name, step, ref, grant, revoke)
				}
				wanted = append(wanted, alone...)
			}
			grant, revoke := sgsync.Diff(held, sgsync.Pack(wanted, held))
			if len(grant)+len(revoke) > 0 {
				t.Errorf("%s %s: adoption grants %v and revokes %v", name, step, grant, revoke)
			}
			var fresh []string
			for _, p := range sgsync.Pack(wanted, nil) {
				fresh = append(fresh, fmt.Sprintf("%s %d-%d from %s '%s'", p.Protocol, p.FromPort, p.ToPort, p.CIDR+p.IPv6CIDR+
					p.Group.Literal, p.Description))
			}
			slices.Sort(fresh)
			if !slices.Equal(fresh, current) && !d.listed(t, name, "aws/securityGroups/lab-nodes/ingress") {
				t.Errorf("%s %s: rules\n%s\ntoday\n%s", name, step, strings.Join(fresh, "\n"), strings.Join(current, "\n"))
			}
		}
	}
	for i, l := range d.list {
		if strings.Contains(l.Path, "lab-nodes") && !d.met[i] {
			t.Errorf("%s of %s is listed as a difference but is none", l.Path, l.Cases)
		}
	}
}

// opened are the rules that a binding's networking asks for.
func opened(t *testing.T, n *v1beta1.TargetGroupBindingNetworking) []stack.Permission {
	t.Helper()
	if n == nil {
		return nil
	}
	var out []stack.Permission
	for _, rule := range n.Ingress {
		for _, p := range rule.Ports {
			ports := sgsync.Ports{From: 0, To: 65535}
			if p.Port != nil {
				number := p.Port.IntVal
				if number == 0 {
					t.Fatalf("no recorded case has a port by name: %s", p.Port)
				}
				ports = sgsync.Ports{From: number, To: number}
			}
			for _, from := range rule.From {
				var peer sgsync.Peer
				if from.SecurityGroup != nil {
					peer.Group = from.SecurityGroup.GroupID
				} else {
					peer.CIDR = from.IPBlock.CIDR
				}
				permissions, err := sgsync.Permissions(peer, strings.ToLower(string(*p.Protocol)), []sgsync.Ports{ports})
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, permissions...)
			}
		}
	}
	return out
}

// permission reads "tcp 80-80 from SOURCE 'description'".
func permission(t *testing.T, rule string) stack.Permission {
	t.Helper()
	words := strings.Fields(rule)
	if len(words) != 5 {
		t.Fatalf("rule %q is not understood", rule)
	}
	from, to, _ := strings.Cut(words[1], "-")
	p := stack.Permission{Protocol: words[0], FromPort: number(t, from), ToPort: number(t, to),
		Description: strings.Trim(words[4], "'")}
	switch source := words[3]; {
	case strings.HasPrefix(source, "{sg:"):
		p.Group = stack.Literal(stack.KindSecurityGroup, source)
	case strings.Contains(source, ":"):
		p.IPv6CIDR = source
	default:
		p.CIDR = source
	}
	return p
}

func number(t *testing.T, s string) int32 {
	t.Helper()
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return int32(n)
}
