package routing

import (
	"runtime"
	"strings"
	"testing"
)

// TestLongExpressionIsNotCompiled shows that an expression which is refused for its length costs nothing: compiled, this
// one takes a second and 200 MB.
func TestLongExpressionIsNotCompiled(t *testing.T) { // not parallel: it counts what the process allocates
	long := "(" + strings.Repeat("a", 900) + "){1000}"
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := checkRegex("regexValues.member", long, maxConditionValue)
	runtime.ReadMemStats(&after)
	if err == nil {
		t.Error("a regular expression that is too long is accepted")
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("the refusal allocates %d bytes", n)
	}
}
