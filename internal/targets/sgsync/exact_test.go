package sgsync

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/sgrules"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// every are permissions for each of ports.
func every(group string, ports ...int32) (out []stack.Permission) {
	for _, p := range ports {
		out = append(out, tcp(p, p, group))
	}
	return out
}

// TestFullGroupOpensNoPortThatNobodyAsked has a group with room for two more rules, and a binding that asks for three
// ports.
func TestFullGroupOpensNoPortThatNobodyAsked(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		source string
		ports  []int32
		fits   bool
	}{
		"a group of a tenant":             {"sg-tenant", []int32{20, 300, 20000}, false},
		"a group of a tenant, no node's":  {"sg-tenant", []int32{8080, 8082, 8084}, false},
		"load balancers":                  {"sg-b", []int32{8080, 8082, 9000}, true},
		"load balancers, across a node's": {"sg-b", []int32{20, 300, 20000}, false},
	} {
		d := newDesk(&account{rules: map[string][]stack.Permission{"sg-node": byHand(apart(58, 22))}})
		d.Set("mal/a", on("sg-node", every(c.source, c.ports...)...))
		out := d.k.Reconcile(t.Context(), "sg-node", never)
		if err := out.Of("mal/a", d.Of("mal/a", "sg-node")); (err == nil) != c.fits ||
			err != nil && !errors.As(err, new(*FullError)) {
			t.Errorf("%s: %v", name, err)
		}
		for _, port := range []int32{22, 2379, 10250} {
			if sgrules.Of(d.rules["sg-node"]).Admits(tcp(port, port, c.source)) {
				t.Errorf("%s: port %d is open: %v", name, port, d.writes)
			}
		}
		open := slices.ContainsFunc(d.rules["sg-node"], func(p stack.Permission) bool { return p.Group.Literal != "" })
		if open != c.fits {
			t.Errorf("%s: written %v", name, d.writes)
		}
	}
}

// TestManyPortsOfATenantJoinNoOthers has bindings with more ports than one source may take rules, before and behind the
// port of the kubelet.
func TestManyPortsOfATenantJoinNoOthers(t *testing.T) {
	t.Parallel()
	var ports []int32
	for i := range int32(30) {
		ports = append(ports, 10249-100*i-i, 10251+100*i)
	}
	ranges := []stack.Permission{}
	for _, p := range ports {
		ranges = append(ranges, fromRange(p, "10.0.0.0/8"))
	}
	for name, wanted := range map[string][]stack.Permission{"10.0.0.0/8": ranges,
		"sg-tenant": every("sg-tenant", ports...), "sg-b": every("sg-b", ports...)} {
		d := newDesk(&account{})
		d.k.Limit = 200
		d.Set("mal/a", on("sg-node", wanted...))
		d.k.Reconcile(t.Context(), "sg-node", never)
		rules := d.rules["sg-node"]
		if exact := sgrules.Of(rules).Equal(sgrules.Of(wanted)); exact == (name == "sg-b") {
			t.Errorf("%s: rules %v", name, rules)
		}
		if n := len(rules); name == "sg-b" && n != maxRulesPerSource {
			t.Errorf("load balancers take %d rules", n)
		}
		probe := wanted[0]
		if probe.FromPort, probe.ToPort = 10250, 10250; sgrules.Of(rules).Admits(probe) {
			t.Errorf("%s: the kubelet's port is open", name)
		}
	}
}

// TestRangeOfTheExistingControllerStays has the rule in force that the existing controller writes for several ports of
// a tenant's group.
func TestRangeOfTheExistingControllerStays(t *testing.T) {
	t.Parallel()
	d := newDesk(&account{rules: map[string][]stack.Permission{"sg-node": {tcp(20, 20000, "sg-tenant")}}})
	d.Set("shop/a", on("sg-node", every("sg-tenant", 20, 20000)...))
	if d.k.Reconcile(t.Context(), "sg-node", never); len(d.writes) > 0 {
		t.Errorf("written %v", d.writes)
	}
}

// TestStandingPermissionIsKeptAndNeverGranted has a permission that is not allowed, but may stay.
func TestStandingPermissionIsKeptAndNeverGranted(t *testing.T) {
	t.Parallel()
	ssh := fromRange(22, "0.0.0.0/0")
	marked := ssh
	marked.Description = Standing
	for name, c := range map[string]struct{ rules, want []stack.Permission }{
		"no rule":              {nil, nil},
		"its rule":             {[]stack.Permission{ssh}, []stack.Permission{ssh}},
		"a rule of the user's": {byHand([]stack.Permission{ssh}), byHand([]stack.Permission{ssh})},
	} {
		d := newDesk(&account{rules: map[string][]stack.Permission{"sg-node": slices.Clone(c.rules)}})
		d.Set("shop/a", on("sg-node", marked))
		for range 2 {
			out := d.k.Reconcile(t.Context(), "sg-node", never)
			if got := fmt.Sprint(d.rules["sg-node"]); out.Err != nil || got != fmt.Sprint(c.want) {
				t.Errorf("%s: %v, want %v; %v", name, got, c.want, out.Err)
			}
		}
		d.Set("shop/a", nil)
		d.k.Reconcile(t.Context(), "sg-node", never)
		if n := len(d.rules["sg-node"]); name == "its rule" && n > 0 {
			t.Errorf("%d rules stay without a binding", n)
		}
	}
}
