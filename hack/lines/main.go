// Command lines counts the code of ours that a program links, by room. Lines without code do not count: comments, blank
// lines, tests and generated files.
//
//	go run ./hack/lines ./cmd/controller
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

const module = "github.com/k8s-lbc/lbc/"

func main() {
	program := "./cmd/controller"
	if len(os.Args) > 1 {
		program = os.Args[1]
	}
	lines, err := linked(".", program)
	if err != nil {
		fmt.Fprintln(os.Stderr, "lines:", err)
		os.Exit(1)
	}
	fmt.Print(table(lines))
}

// table is the lines by room and package in Markdown, the longest room first.
func table(lines map[string]int) string {
	rooms, total := byRoom(lines), 0
	var b strings.Builder
	b.WriteString("| Room | Lines |\n|---|---|\n")
	for _, r := range slices.SortedFunc(maps.Keys(rooms), func(x, y string) int { return rooms[y] - rooms[x] }) {
		fmt.Fprintf(&b, "| %s | %d |\n", r, rooms[r])
		total += rooms[r]
	}
	fmt.Fprintf(&b, "| together | %d |\n\n| Package | Lines |\n|---|---|\n", total)
	for _, p := range slices.SortedFunc(maps.Keys(lines), func(x, y string) int { return lines[y] - lines[x] }) {
		fmt.Fprintf(&b, "| %s | %d |\n", p, lines[p])
	}
	return b.String()
}

// byRoom sums lines of packages: internal/ has rooms, and each other directory of the module is one.
func byRoom(lines map[string]int) map[string]int {
	rooms := map[string]int{}
	for name, n := range lines {
		room, _, _ := strings.Cut(strings.TrimPrefix(name, "internal/"), "/")
		rooms[room] += n
	}
	return rooms
}

// linked counts the lines of each package of ours that a program links on Linux, as it is released. root is the
// directory of the module.
func linked(root, program string) (map[string]int, error) {
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Dir,GoFiles", program) //nolint:gosec // a package of ours
	cmd.Dir, cmd.Stderr = root, os.Stderr
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	lines := map[string]int{}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath, Dir string
			GoFiles         []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return lines, nil
		} else if err != nil {
			return nil, err
		}
		name, isOurs := strings.CutPrefix(p.ImportPath, module)
		if !isOurs {
			continue
		}
		for _, f := range p.GoFiles {
			text, err := os.ReadFile(filepath.Join(p.Dir, f)) //nolint:gosec // a file of ours
			if err != nil {
				return nil, err
			}
			n, err := linesOf(text)
			if err != nil {
				return nil, fmt.Errorf("%s/%s: %w", name, f, err)
			}
			lines[name] += n
		}
	}
}

// linesOf counts the lines of a file on which a token stands. A string of several lines counts with those that are not
// blank.
func linesOf(text []byte) (int, error) {
	files := token.NewFileSet()
	header, err := parser.ParseFile(files, "", text, parser.ImportsOnly|parser.ParseComments)
	if err != nil {
		return 0, err
	}
	if ast.IsGenerated(header) {
		return 0, nil
	}
	file := files.AddFile("", -1, len(text))
	var s scanner.Scanner
	s.Init(file, text, nil, 0) // without comments
	code := map[int]bool{}
	for {
		pos, tok, literal := s.Scan()
		if tok == token.EOF {
			return len(code), nil
		}
		if tok == token.SEMICOLON && literal == "\n" {
			continue // not written
		}
		for i, line := range strings.Split(literal, "\n") {
			if i == 0 || strings.TrimSpace(line) != "" {
				code[file.Line(pos)+i] = true
			}
		}
	}
}
