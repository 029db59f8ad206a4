package route

import (
	"fmt"
	"testing"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/front/gateway/rule"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/diff"
)

// BenchmarkPass translates and compiles routes, and compares the result with an account that has nothing.
func BenchmarkPass(b *testing.B) {
	for _, n := range []int{1, 100, 1000} {
		b.Run(fmt.Sprint(n, " rules"), func(b *testing.B) {
			in := input(b, rule.Standard, many(n))
			f, cfg := account(), config()
			for b.Loop() {
				r := compile.Compile(loadBalancer(in, Translate(in)), f, cfg, nil)
				if r.Stack == nil || len(r.Stack.Rules) != n {
					b.Fatal(r.Needs, r.Diagnostics)
				}
				_ = diff.Stack(r.Stack, r.Keep, awsop.Observed{}, diff.Options{})
			}
		})
	}
}
