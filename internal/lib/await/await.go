// Package await lets tests wait for conditions instead of sleeping. Only tests import the package. Tests in a bubble
// of testing/synctest do not need it: they can sleep, because time passes there once all goroutines wait.
package await

import (
	"testing"
	"time"
)

const (
	// limit is how long a test waits: no expectation of any test, but the end of a test that hangs. A machine with much
	// other work needs seconds for what usually takes a millisecond.
	limit = 2 * time.Minute
	// pause is the time between two looks.
	pause = time.Millisecond
)

// Until waits until holds reports true, and fails the test if it does not within two minutes. what names the condition.
func Until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !holds(); time.Sleep(pause) {
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", limit, what)
		}
	}
}

// Equal waits until get returns want, and fails the test with the last value if it does not within two minutes.
func Equal[T comparable](t testing.TB, what string, get func() T, want T) {
	t.Helper()
	var got T
	end := time.Now().Add(limit)
	for got = get(); got != want; got = get() {
		if time.Now().After(end) {
			t.Fatalf("%s: %v, want %v, within %s", what, got, want, limit)
		}
		time.Sleep(pause)
	}
}
