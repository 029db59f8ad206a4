// Command notices writes THIRD_PARTY_NOTICES: the licences and notices of everything that is linked into the released
// programs, with the modules that each of them is of, and those of the certificate authorities in the container image.
// It fails for a licence that it does not know, or that is not permissive.
package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

func main() {
	out := flag.String("out", "THIRD_PARTY_NOTICES", "file to write")
	flag.Parse()
	text, err := notices(flag.Args())
	if err == nil {
		err = os.WriteFile(*out, []byte(text), 0o644) //nolint:gosec // published
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "notices:", err)
		os.Exit(1)
	}
}

// pkg is what go list reports of a package.
type pkg struct {
	Dir      string
	Standard bool
	Module   *struct {
		Path, Version, Dir string
		Main               bool
	}
}

// released are the platforms of the released programs.
var released = []string{"linux/amd64", "linux/arm64", "darwin/arm64"}

// linked are the packages that programs consist of, on any platform.
func linked(programs []string) ([]pkg, error) {
	seen := map[string]bool{}
	var all []pkg
	for _, p := range released {
		system, architecture, _ := strings.Cut(p, "/")
		//nolint:gosec // ours
		cmd := exec.Command("go", append([]string{"list", "-deps", "-json=Dir,Standard,Module"}, programs...)...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+system, "GOARCH="+architecture)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		text, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("go list: %w\n%s", err, stderr.String())
		}
		for d := json.NewDecoder(bytes.NewReader(text)); ; {
			var p pkg
			if err := d.Decode(&p); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return nil, err
			}
			if !seen[p.Dir] && !p.Standard && p.Module != nil && !p.Module.Main {
				seen[p.Dir] = true
				all = append(all, p)
			}
		}
	}
	return all, nil
}

// legal are the names of files with licences and notices.
var legal = regexp.MustCompile(`(?i)^(licen[cs]e|copying|copyright|notice)([-._].*)?$`)

// texts are the files of a module that hold for its linked packages: those of the directories of the packages and of
// the ones around them.
func texts(p pkg) (map[string]string, error) {
	out := map[string]string{}
	for dir := p.Dir; ; dir = filepath.Dir(dir) {
		files, err := os.ReadDir(dir)
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			if f.IsDir() || !legal.MatchString(f.Name()) || strings.HasSuffix(f.Name(), ".go") {
				continue
			}
			text, err := os.ReadFile(filepath.Join(dir, f.Name())) //nolint:gosec // of the module cache
			if err != nil {
				return nil, err
			}
			rel, err := filepath.Rel(p.Module.Dir, filepath.Join(dir, f.Name()))
			if err != nil {
				return nil, err
			}
			out[filepath.ToSlash(rel)] = strings.TrimSpace(strings.ReplaceAll(string(text), "\r\n", "\n"))
		}
		if dir == p.Module.Dir {
			return out, nil
		}
	}
}

// kinds are the licences that are permitted, by words that only they have.
var kinds = []struct{ name, words string }{
	{"Apache-2.0", "Apache License Version 2.0"},
	{"ISC", "Permission to use, copy, modify, and/or distribute this software for any purpose"},
	{"ISC", "Permission to use, copy, modify, and distribute this software for any purpose"},
	{"MIT", "Permission is hereby granted, free of charge, to any person obtaining a copy"},
	{"BSD", "Redistribution and use in source and binary forms, with or without modification"},
}

// kind is the name of a licence, or empty.
func kind(text string) string {
	flat := strings.Join(strings.Fields(strings.NewReplacer("*", " ", "#", " ").Replace(text)), " ")
	for _, k := range kinds {
		if strings.Contains(flat, k.words) {
			return k.name
		}
	}
	return ""
}

const goName = "The Go standard library (LICENSE)"

func standardLibrary() (string, error) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("go env: %w", err)
	}
	text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(root)), "LICENSE"))
	return strings.TrimSpace(string(text)), err
}

// notices is the file for programs.
func notices(programs []string) (string, error) {
	packages, err := linked(programs)
	if err != nil {
		return "", err
	}
	modules := map[string][]string{} // by text: the files that have it
	licensed := map[string]map[string]bool{}
	for _, p := range packages {
		name := p.Module.Path + " " + p.Module.Version
		if licensed[name] == nil {
			licensed[name] = map[string]bool{}
		}
		found, err := texts(p)
		if err != nil {
			return "", err
		}
		for file, text := range found {
			if k := kind(text); k != "" {
				licensed[name][k] = true
			}
			if of := name + " (" + file + ")"; !slices.Contains(modules[text], of) {
				modules[text] = append(modules[text], of)
			}
		}
	}
	library, err := standardLibrary()
	if err != nil {
		return "", err
	}
	modules[library] = append(modules[library], goName)
	if err := addAuthorities(modules, licensed); err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("Licences and notices of what the released programs are linked from, and of the certificate " +
		"authorities in the container image. Written by make generate.\n\n")
	var unknown []error
	for _, name := range slices.Sorted(maps.Keys(licensed)) {
		of := slices.Sorted(maps.Keys(licensed[name]))
		if len(of) == 0 {
			unknown = append(unknown, fmt.Errorf("%s has no licence that is known to be permissive: add it to kinds, or "+
				"remove the module", name))
		}
		fmt.Fprintf(&b, "%s: %s\n", name, strings.Join(of, ", "))
	}
	if err := errors.Join(unknown...); err != nil {
		return "", err
	}
	ordered := slices.Collect(maps.Keys(modules))
	for _, of := range modules {
		slices.Sort(of)
	}
	slices.SortFunc(ordered, func(x, y string) int { return cmp.Compare(modules[x][0], modules[y][0]) })
	for _, text := range ordered {
		fmt.Fprintf(&b, "\n%s\n%s\n\n%s\n", strings.Repeat("=", 80), strings.Join(modules[text], "\n"), text)
	}
	return b.String(), nil
}
