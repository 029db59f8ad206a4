// Package crd holds the definitions of custom resources: the YAML files beside this one, which make generate writes
// from package api. Programs have them compressed: 21 KB instead of 208. It imports nothing of ours.
package crd

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"io"
	"sync"
)

// compressed are the YAML files in the order of their names. make generate writes it.
//
//go:embed definitions.gz
var compressed []byte

// All are the definitions of every kind, each a YAML document, in the order of their files.
var All = sync.OnceValue(func() [][]byte {
	text, err := decompress(compressed)
	if err != nil {
		panic(err) // the test of this package reads the same bytes
	}
	return bytes.Split(bytes.TrimPrefix(text, separator[1:]), separator)
})

// separator is between two documents.
var separator = []byte("\n---\n")

func decompress(b []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}
