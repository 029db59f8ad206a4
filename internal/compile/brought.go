package compile

import (
	"cmp"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/lib/sorting"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// mostFormer bounds the certificates that are remembered although no member declares them: a load balancer has 25 by
// default. Beyond that, namespaces take turns.
const mostFormer = 25

// brought are the certificates of listeners with the namespaces of their members, so that no certificate of one
// namespace waits for one of another: those that are declared, and those that were before. A load balancer of one
// namespace has none.
func (b *build) brought(before []stack.BroughtCertificate) []stack.BroughtCertificate {
	var out []stack.BroughtCertificate
	for at, namespaces := range b.broughtBy {
		out = append(out, stack.BroughtCertificate{Port: at.port, ARN: at.arn,
			Namespaces: slices.Sorted(slices.Values(namespaces))})
	}
	sorting.By(out, func(x, y stack.BroughtCertificate) int {
		return cmp.Or(cmp.Compare(x.Port, y.Port), cmp.Compare(x.ARN, y.ARN))
	})
	var former []stack.BroughtCertificate
	for _, c := range before {
		if b.broughtBy[portCertificate{c.Port, c.ARN}] == nil {
			former = append(former, c)
		}
	}
	slices.Reverse(former) // the last ones first
	former = sorting.InTurn(former, mostFormer, func(c stack.BroughtCertificate) string {
		return strings.Join(c.Namespaces, " ")
	})
	slices.Reverse(former)
	out = append(former, out...)
	if !slices.ContainsFunc(out, func(c stack.BroughtCertificate) bool {
		return !slices.Equal(c.Namespaces, out[0].Namespaces)
	}) {
		return nil
	}
	return out
}
