package main

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

var (
	references = regexp.MustCompile(`(?:href|src)="([^"]*)"`)
	ids        = regexp.MustCompile(`\bid="([^"]*)"`)
)

// check returns an error for each link of a page that leads to no file of the site, or to no heading of it.
func check(files map[string][]byte) error {
	headings := map[string][]string{}
	for name, content := range files {
		for _, m := range ids.FindAllSubmatch(content, -1) {
			headings[name] = append(headings[name], string(m[1]))
		}
	}
	var all []error
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if path.Ext(name) != ".html" {
			continue
		}
		for _, m := range references.FindAllSubmatch(files[name], -1) {
			to, anchor, _ := strings.Cut(string(m[1]), "#")
			if strings.Contains(to, ":") {
				continue
			}
			if to = path.Join(path.Dir(name), to); strings.HasPrefix(string(m[1]), "#") {
				to = name
			}
			if _, ok := files[to]; !ok {
				all = append(all, fmt.Errorf("%s: there is no %s", name, to))
			} else if anchor != "" && !slices.Contains(headings[to], anchor) {
				all = append(all, fmt.Errorf("%s: %s has no heading %s", name, to, anchor))
			}
		}
	}
	return errors.Join(all...)
}
