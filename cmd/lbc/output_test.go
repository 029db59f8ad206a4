package main

import (
	"bytes"
	"io"
	"os"
	"testing"
)

func TestColoursNeedATerminalThatShowsThem(t *testing.T) {
	device, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close()
	terminal := &screen{io.Discard}
	for name, tt := range map[string]struct {
		color, term, noColor string
		out                  io.Writer
		want                 bool
	}{
		"a terminal":                {"auto", "xterm", "", terminal, true},
		"a pipe":                    {"auto", "xterm", "", &bytes.Buffer{}, false},
		"another device":            {"auto", "xterm", "", device, false},
		"NO_COLOR":                  {"auto", "xterm", "1", terminal, false},
		"a terminal without":        {"auto", "dumb", "", terminal, false},
		"always, in a pipe":         {"always", "dumb", "1", &bytes.Buffer{}, true},
		"never, on a terminal":      {"never", "xterm", "", terminal, false},
		"a terminal without a name": {"auto", "", "", terminal, true},
	} {
		t.Setenv("TERM", tt.term)
		t.Setenv("NO_COLOR", tt.noColor)
		o := outputs{color: tt.color}
		if got := o.colored(tt.out); got != tt.want {
			t.Errorf("%s: coloured %t", name, got)
		}
	}
}
