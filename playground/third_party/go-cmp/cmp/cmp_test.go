package cmp

import (
	"errors"
	"fmt"
	"testing"
)

func TestDiffShowsDifferentLinesOnly(t *testing.T) {
	t.Parallel()
	type pair struct{ A, B, c int }
	for _, c := range []struct {
		x, y any
		want string
	}{
		{pair{1, 2, 3}, pair{1, 2, 3}, ""},
		{pair{1, 2, 3}, pair{1, 5, 3}, "-   \"B\": 2\n+   \"B\": 5\n"},
		{pair{1, 2, 3}, pair{1, 2, 4}, "- cmp.pair{A:1, B:2, c:3}\n+ cmp.pair{A:1, B:2, c:4}\n"},
		{[]string{"a"}, []string(nil), "- [\n-   \"a\"\n- ]\n+ null\n"},
		{1, "1", "- 1\n+ \"1\"\n"},
	} {
		if got := Diff(c.x, c.y); got != c.want {
			t.Errorf("Diff(%v, %v) = %q, want %q", c.x, c.y, got, c.want)
		}
	}
}

func TestErrorsEqualWhatTheyWrap(t *testing.T) {
	t.Parallel()
	cause := errors.New("cause")
	wrapped := fmt.Errorf("wrapped: %w", cause)
	if !Equal(cause, wrapped, EquateErrors{}) || !Equal(wrapped, cause, EquateErrors{}) {
		t.Error("an error is not equal to one that wraps it")
	}
	if Equal(cause, errors.New("cause"), EquateErrors{}) || Equal(cause, nil, EquateErrors{}) || Equal(cause, wrapped) {
		t.Error("different errors are equal")
	}
	if !Equal(error(nil), error(nil), EquateErrors{}) {
		t.Error("no error is not equal to no error")
	}
}
