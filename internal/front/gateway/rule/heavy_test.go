package rule

import (
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/controller/growth"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestExpressionsTakeLittle has expressions of routes whose programs are a thousand times as long as their texts.
func TestExpressionsTakeLittle(t *testing.T) { // it counts what others would allocate, so it is not parallel
	heavy := "(" + strings.Repeat("a", 3000) + "){1000}"
	if got := growth.Bytes(func() {
		if _, err := regex(stack.Condition{Field: stack.PathPattern}, heavy, "path"); err == nil {
			t.Error("it is not refused")
		}
	}); got > 1<<20 {
		t.Errorf("it allocates %.0f bytes", got)
	}
}
