package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/kube/manifest"
)

// broken is a file that cannot be read, or that has no Kubernetes objects.
type broken struct {
	file    string
	line    int // 0 = not known
	err     error
	foreign bool // it lies in a directory, among manifests, and is none
}

// allBroken: no file can be read.
type allBroken []broken

func (b allBroken) Error() string { return b[0].Error() }

func (b broken) Error() string {
	if b.line > 0 {
		return fmt.Sprintf("%s:%d: %v", b.file, b.line, b.err)
	}
	return fmt.Sprintf("%s: %v", b.file, b.err)
}

// sayBroken says which files are left out, and reports whether manifests are among them.
func (s *source) sayBroken(errOut io.Writer) (manifests bool) {
	for _, b := range s.broken {
		fmt.Fprintf(errOut, "lbc: %v; the file is left out\n", b)
		manifests = manifests || !b.foreign
	}
	return manifests
}

// read reads the files. unreadable are those that are left out in addition to others.
func (i *inputs) read(in io.Reader) (all []placed, skipped []unread, unreadable []broken, err error) {
	paths, err := i.paths()
	if err != nil {
		return nil, nil, nil, err
	}
	readable := 0
	for _, p := range paths {
		objs, others, err := i.readOne(p, in)
		var b broken
		switch {
		case errors.As(err, &b):
			b.foreign = b.foreign && !slices.Contains(i.files, p)
			unreadable = append(unreadable, b)
			continue
		case err != nil:
			return nil, nil, nil, err
		}
		readable++
		all, skipped = append(all, objs...), append(skipped, others...)
	}
	if readable == 0 && len(unreadable) > 0 {
		return nil, nil, nil, allBroken(unreadable)
	}
	return all, skipped, unreadable, nil
}

// paths are the files to read: the named ones, and those in named directories.
func (i *inputs) paths() ([]string, error) {
	var all []string
	for _, name := range i.files {
		info, err := os.Stat(name)
		if err != nil || !info.IsDir() {
			all = append(all, name) // reading it returns the error
			continue
		}
		var inside []string
		for _, pattern := range []string{"*.yaml", "*.yml", "*.json"} {
			found, err := filepath.Glob(filepath.Join(name, pattern))
			if err != nil {
				return nil, err
			}
			inside = append(inside, found...)
		}
		if len(inside) == 0 { // a check of no files must not succeed
			return nil, fmt.Errorf("directory %s has no manifests (*.yaml, *.yml, *.json); its subdirectories are not searched",
				name)
		}
		slices.Sort(inside)
		all = append(all, inside...)
	}
	return all, nil
}

func (i *inputs) readOne(path string, in io.Reader) ([]placed, []unread, error) {
	var content []byte
	var err error
	if path == "-" {
		content, err = io.ReadAll(in)
	} else {
		content, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, nil, err
	}
	decode := manifest.Decode
	if i.former {
		decode = manifest.DecodeFormer
	}
	objs, skipped, err := decode(content, i.namespace)
	var malformed *manifest.MalformedError
	if err != nil {
		b := broken{file: path, err: err, foreign: errors.Is(err, manifest.ErrForeign) && !hasKinds(content)}
		if errors.As(err, &malformed) {
			b.line = malformed.Line
		}
		return nil, nil, b
	}
	return place(path, content, i.namespace, objs), skippedOf(path, content, i.namespace, skipped), nil
}

// hasKinds reports whether an object in a text has a kind.
func hasKinds(content []byte) bool {
	for n := range nodesOf(content, "") {
		if n.kind != "" {
			return true
		}
	}
	return false
}

// skippedOf finds objects that were skipped, as "apiVersion kind namespace/name", in the text of their file.
func skippedOf(file string, content []byte, namespace string, skipped []string) (out []unread) {
	nodes := nodesOf(content, namespace)
	for _, what := range skipped {
		u := unread{what: what, file: file}
		if parts := strings.Fields(what); len(parts) == 3 {
			ns, n, ok := strings.Cut(parts[2], "/")
			if !ok {
				ns, n = namespace, parts[2]
			}
			if at := nodes[name{parts[1], ns, n}]; at != nil {
				u.line = at.Line
			}
		}
		out = append(out, u)
	}
	return out
}
