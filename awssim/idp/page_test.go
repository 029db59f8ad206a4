package idp

import (
	"strings"
	"testing"
)

func TestSignInPageEscapesItsValues(t *testing.T) {
	t.Parallel()
	hostile := `"><script>alert('x')</script>&`
	got := signInPage(hostile, hostile, hostile, []User{{Name: hostile}})
	if n := strings.Count(got, "&#34;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;"); n != 4 ||
		strings.Contains(got, "<script>") {
		t.Errorf("escaped %d of 4 values: %s", n, got)
	}
	if strings.Contains(signInPage("app", "a=b", "", nil), "alert") {
		t.Error("a page without a problem shows one")
	}
}
