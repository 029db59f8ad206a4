// Package main draws the transcript of a terminal session as an SVG whose lines appear one after another:
// docs/images/playground.svg, for the README. hack/recording.sh makes the transcript. It imports the standard library
// only.
package main

import (
	"bufio"
	"fmt"
	"html"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"
)

// Measures of the drawing, in pixels, and its pace.
const (
	columns      = 120
	charWidth    = 8 // at 13 px, a little more than most monospaced fonts have
	lineHeight   = 18
	margin       = 16
	afterCommand = 900 * time.Millisecond // a command has been typed
	afterLine    = 60 * time.Millisecond
	beforeNext   = 1800 * time.Millisecond // time to read what a command printed
	atTheEnd     = 12 * time.Second        // before it begins again
)

func main() {
	if err := draw(os.Stdout, os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "recording:", err)
		os.Exit(1)
	}
}

// line is one of the transcript, and when it appears.
type line struct {
	text    string
	command bool
	at      time.Duration
}

// schedule reads a transcript: commands begin with "$ ", what follows is their output. It returns how long the session
// takes.
func schedule(r io.Reader) (lines []line, end time.Duration, err error) {
	s := bufio.NewScanner(r)
	for s.Scan() {
		l := line{text: strings.TrimRight(strings.ReplaceAll(s.Text(), "\t", "        "), " "),
			command: strings.HasPrefix(s.Text(), "$ ")}
		if l.command && len(lines) > 0 {
			end += beforeNext
		}
		if utf8.RuneCountInString(l.text) > columns {
			l.text = string([]rune(l.text)[:columns-1]) + "…"
		}
		l.at = end
		if end += afterLine; l.command {
			end += afterCommand
		}
		lines = append(lines, l)
	}
	return lines, end + atTheEnd, s.Err()
}

func draw(w io.Writer, r io.Reader) error {
	lines, end, err := schedule(r)
	if err != nil {
		return err
	}
	if len(lines) == 0 {
		return fmt.Errorf("the transcript is empty")
	}
	width, height := columns*charWidth+2*margin, len(lines)*lineHeight+2*margin
	b := &strings.Builder{}
	fmt.Fprintf(b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="A terminal session">
<style>
rect { fill: #14181d; }
text { font: 13px ui-monospace, Menlo, Consolas, monospace; fill: #c9d3dd; white-space: pre; }
.command { fill: #8fd19e; font-weight: 600; }
@media (prefers-reduced-motion: no-preference) { text { opacity: 0; animation: %.2fs infinite; } }
`, width, height, end.Seconds())
	for i, l := range lines {
		from := 100 * l.at.Seconds() / end.Seconds()
		fmt.Fprintf(b, "@keyframes l%d { 0%%, %.3f%% { opacity: 0; } %.3f%%, 100%% { opacity: 1; } }\n", i, from, from+0.001)
	}
	fmt.Fprintf(b, "</style>\n<rect width=\"%d\" height=\"%d\" rx=\"8\"/>\n", width, height)
	for i, l := range lines {
		class := ""
		if l.command {
			class = ` class="command"`
		}
		fmt.Fprintf(b, "<text%s x=\"%d\" y=\"%d\" style=\"animation-name: l%d\">%s</text>\n", class, margin,
			margin+(i+1)*lineHeight-5, i, html.EscapeString(l.text))
	}
	b.WriteString("</svg>\n")
	_, err = io.WriteString(w, b.String())
	return err
}
