package diag

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestALongTextKeepsItsBeginningAndItsEnd(t *testing.T) {
	t.Parallel()
	d := New(Object{Kind: "Ingress", Name: "web"}, "spec", InvalidAnnotation, "complaint: "+strings.Repeat("é", 1<<20)+": the cause", strings.Repeat("x", 1<<20))
	if len(d.Message()) > 3*maxText || !strings.HasPrefix(d.Text, "complaint: é") || !strings.HasSuffix(d.Text, ": the cause") || !utf8.ValidString(d.Text) {
		t.Errorf("%d bytes: %q", len(d.Message()), d.Text)
	}
	if short := strings.Repeat("x", maxText); New(Object{}, "", InvalidAnnotation, short, "").Text != short {
		t.Error("a text that fits is changed")
	}
}

func TestWhatIsNoTextBecomesOne(t *testing.T) {
	t.Parallel()
	if m := New(Object{}, "metadata.annotations[a\xff]", InvalidAnnotation, "bad \xfe\xff value", "write \xff").Message(); !utf8.ValidString(m) {
		t.Errorf("%q", m)
	}
}
