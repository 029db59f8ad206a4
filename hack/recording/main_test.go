package main

import (
	"strings"
	"testing"
	"time"
)

func TestOutputAppearsAfterItsCommandAndBeforeTheNext(t *testing.T) {
	t.Parallel()
	lines, end, err := schedule(strings.NewReader("$ one\na\nb\n$ two\nc\n"))
	if err != nil {
		t.Fatal(err)
	}
	var at []time.Duration
	for _, l := range lines {
		at = append(at, l.at)
	}
	for i := 1; i < len(at); i++ {
		if at[i] <= at[i-1] {
			t.Errorf("line %d appears at %s, the one before it at %s", i, at[i], at[i-1])
		}
	}
	if at[1] < afterCommand || at[3]-at[2] < beforeNext || end-at[4] < atTheEnd {
		t.Errorf("lines appear at %s, and the session ends at %s", at, end)
	}
}

func TestTheDrawingEscapesAndCutsLines(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	if err := draw(&b, strings.NewReader("$ a <b> & c\n"+strings.Repeat("x", columns+5)+"\n")); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"$ a &lt;b&gt; &amp; c</text>", strings.Repeat("x", columns-1) + "…</text>",
		`class="command"`} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, b.String())
		}
	}
	if err := draw(&b, strings.NewReader("")); err == nil {
		t.Error("an empty transcript is drawn")
	}
}
