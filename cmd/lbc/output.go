package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/spf13/cobra"
	"golang.org/x/term"
	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// outputs are the flags for the output.
type outputs struct {
	format  string
	color   string // auto, always or never
	formats []string
}

func (o *outputs) flags(cmd *cobra.Command, formats ...string) {
	o.formats = formats
	f := cmd.Flags()
	f.StringVarP(&o.format, "output", "o", "text", list(formats))
	f.StringVar(&o.color, "color", "auto", "auto, always or never")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("color", cobra.FixedCompletions([]string{"auto", "always", "never"},
		cobra.ShellCompDirectiveNoFileComp))
}

func list(words []string) string {
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

func (o *outputs) validate() error {
	if !slices.Contains(o.formats, o.format) {
		return fmt.Errorf("--output %q: must be %s", o.format, list(o.formats))
	}
	if !slices.Contains([]string{"auto", "always", "never"}, o.color) {
		return fmt.Errorf("--color %q: must be auto, always or never", o.color)
	}
	return nil
}

// colored reports whether the output to w is coloured: with auto on a terminal that shows colours, unless NO_COLOR is
// set.
func (o *outputs) colored(w io.Writer) bool {
	return o.color == "always" || o.color == "auto" && isTerminal(w) && os.Getenv("NO_COLOR") == "" &&
		os.Getenv("TERM") != "dumb"
}

// encode writes a document of a kind as JSON or YAML, the fields of both under the same names.
func (o *outputs) encode(w io.Writer, kind documentKind, fields any) error {
	text, err := withHead(kind, fields)
	if err != nil {
		return err
	}
	text = escaped(text)
	if o.format == "yaml" {
		text, err = yaml.JSONToYAML(text)
		if err != nil {
			return err
		}
		_, err = w.Write(text)
		return err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "  "); err != nil {
		return err
	}
	b.WriteByte('\n')
	_, err = w.Write(b.Bytes())
	return err
}

// escaped is a JSON text with escapes for the characters that encoding/json leaves as they are and that no YAML may
// have or no terminal shows.
func escaped(text []byte) []byte {
	if diag.Visible(string(text)) == string(text) {
		return text
	}
	var b bytes.Buffer
	for _, r := range string(text) {
		switch {
		case diag.Visible(string(r)) == string(r):
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.Bytes()
}

func mark(d diag.Diagnostic) string { return string(d.Severity()) + ":" }

// isTerminal reports whether w is a terminal. Another device, such as /dev/null, is none.
func isTerminal(w io.Writer) bool {
	if _, ok := w.(*screen); ok {
		return true
	}
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	return term.IsTerminal(int(f.Fd()))
}
