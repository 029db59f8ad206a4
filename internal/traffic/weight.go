package traffic

import "github.com/k8s-lbc/lbc/internal/stack"

// weight of a target group in a forward; AWS's default is 1.
func weight(w stack.WeightedTargetGroup) int {
	if w.Weight == nil {
		return 1
	}
	return max(int(*w.Weight), 0)
}

// TotalWeight is the sum of a forward's weights; 0 means that nothing can be chosen (the load balancer answers 503).
func TotalWeight(f *stack.Forward) int {
	total := 0
	for _, w := range f.TargetGroups {
		total += weight(w)
	}
	return total
}

// Pick returns the target group that owns point n of the forward's weights laid end to end, 0 ≤ n < TotalWeight(f). A
// uniformly random n gives each group its share. It reports false when n is out of bounds.
func Pick(f *stack.Forward, n int) (stack.Ref, bool) {
	if n < 0 {
		return stack.Ref{}, false
	}
	for _, w := range f.TargetGroups {
		if n -= weight(w); n < 0 {
			return w.TargetGroup, true
		}
	}
	return stack.Ref{}, false
}
