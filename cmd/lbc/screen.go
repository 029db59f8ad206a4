package main

import (
	"bytes"
	"io"
	"os"

	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// screen is a terminal. It shows control characters of what objects and AWS hold as escapes: a name, a tag or an
// annotation must not move the cursor, hide lines or set the title.
type screen struct{ io.Writer }

// onScreen is a file as it is, or as a screen if it is a terminal.
func onScreen(f *os.File) io.Writer {
	if isTerminal(f) {
		return &screen{f}
	}
	return f
}

// Write implements io.Writer. The texts of this program are written by whole lines.
func (s *screen) Write(text []byte) (int, error) {
	lines := bytes.SplitAfter(text, []byte("\n"))
	out := make([]byte, 0, len(text))
	for _, line := range lines {
		body, ended := bytes.CutSuffix(line, []byte("\n"))
		for i, column := range bytes.Split(body, []byte("\t")) {
			if i > 0 {
				out = append(out, '\t')
			}
			out = append(out, diag.VisibleStyled(string(column))...)
		}
		if ended {
			out = append(out, '\n')
		}
	}
	if _, err := s.Writer.Write(out); err != nil {
		return 0, err
	}
	return len(text), nil
}
