package diag

import (
	"strings"
	"testing"
)

func TestVisibleTextHasNoControlCharacters(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                              "",
		"host a.example.com → 200":      "host a.example.com → 200",
		"a\nb\r\tc":                     `a\nb\r\tc`,
		"\x1b[2J\x1b]0;title\x07":       `\u001b[2J\u001b]0;title\u0007`,
		"\u009b31m":                     `\u009b31m`,
		"\u202egnirts\u2066\u200b":      `\u202egnirts\u2066\u200b`,
		"line\u2028paragraph\u2029":     `line\u2028paragraph\u2029`,
		"\U000e0041tag\U000f0000":       `\U000e0041tag\U000f0000`,
		"broken \xff\xc2 UTF-8":         `broken \xff\xc2 UTF-8`,
		"\x1b[32mcreate\x1b[0m":         `\u001b[32mcreate\u001b[0m`,
		`already \n escaped`:            `already \n escaped`,
		"\ufffd is a character as well": `\ufffd is a character as well`,
	} {
		if got := Visible(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got, want := VisibleStyled("\x1b[32m+\x1b[0m a\x1b[8mb\n"), "\x1b[32m+\x1b[0m"+` a\u001b[8mb\n`; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	d := New(Object{Kind: "Ingress", Namespace: "n", Name: "a"}, "metadata.annotations[\x1b]", InvalidAnnotation,
		"unknown: x\ny", "remove\x07 it")
	if got := d.Message(); strings.ContainsAny(got, "\n\x1b\x07") {
		t.Errorf("message %q", got)
	}
}
