package crd

import (
	"bytes"
	"compress/gzip"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

var update = flag.Bool("update", false, "write definitions.gz anew, if the definitions changed")

// TestCompressedDefinitionsAreThoseOfFiles compares contents, not bytes: versions of Go compress differently.
func TestCompressedDefinitionsAreThoseOfFiles(t *testing.T) {
	t.Parallel()
	want := bytes.Join(files(t), nil)
	stored, err := os.ReadFile("definitions.gz")
	if err != nil && !*update {
		t.Fatal(err)
	}
	got, err := decompress(stored)
	if err == nil && bytes.Equal(got, want) {
		return
	}
	if !*update {
		t.Fatalf("config/crd/definitions.gz is not what the YAML files beside it are. Run make generate. (%v)", err)
	}
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(want); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("definitions.gz", b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestAllHasOneDocumentForEachFile(t *testing.T) {
	t.Parallel()
	var want [][]byte
	for _, f := range files(t) {
		want = append(want, bytes.TrimSpace(bytes.TrimPrefix(f, []byte("---\n"))))
	}
	if !slices.EqualFunc(All(), want, func(a, b []byte) bool { return bytes.Equal(bytes.TrimSpace(a), b) }) {
		t.Errorf("%d documents of %d files, or their contents differ", len(All()), len(want))
	}
}

func files(t *testing.T) [][]byte {
	t.Helper()
	names, err := filepath.Glob("*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatalf("%d files: %v", len(names), err)
	}
	var out [][]byte
	for _, name := range names { // sorted
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, text)
	}
	return out
}
