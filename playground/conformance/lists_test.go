package conformance

import "testing"

func load(t *testing.T) Lists {
	t.Helper()
	l, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return l
}
