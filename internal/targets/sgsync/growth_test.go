package sgsync

import (
	"fmt"
	"testing"

	"github.com/k8s-lbc/lbc/internal/controller/growth"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestLookAtRulesCostsNoBytesOfOtherBindings shows that a change of one binding, whose endpoints have the security
// group of all others, pays for what these need together. With another port, its rule is granted and revoked; with the
// same port, no rule changes.
func TestLookAtRulesCostsNoBytesOfOtherBindings(t *testing.T) { // not parallel: it counts bytes
	for what, port := range map[string]int32{"the same port": 8080, "another port": 9090} {
		t.Run(what, func(t *testing.T) {
			growth.AtMost(t, growth.Constant, "bytes of a look at the rules of a security group, by bindings",
				func(n int) float64 {
					d := newDesk(&account{})
					for i := range n {
						d.Set(fmt.Sprint("shop/web-", i), on("sg-node", tcp(8080, 8080, "sg-b")))
						d.Extend(fmt.Sprint("shop/new-", i), nil, []stack.Permission{tcp(8080, 8080, "sg-b")})
					}
					change := func(groups map[string][]stack.Permission, rules int) {
						d.Set("shop/last", groups)
						if out := d.k.Reconcile(t.Context(), "sg-node", never); out.Err != nil ||
							len(d.rules["sg-node"]) != rules {
							t.Fatalf("%v: %v", out.Err, d.rules["sg-node"])
						}
					}
					most := 1
					if port != 8080 {
						most = 2
					}
					change(nil, 1)
					return growth.Bytes(func() { change(on("sg-node", tcp(port, port, "sg-b")), most); change(nil, 1) })
				})
		})
	}
}
