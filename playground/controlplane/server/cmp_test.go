package server

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// etcd and kube-scheduler compare by the stand-in of third_party, as the tests of this module do.
func TestDiffShowsDifferentLinesOnly(t *testing.T) {
	t.Parallel()
	type pair struct{ A, B, c int }
	for _, c := range []struct {
		x, y any
		want string
	}{
		{pair{1, 2, 3}, pair{1, 2, 3}, ""},
		{pair{1, 2, 3}, pair{1, 5, 3}, "-   \"B\": 2\n+   \"B\": 5\n"},
		{pair{1, 2, 3}, pair{1, 2, 4}, "- server.pair{A:1, B:2, c:3}\n+ server.pair{A:1, B:2, c:4}\n"},
		{[]string{"a"}, []string(nil), "- [\n-   \"a\"\n- ]\n+ null\n"},
		{1, "1", "- 1\n+ \"1\"\n"},
	} {
		if got := cmp.Diff(c.x, c.y); got != c.want {
			t.Errorf("Diff(%v, %v) = %q, want %q", c.x, c.y, got, c.want)
		}
	}
}

func TestErrorsEqualWhatTheyWrap(t *testing.T) {
	t.Parallel()
	cause := errors.New("cause")
	wrapped := fmt.Errorf("wrapped: %w", cause)
	if !cmp.Equal(cause, wrapped, cmp.EquateErrors{}) || !cmp.Equal(wrapped, cause, cmp.EquateErrors{}) {
		t.Error("an error is not equal to one that wraps it")
	}
	if cmp.Equal(cause, errors.New("cause"), cmp.EquateErrors{}) || cmp.Equal(cause, nil, cmp.EquateErrors{}) ||
		cmp.Equal(cause, wrapped) {
		t.Error("different errors are equal")
	}
	if !cmp.Equal(error(nil), error(nil), cmp.EquateErrors{}) {
		t.Error("no error is not equal to no error")
	}
}
