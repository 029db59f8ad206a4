package harness

import (
	"testing"

	"github.com/k8s-lbc/lbc/internal/longtest"
)

// Long skips a test that "make test" leaves to "make test-all": see longtest.Long. It is the first line of the test, before the test starts a playground.
func Long(t testing.TB, why string) {
	t.Helper()
	longtest.Long(t, why)
}
